"""For tests on real servers: room-ui as an operator starts it, one account with its browser, and the other services."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aio_pika
import httpx
from contracts import Envelope, Message
from contracts.topology import CORE_WEBINAR, EXCHANGE
from servicekit.messages import wire_message
from servicekit.testing import SIGNING_KEY
from uuid6 import uuid7

from room_ui.testing import NOON

PASSWORD = "a long enough password"  # noqa: S105


@asynccontextmanager
async def process(*words: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python process of this environment; killed at the end if it is still there."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={**os.environ, **environment}, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.communicate()


class Wire:
    """Says what the other services say, and hears what everybody hears."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self._channel = channel
        self._arrived = asyncio.Condition()
        self._heard: list[tuple[str, dict[str, Any]]] = []

    async def listen(self) -> None:
        queue = await self._channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "#")
        await queue.consume(self._take, no_ack=True)

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with self._arrived:
            self._heard.append((message.routing_key or "", json.loads(message.body)))
            self._arrived.notify_all()

    async def heard(self, key: str, **wanted: Any) -> dict[str, Any]:
        """Return the first message of that topic with these values, waiting for it."""

        def found() -> list[dict[str, Any]]:
            return [body for topic, body in self._heard if topic == key and body.items() >= wanted.items()]

        async with self._arrived, asyncio.timeout(20):
            await self._arrived.wait_for(found)
        return found()[0]

    async def presence(self, *, gone: bool, **wanted: Any) -> dict[str, Any]:
        """Return the first presence entry with these values, of who is here or of who has gone, waiting for it."""

        def found() -> list[dict[str, Any]]:
            reports = [body for key, body in self._heard if key == "room_presence"]
            entries = [one for body in reports for one in body["entries"] if one.items() >= wanted.items()]
            return [one for one in entries if (one["until"] is not None) is gone]

        async with self._arrived, asyncio.timeout(20):
            await self._arrived.wait_for(found)
        return found()[0]

    async def say(self, event: Message) -> None:
        message_id = UUID(bytes=uuid7().bytes)
        envelope = Envelope(
            message_id=message_id,
            type=event.topic,
            app_id=CORE_WEBINAR,
            timestamp=NOON,
            correlation_id=str(message_id),
        )
        exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(wire_message(event.to_json(), envelope), event.topic)


class RoomUi:
    """A process of room-ui with one account, and that account's browser."""

    def __init__(self, database_url: str, broker_url: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.environment = {
            "SERVICE_DATABASE_URL": database_url,
            "SERVICE_RABBITMQ_URL": broker_url,
            "BASE_URL": self.address,
            "HTTP_PORT": str(port),
            "SESSION_KEYS": "a key of this one test",
            "COMMAND_SIGNING_KEY": SIGNING_KEY,
            "OPS_PORT": "0",
            "LOG_LEVEL": "WARNING",
            "PASSWORD_OF_ANNA": PASSWORD,
        }
        self.browser = httpx.AsyncClient(base_url=self.address, headers={"origin": self.address}, timeout=20)
        self.token = ""
        self.states: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def add_anna(self) -> None:
        words = ("--login", "anna", "--name", "Anna", "--role", "candidate", "--password-env", "PASSWORD_OF_ANNA")
        program = "from room_ui.accounts.cli import app; app()"
        async with process("-c", program, "add", *words, **self.environment) as added:
            assert await asyncio.wait_for(added.wait(), 30) == 0

    async def answers(self, path: str = "/webinar/v1/webinars") -> bool:
        try:
            return (await self.browser.get(path)).status_code == 200
        except httpx.TransportError:
            return False

    async def sign_in(self) -> None:
        """Sign anna in by the form, and keep the token of her session."""
        await self.browser.get("/account/login/")
        guest_token = self.browser.cookies["wh_guest"].strip('"')
        form = {"login": "anna", "password": PASSWORD, "csrf_token": guest_token, "next": "/account/"}
        answer = await self.browser.post("/account/login/", data=form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/account/"), answer.text
        page = await self.browser.get("/account/")
        self.token = page.text.split('name="csrf_token" value="', 1)[1].split('"', 1)[0]

    async def post(self, action: str, webinar_id: UUID) -> None:
        answer = await self.browser.post(
            f"/webinar/v1/{action}", json={"webinar_id": str(webinar_id)}, headers={"x-csrf-token": self.token}
        )
        assert answer.status_code == 200, answer.text

    async def read(self, path: str) -> list[str]:
        """Read an event stream into `states`; returns every line once the stream has ended."""
        lines: list[str] = []
        async with self.browser.stream("GET", path, timeout=60) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if line.startswith("data: "):
                    self.states.put_nowait(json.loads(line.removeprefix("data: ")))
        return lines

    async def viewers(self, count: int) -> None:
        """Wait for a state with that many viewers."""
        async with asyncio.timeout(20):
            while (await self.states.get())["viewers"] != count:
                continue

    async def state(self, status: str) -> float:
        """Wait for a state with that status; returns when it came, in the loop's seconds."""
        async with asyncio.timeout(20):
            while (await self.states.get())["status"] != status:
                continue
        return asyncio.get_running_loop().time()
