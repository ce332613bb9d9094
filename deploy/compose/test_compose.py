"""docker-compose.yml as an operator runs it: up, the loop over HTTP and AMQP, down. Needs a Docker engine."""

import asyncio
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
import pytest
from local_stack.processes import free_ports
from local_stack.visitor import Visitor

ROOT = Path(__file__).parents[2]
PASSWORD = "a-long-password-for-the-test"
PATIENCE_SECONDS = 60

pytestmark = pytest.mark.timeout(900)


class Compose:
    """One compose project with ports and secrets of its own; gone with its volumes at the end."""

    def __init__(self, folder: Path) -> None:
        self.http_port, self.amqp_port, self.sandbox_port = free_ports(3)
        self.base_url = f"http://127.0.0.1:{self.http_port}"
        secrets = subprocess.run(
            [str(ROOT / ".venv/bin/webinarctl"), "env"], check=True, capture_output=True, text=True
        ).stdout
        self.secrets = dict(line.split("=", 1) for line in secrets.splitlines())
        settings = {
            **self.secrets,
            "HTTP_PORT": f"127.0.0.1:{self.http_port}",
            "RABBITMQ_PORT": f"127.0.0.1:{self.amqp_port}",
            "SANDBOX_PORT": f"127.0.0.1:{self.sandbox_port}",
            "BASE_URL": self.base_url,
            "FOLLOWUP_DELAY": "0",
            "MINIMUM_WATCHED_SECONDS": "3",
        }
        env_file = folder / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._command = [
            *("docker", "compose", "--project-name", f"webinars-test-{os.getpid()}", "--project-directory", str(ROOT)),
            *("--env-file", str(env_file), "-f", str(ROOT / "docker-compose.yml")),
            *("-f", str(ROOT / "deploy/compose/sandbox.yml")),
        ]

    def run(self, *words: str) -> str:
        ran = subprocess.run(
            [*self._command, *words], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{' '.join(words)}:\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    @property
    def amqp_url(self) -> str:
        return f"amqp://admin:{self.secrets['RABBITMQ_ADMIN_PASSWORD']}@127.0.0.1:{self.amqp_port}/"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    project = Compose(tmp_path_factory.mktemp("compose"))
    try:
        project.run("up", "--build", "--wait", "--wait-timeout", "240")
        yield project
    finally:
        project.run("down", "--volumes", "--timeout", "15")


class Wire:
    """What is said on the exchange, recorded by a thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._said: list[tuple[str, dict[str, Any]]] = []
        self._changed = threading.Condition()
        self._bound = threading.Event()
        self._done: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._record()))

    def __enter__(self) -> "Wire":
        self._thread.start()
        assert self._bound.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._done is not None:
            self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(20)

    async def _record(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        connection = await aio_pika.connect(self._url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind("webinars", "#")

            async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
                with self._changed:
                    self._said.append((message.routing_key or "", json.loads(message.body)))
                    self._changed.notify_all()

            await queue.consume(take, no_ack=True)
            self._bound.set()
            await self._done.wait()

    def wait_for(self, topic: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((body for said, body in self._said if said == topic and where(body)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE_SECONDS), f"no {topic} was said"
            body = found()
        assert body is not None
        return body

    def count(self, topic: str) -> int:
        with self._changed:
            return sum(said == topic for said, _ in self._said)


def add_account(compose: Compose, login: str, role: str, *more: str) -> None:
    compose.run(
        *("exec", "-T", "-e", f"ACCOUNT_PASSWORD={PASSWORD}", "room-ui", "webinarctl", "account", "add"),
        *("--login", login, "--name", f"The {login}", "--role", role, "--password-env", "ACCOUNT_PASSWORD", *more),
    )


def link_chat(compose: Compose, login: str) -> int:
    """Link a chat as a person does; returns its number at the sandbox."""
    with Visitor(compose.base_url) as visitor:
        visitor.sign_in(login, PASSWORD)
        page = visitor.get("/account/telegram/")
        page = visitor.send(page.form("/account/telegram/"))
        [address] = [link for link in page.links if link.startswith("https://t.me/")]
    with httpx.Client(base_url=f"http://127.0.0.1:{compose.sandbox_port}", timeout=40) as sandbox:
        chat = sandbox.post("/sandbox/chats", json={"name": login}).raise_for_status().json()["chat_id"]
        sandbox.post(f"/sandbox/chats/{chat}/say", json={"text": address}).raise_for_status()
        sandbox.post(f"/sandbox/chats/{chat}/press", json={"wait": 30}).raise_for_status()
    return int(chat)


def watch(compose: Compose, webinar_id: str, *, until_finished: threading.Event, live: threading.Event) -> None:
    """Sit in the room as a candidate's browser does, until the event stream says that it is over."""
    with httpx.Client(
        base_url=compose.base_url, headers={"Origin": compose.base_url}, timeout=PATIENCE_SECONDS
    ) as client:
        visitor = Visitor(compose.base_url)
        visitor._client = client
        visitor.sign_in("candidate", PASSWORD)
        stream = f"/webinar/v1/state/stream?webinar_id={webinar_id}&visible=1"
        with client.stream("GET", stream) as response:
            for line in response.iter_lines():
                if not line.startswith("data:"):
                    continue
                status = json.loads(line[5:])["status"]
                if status == "live":
                    live.set()
                if status == "finished":
                    until_finished.set()
                    return


def test_the_loop_runs_in_containers(compose: Compose) -> None:
    add_account(compose, "speaker", "speaker")
    add_account(compose, "partner", "partner")
    add_account(compose, "candidate", "candidate", "--partner", "partner")
    with Wire(compose.amqp_url) as wire, Visitor(compose.base_url) as speaker:
        chats = {login: link_chat(compose, login) for login in ("partner", "candidate")}
        for _ in chats:
            wire.wait_for("chat_link_event", lambda body: body["linked"])
        speaker.sign_in("speaker", PASSWORD)
        title = f"In containers {uuid4()}"
        page = speaker.get("/admin_webinar/new")
        [form] = [form for form in page.forms if "scheduled_at" in form.fields]
        begins = datetime.now(UTC) + timedelta(minutes=10)
        page = speaker.send(
            form, title=title, scheduled_at=begins.strftime("%Y-%m-%dT%H:%M"), time_zone="UTC", action="publish"
        )
        assert page.error_code is None
        webinar_id = wire.wait_for("webinar_event", lambda body: body["title"] == title)["webinar_id"]

        over, live = threading.Event(), threading.Event()
        candidate = threading.Thread(
            target=watch, args=(compose, webinar_id), kwargs={"until_finished": over, "live": live}
        )
        candidate.start()
        press(speaker, webinar_id, "start")
        assert live.wait(PATIENCE_SECONDS)
        wire.wait_for("client_webinar_entered")
        watched_enough(wire, webinar_id)
        press(speaker, webinar_id, "stop")
        assert over.wait(PATIENCE_SECONDS)
        candidate.join(20)

        assert wire.wait_for("webinar_completed")["completed_by"] in {"present_at_stop", "watched_enough"}
        assert wire.wait_for("client_webinar_attendance_classified")["attended"] is True
        assert wire.wait_for("post_webinar_route")["route"] == "attended"
        for recipient in ("candidate", "partner"):
            wire.wait_for("post_webinar_delivery", sent_to(recipient))
        for topic in ("client_webinar_entered", "client_webinar_completed", "webinar_completed", "post_webinar_route"):
            assert wire.count(topic) == 1, topic
    sandbox = f"http://127.0.0.1:{compose.sandbox_port}"
    for chat in chats.values():
        texts = [message["text"] for message in httpx.get(f"{sandbox}/sandbox/chats/{chat}/messages").json()]
        assert any(title in text for text in texts), texts


def sent_to(recipient: str) -> Callable[[dict[str, Any]], bool]:
    return lambda body: body["recipient"] == recipient and body["state"] == "sent"


def press(visitor: Visitor, webinar_id: str, button: str) -> None:
    """Press a button of the desk, and confirm where it asks."""
    path = f"/admin_webinar/{webinar_id}"
    page = visitor.get(path)
    page = visitor.send(page.form(f"{path}/{button}"))
    confirmation = [form for form in page.forms if form.action == f"{path}/{button}"]
    if confirmation:
        page = visitor.send(confirmation[0], confirm="confirm")
    assert page.error_code is None, page.error_code


def watched_enough(wire: Wire, webinar_id: str) -> None:
    """Wait until the reports of presence tell of more than the least that counts."""

    def long_enough(body: dict[str, Any]) -> bool:
        if body["webinar_id"] != webinar_id:
            return False
        at = datetime.fromisoformat(body["at"])
        return any(at - datetime.fromisoformat(entry["since"]) > timedelta(seconds=6) for entry in body["entries"])

    wire.wait_for("room_presence", long_enough)


def test_services_run_without_root_and_cannot_write_where_they_live(compose: Compose) -> None:
    for service in ("core-webinar", "room-ui", "tracker", "attendance", "post-webinar"):
        assert compose.run("exec", "-T", service, "id", "-u").strip() == "10001"
        ran = compose.run("exec", "-T", service, "sh", "-c", "touch /app/x 2>/dev/null && echo written || echo refused")
        assert ran.strip() == "refused"
