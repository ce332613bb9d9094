"""webinarctl in the cluster: the Job that is made, and what its caller sees. kubectl is a stand-in that answers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from contracts.topology import THE_FIVE
from manifests import core_objects
from manifests.rendered import FOLDER, NAME, OVERLAYS, Object, Pods, overlay
from run_webinarctl import as_job

STAND_IN = """#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
with (folder / "calls").open("a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
words = sys.argv[3:]
if words[0] == "create":
    (folder / "created").write_text(sys.stdin.read())
    print("job.batch/webinarctl-x7k2p")
elif words[0] == "logs":
    print("everything is well")
elif words[:2] == ["get", "pod"]:
    print({exit_code})
elif words[0] == "get":
    (folder / "asked").write_text(" ".join(words[1:3]))
    known = folder / "workload"
    if not known.exists():
        sys.exit("Error from server (NotFound)")
    print(known.read_text())
"""


class Stand:
    """A folder with the stand-in for kubectl."""

    def __init__(self, folder: Path, exit_code: int, workload: Object | None) -> None:
        self._folder = folder
        (folder / "kubectl").write_text(
            STAND_IN.format(python=sys.executable, folder=str(folder), exit_code=exit_code), encoding="utf-8"
        )
        (folder / "kubectl").chmod(0o755)
        if workload is not None:
            (folder / "workload").write_text(json.dumps(workload), encoding="utf-8")

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, str(FOLDER / "run_webinarctl.py"), *words],
            env={**os.environ, "PATH": f"{self._folder}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    def asked(self) -> str:
        return (self._folder / "asked").read_text(encoding="utf-8")

    def created(self) -> Object:
        created: Object = json.loads((self._folder / "created").read_text(encoding="utf-8"))
        return created


def pods_of(job: Object) -> Pods:
    template = job["spec"]["template"]
    return Pods("Job", "webinarctl", template["metadata"]["labels"], template["spec"])


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize(("kind", "workload"), [*(("Deployment", one) for one in THE_FIVE), ("Job", "provision")])
def test_the_job_has_the_settings_the_rights_and_the_network_of_what_it_is_like(
    name: str, kind: str, workload: str
) -> None:
    rendered = overlay(name)
    original = rendered.named(kind, workload)

    job = as_job(original, ["after-restore", "--yes"])

    core_objects.validate(job)
    [container], [like] = pods_of(job).containers, rendered.pods_of(workload).containers
    assert container["command"] == ["webinarctl", "after-restore", "--yes"]
    for kept in ("image", "env", "securityContext", "resources", "volumeMounts"):
        assert container[kept] == like[kept]
    assert pods_of(job).spec["securityContext"] == original["spec"]["template"]["spec"]["securityContext"]
    assert pods_of(job).labels == {NAME: workload}
    assert pods_of(job).match(rendered.named("NetworkPolicy", workload)["spec"]["podSelector"])


def test_its_words_are_shown_and_its_exit_code_is_the_callers(tmp_path: Path) -> None:
    stand = Stand(tmp_path, exit_code=1, workload=overlay("small").named("Deployment", "tracker"))

    ran = stand.run("--as", "tracker", "after-restore", "--yes")

    assert (ran.stdout, ran.returncode) == ("everything is well\n", 1)
    assert stand.asked() == "deployment tracker"
    [container] = pods_of(stand.created()).containers
    assert container["command"] == ["webinarctl", "after-restore", "--yes"]


def test_without_a_service_it_is_the_administrators(tmp_path: Path) -> None:
    stand = Stand(tmp_path, exit_code=0, workload=overlay("small").named("Job", "provision"))

    ran = stand.run("doctor", "--json")

    assert ran.returncode == 0, ran.stderr
    assert stand.asked() == "job provision"


def test_what_is_not_there_is_kubectls_complaint_alone(tmp_path: Path) -> None:
    ran = Stand(tmp_path, exit_code=0, workload=None).run("doctor")

    assert ran.returncode == 1
    assert ran.stderr == "Error from server (NotFound)\n"
