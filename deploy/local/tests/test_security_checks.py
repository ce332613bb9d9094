"""What `make security` looks for is found: an advisory, a secret, a fault of the image; and it says what it cannot."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from local_stack import advisories, bill_of_materials, checks, secret_scan
from local_stack.advisories import Finding
from local_stack.errors import LocalStackError
from local_stack.paths import ROOT

HADOLINT = Path(sys.executable).parent / "hadolint"
BAD = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-1"],
    "summary": "planted",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
            "versions": ["2.4.1", "3.0.0"],
        }
    ],
}
TODAY = date(2026, 6, 1)
FOUND = Finding("jinja2", "3.0.0", "GHSA-aaaa-bbbb-cccc", ("CVE-2026-1",), ("99.1",))


class Database(ThreadingHTTPServer):
    """A database of advisories: knows `BAD`, and who asked for what."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.knows = True
        self.answer = 200
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/query"


class _Handler(BaseHTTPRequestHandler):
    server: Database

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))
        name, version = query["package"]["name"], query["version"]
        self.server.asked.append((name, version))
        is_bad = self.server.knows and name == "jinja2" and version in {"2.4.1", "3.0.0"}
        body = json.dumps({"vulns": [BAD]} if is_bad else {}).encode()
        self.send_response(self.server.answer)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def database() -> Iterator[Database]:
    with Database() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock file with a vulnerable package and a good one."""
    file = tmp_path / "lock.txt"
    pins = (("jinja2", "3.0.0"), ("markupsafe", "3.0.2"))
    file.write_text("".join(f"{name}=={version} \\\n    --hash=sha256:{'a' * 64}\n" for name, version in pins))
    return file


# --- advisories ------------------------------------------------------------------------------------------------------


def test_a_known_vulnerability_of_a_pinned_package_fails(
    database: Database, lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert advisories.check(database.address, locks=[lock]) == 1

    said = capfd.readouterr()
    assert "jinja2 3.0.0: CVE-2026-1 GHSA-aaaa-bbbb-cccc, fixed in 99.1" in said.err
    assert set(database.asked) == {("jinja2", "2.4.1"), ("jinja2", "3.0.0"), ("markupsafe", "3.0.2")}


def test_without_a_known_vulnerability_it_passes(database: Database, lock: Path) -> None:
    lock.write_text(lock.read_text().replace("3.0.0", "3.1.6"))
    assert advisories.check(database.address, locks=[lock]) == 0


def test_a_database_that_cannot_be_reached_is_said_and_fails_only_where_it_is_required(
    lock: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    nowhere = "http://127.0.0.1:9/v1/query"

    assert advisories.check(nowhere, locks=[lock]) == 0
    assert advisories.check(nowhere, locks=[lock], required=True) == 1
    said = capfd.readouterr()
    assert (said.out + said.err).count("NOT AUDITED") == 2


@pytest.mark.parametrize(("knows", "answer"), [(False, 200), (True, 503)])
def test_a_database_that_knows_nothing_was_not_reached(
    database: Database, lock: Path, knows: bool, answer: int
) -> None:
    database.knows, database.answer = knows, answer
    assert advisories.why_not_reached(database.address) is not None
    assert advisories.check(database.address, locks=[lock], required=True) == 1


def test_an_audit_that_does_not_come_to_its_end_is_no_pass(database: Database, tmp_path: Path) -> None:
    broken = tmp_path / "lock.txt"
    broken.write_text("jinja2>=3\n")
    with pytest.raises(LocalStackError, match="did not come to an end"):
        advisories.findings(database.address, [broken])


def test_an_accepted_advisory_passes_until_its_day() -> None:
    assert advisories.judged([FOUND], {}, TODAY) == [FOUND.words]
    for name in ("GHSA-aaaa-bbbb-cccc", "CVE-2026-1"):
        assert advisories.judged([FOUND], {name: ("not called here", TODAY)}, TODAY) == []
    [over] = advisories.judged([FOUND], {"CVE-2026-1": ("not called here", date(2026, 5, 31))}, TODAY)
    assert "look at it again" in over


@pytest.mark.parametrize("missing", ["advisory", "package", "reason", "until"])
def test_what_is_accepted_needs_a_reason_and_a_date(tmp_path: Path, missing: str) -> None:
    words = {"advisory": '"CVE-2026-1"', "package": '"jinja2"', "reason": '"not called here"', "until": "2026-06-01"}
    file = tmp_path / "accepted.toml"

    file.write_text("[[accepted]]\n" + "".join(f"{name} = {value}\n" for name, value in words.items()))
    assert advisories.accepted(file) == {"CVE-2026-1": ("not called here", TODAY)}
    file.write_text("[[accepted]]\n" + "".join(f"{name} = {words[name]}\n" for name in words if name != missing))
    with pytest.raises(LocalStackError, match="needs advisory, package, reason, and until"):
        advisories.accepted(file)


def test_the_list_of_what_is_accepted_can_be_read_and_every_lock_is_audited() -> None:
    advisories.accepted()
    audited = {name for lock in advisories.LOCKS for name, *_ in bill_of_materials.pinned(lock)}
    assert audited == {name for lock in bill_of_materials.LOCKS.values() for name, *_ in bill_of_materials.pinned(lock)}


# --- secrets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "Private Key"),
        ('TELEGRAM_BOT_TOKEN = "' + "1234567890:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw9" + '"', "Telegram"),
        ("RABBITMQ_URL=amqp://admin:" + "hunter2hunter2" + "@broker/", "Basic Auth"),
        ('session_password = "' + "correct horse battery" + '"', "Secret Keyword"),
        ("AKIA" + "IOSFODNN7EXAMPLQ", "AWS"),
    ],
)
def test_a_planted_secret_is_found_and_not_repeated(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str, kind: str
) -> None:
    (tmp_path / "settings.py").write_text(f"# settings\n{line}\n")

    assert secret_scan.check(["settings.py"], tmp_path) == 1
    said = capfd.readouterr()
    assert f"settings.py:2: {kind}" in said.out + said.err
    assert line not in said.out + said.err


def test_a_file_without_secrets_passes(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text('token = settings.token\npassword = ""\n')
    assert secret_scan.check(["settings.py"], tmp_path) == 0


def test_what_is_known_to_be_none_is_so_wherever_the_clone_lies(tmp_path: Path) -> None:
    known = sorted(json.loads(secret_scan.BASELINE.read_text())["results"])
    for name in known[:3]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    assert secret_scan.check(known[:3], tmp_path) == 0


def test_tracked_files_are_looked_at_and_the_baseline_names_only_those_that_are_there() -> None:
    files = set(secret_scan.tracked_files())
    assert {"docker-compose.yml", "deploy/Dockerfile", "README.md"} <= files
    assert set(json.loads(secret_scan.BASELINE.read_text())["results"]) <= files


# --- the image -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("FROM python:latest", "DL3007"),
        ("RUN sudo make me", "DL3004"),
        ("RUN cd /build && make", "DL3003"),
        ("RUN apt-get install curl", "DL3008"),
    ],
)
def test_a_planted_fault_of_the_image_is_found(tmp_path: Path, line: str, rule: str) -> None:
    planted = tmp_path / "Dockerfile"
    planted.write_text((ROOT / "deploy/Dockerfile").read_text() + f"{line}\n")

    done = subprocess.run((HADOLINT, "--no-color", planted), check=False, capture_output=True, text=True)

    assert done.returncode == 1
    assert rule in done.stdout


# --- what it is made of ----------------------------------------------------------------------------------------------


def test_the_bill_of_materials_names_every_pinned_package_with_its_hashes(tmp_path: Path) -> None:
    place = tmp_path / "new" / "sbom.cdx.json"

    # Writing it validates it by CycloneDX's own schema.
    assert bill_of_materials.main([str(place)]) == 0

    document = json.loads(place.read_text())
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    by_purl = {one["purl"]: one for one in document["components"] if "purl" in one}
    for used_for, lock in bill_of_materials.LOCKS.items():
        for name, version, hashes, _ in bill_of_materials.pinned(lock):
            component = by_purl[f"pkg:pypi/{name}@{version}"]
            assert component["version"] == version
            digests = {one["content"] for one in component["externalReferences"][0]["hashes"]}
            assert digests == {one.rpartition(":")[2] for one in hashes}
            assert (component["scope"] == "required") is (used_for == "runtime") or used_for != "runtime"
    runtime = [one for one in document["components"] if one.get("scope") == "required"]
    assert len(runtime) > 50
    without = [one["name"] for one in runtime if "licenses" not in one]
    assert set(without) <= {"colorama", "pywin32", "winloop"}, "installed elsewhere only"
    assert {"python"} == {one["name"] for one in document["components"] if one["type"] == "container"}
    assert "simple/" not in place.read_text()


def test_a_document_that_is_none_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nonsense(*_: object, **__: object) -> Any:
        return type("Nonsense", (), {"output_as_string": lambda *_, **__: '{"bomFormat": "CycloneDX"}'})()

    monkeypatch.setattr(bill_of_materials, "make_outputter", nonsense)

    assert bill_of_materials.main([str(tmp_path / "sbom.json")]) == 1
    assert not (tmp_path / "sbom.json").exists()


def test_make_test_has_a_part_for_all_of_it() -> None:
    part = next(part for part in checks.all_parts() if part.name == "security")
    words = [" ".join(command) for command in part.commands]
    for wanted in ("hadolint", "advisories", "secret_scan", "bill_of_materials"):
        assert any(wanted in word for word in words), wanted
