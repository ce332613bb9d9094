"""docker-compose.yml as an operator runs it: up, the loop, loss and restore, down. Needs a Docker engine."""

import itertools
import json
import os
import re
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from contracts.topology import THE_FIVE
from local_stack.processes import free_ports
from world.background import Background
from world.caller import Caller, error_code
from world.desk import Desk
from world.streams import Crowd
from world.telegram import Telegram
from world.wire import Wire

ROOT = Path(__file__).parents[2]
PASSWORD = "a-long-password-for-the-test"
PATIENCE_SECONDS = 60
ENOUGH = timedelta(seconds=6)
FACTS = (
    "client_webinar_entered",
    "client_webinar_completed",
    "webinar_completed",
    "client_webinar_attendance_classified",
    "post_webinar_route",
)

pytestmark = pytest.mark.timeout(900)


class Compose:
    """One compose project with ports and secrets of its own; gone with its volumes at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        http_port, amqp_port, sandbox_port = free_ports(3)
        self.base_url = f"http://127.0.0.1:{http_port}"
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        secrets = subprocess.run(
            [str(ROOT / ".venv/bin/webinarctl"), "env"], check=True, capture_output=True, text=True
        ).stdout
        settings = dict(line.split("=", 1) for line in secrets.splitlines()) | {
            "HTTP_PORT": f"127.0.0.1:{http_port}",
            "RABBITMQ_PORT": f"127.0.0.1:{amqp_port}",
            "SANDBOX_PORT": f"127.0.0.1:{sandbox_port}",
            "BASE_URL": self.base_url,
            "FOLLOWUP_DELAY": "0",
            "MINIMUM_WATCHED_SECONDS": "3",
        }
        self.amqp_url = f"amqp://admin:{settings['RABBITMQ_ADMIN_PASSWORD']}@127.0.0.1:{amqp_port}/"
        env_file = folder / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": f"webinars-test-{os.getpid()}",
            "COMPOSE_FILE": f"{ROOT}/docker-compose.yml:{ROOT}/deploy/compose/sandbox.yml",
            "COMPOSE_ENV_FILES": str(env_file),
            "ACCOUNT_PASSWORD": PASSWORD,
        }

    def run(self, *words: str) -> str:
        """Run `docker compose`; return what it answers."""
        return self.shell(shlex.join(["docker", "compose", *words]))

    def shell(self, script: str) -> str:
        """Run commands as an operator types them, up to the first that fails; return what they answer."""
        ran = self._try(script)
        assert ran.returncode == 0, f"{script}:\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def refusal(self, *words: str) -> str:
        """Run `docker compose` where it must fail; return its complaint."""
        ran = self._try(shlex.join(["docker", "compose", *words]))
        assert ran.returncode == 1, ran.stdout
        return ran.stderr

    def _try(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def health(self) -> dict[str, str]:
        """Return how each of the five is."""
        found = [json.loads(line) for line in self.run("ps", "--all", "--format", "json").splitlines()]
        return {one["Service"]: one["Health"] for one in found if one["Service"] in THE_FIVE}

    def doctors_findings(self) -> list[str]:
        """Return what `webinarctl doctor` finds amiss."""
        looked = json.loads(self.run("run", "--rm", "provision", "webinarctl", "doctor", "--json"))
        return [f"{one['what']}: {one['words']}" for one in looked["findings"] if one["state"] != "ok"]


@dataclass(frozen=True)
class Couple:
    """A candidate and the partner who invited them; a partner is told of all candidates at most once a minute."""

    candidate: str
    partner: str


@dataclass
class OnAir:
    """A webinar with the candidate of a couple in its room."""

    webinar_id: UUID
    couple: Couple
    crowd: Crowd


class House:
    """The people of the stories, what they do, and what there is to hear and to read."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._numbers = itertools.count(1)
        self._callers: list[Caller] = []
        self._chats: dict[str, int] = {}
        self._background = Background()
        self.wire = Wire(self._background, compose.amqp_url)
        self._telegram = Telegram(compose.sandbox_url)
        self._add_account("speaker", "speaker")
        self.desk = self.desk_of_the_speaker()

    def _add_account(self, login: str, role: str, *more: str) -> None:
        self._compose.run(
            *("exec", "-T", "-e", "ACCOUNT_PASSWORD", "room-ui", "webinarctl", "account", "add", "--login", login),
            *("--name", f"The {login}", "--role", role, "--password-env", "ACCOUNT_PASSWORD", *more),
        )

    def couple(self) -> Couple:
        """Return two new people with a Telegram chat each."""
        number = next(self._numbers)
        couple = Couple(f"candidate-{number}", f"partner-{number}")
        self._add_account(couple.partner, "partner")
        self._add_account(couple.candidate, "candidate", "--partner", couple.partner)
        self._link_chat(couple.candidate)
        self._link_chat(couple.partner)
        return couple

    def _link_chat(self, login: str) -> None:
        caller = self._caller(login)
        # It answers so until post-webinar has heard of the account.
        _until(lambda: error_code(caller.post("/account/telegram/")) != "unavailable", f"{login} is known")
        self._chats[login] = self._telegram.add_chat(login)
        self._telegram.link(self._chats[login], caller.chat_link())

    def _caller(self, login: str) -> Caller:
        caller = Caller(self._compose.base_url)
        self._callers.append(caller)
        return caller.sign_in(login, PASSWORD)

    def desk_of_the_speaker(self) -> Desk:
        """Sign the speaker in."""
        return Desk(self._caller("speaker"), self.wire, lambda _: None)

    def enter(self, webinar_id: UUID, couple: Couple) -> OnAir:
        """Sign the candidate in and let them into the room, as soon as it is on air."""
        candidate = self._caller(couple.candidate)
        _until(lambda: '"live"' in candidate.get(f"/webinar/v1/state?webinar_id={webinar_id}").text, "it is on air")
        crowd = Crowd(self._background, self._compose.base_url, webinar_id)
        crowd.join({couple.candidate: candidate.cookies()})
        return OnAir(webinar_id, couple, crowd)

    def on_air(self, title: str) -> OnAir:
        """Start a webinar for a new couple; return when the candidate has seen enough of it."""
        couple = self.couple()
        webinar_id = self.desk.plan(title)
        self.desk.start(webinar_id)
        on_air = self.enter(webinar_id, couple)
        self.wire.wait_for("client_webinar_entered", webinar_id=webinar_id, patience=PATIENCE_SECONDS)
        self.wire.wait_for("room_presence", webinar_id=webinar_id, where=_long_enough, patience=PATIENCE_SECONDS)
        return on_air

    def stop(self, on_air: OnAir, *, messages: str = "sent") -> None:
        """Stop a webinar before the candidate's eyes; return when the couple's messages about it are in this state."""
        self.desk.press(on_air.webinar_id, "stop", confirm="confirm")
        on_air.crowd.wait_for(lambda stream: stream.first("finished"))
        on_air.crowd.leave()
        for recipient in ("candidate", "partner"):
            self.wire.wait_for(
                "post_webinar_delivery",
                webinar_id=on_air.webinar_id,
                where=lambda body, wanted=recipient: (body["recipient"], body["state"]) == (wanted, messages),  # type: ignore[misc]
                patience=PATIENCE_SECONDS,
            )

    def readers(self, title: str) -> list[str]:
        """Return who has got a message about a webinar, once for each that they have ever got."""
        return sorted(login for login, chat_id in self._chats.items() for _ in self._telegram.texts(chat_id, title))

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
        self._telegram.close()
        self.wire.close()
        self._background.close()


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s"
        time.sleep(0.2)


def _long_enough(body: dict[str, Any]) -> bool:
    """Whether a report of presence tells of more than the least that counts."""
    at = datetime.fromisoformat(body["at"])
    return any(at - datetime.fromisoformat(entry["since"]) > ENOUGH for entry in body["entries"])


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    project = Compose(tmp_path_factory.mktemp("compose"))
    try:
        project.run("up", "--build", "--wait", "--wait-timeout", "240")
        yield project
    finally:
        project.run("down", "--volumes", "--timeout", "15")


@pytest.fixture(scope="module")
def house(compose: Compose) -> Iterator[House]:
    house = House(compose)
    yield house
    house.close()


def test_the_loop_runs_in_containers(house: House) -> None:
    on_air = house.on_air("In containers")
    house.stop(on_air)

    heard = {topic: house.wire.of(topic, on_air.webinar_id) for topic in FACTS}
    assert {topic: len(said) for topic, said in heard.items()} == dict.fromkeys(FACTS, 1)
    assert heard["webinar_completed"][0].body["completed_by"] in {"present_at_stop", "watched_enough"}
    assert heard["client_webinar_attendance_classified"][0].body["attended"] is True
    assert heard["post_webinar_route"][0].body["route"] == "attended"
    assert house.readers("In containers") == [on_air.couple.candidate, on_air.couple.partner]


def test_services_run_without_root_and_cannot_write_where_they_live(compose: Compose) -> None:
    for service in THE_FIVE:
        assert compose.run("exec", "-T", service, "id", "-u").strip() == "10001"
        ran = compose.run("exec", "-T", service, "sh", "-c", "touch /app/x 2>/dev/null && echo written || echo refused")
        assert ran.strip() == "refused"


def documented(heading: str) -> list[str]:
    """Return the commands that docs/operating.md gives below a heading, block by block."""
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    section = re.split(r"^##+ ", page.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def test_a_house_restored_as_documented_runs_on_and_sends_nothing_twice(compose: Compose, house: House) -> None:
    dump, restore = documented("Back up and restore with Docker")
    settle = ("run", "--rm", "provision", "webinarctl", "after-restore", "--yes")
    before = house.on_air("Before the dumps")
    house.stop(before)
    at_the_dump = house.on_air("On air in the dumps")

    compose.shell(dump)

    house.stop(at_the_dump)
    after = house.on_air("After the dumps")
    house.stop(after)
    assert "stop all services first" in compose.refusal(*settle)

    found = compose.shell(restore)

    assert "on air when it was dumped: On air in the dumps" in found
    assert "held: On air in the dumps" in found
    once_more = json.loads(compose.run(*settle, "--json"))
    assert {one["service"] for one in once_more["settled"] if one["before"]} == set(THE_FIVE)
    assert compose.health() == dict.fromkeys(THE_FIVE, "healthy")
    house.desk = house.desk_of_the_speaker()
    house.stop(house.enter(at_the_dump.webinar_id, at_the_dump.couple), messages="held")
    next_one = house.on_air("Restored")
    house.stop(next_one)
    for title, on_air in (
        ("Before the dumps", before),
        ("On air in the dumps", at_the_dump),
        ("After the dumps", after),
        ("Restored", next_one),
    ):
        assert house.readers(title) == [on_air.couple.candidate, on_air.couple.partner], title
    assert compose.doctors_findings() == []
