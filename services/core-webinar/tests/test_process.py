"""The process that an operator starts, on a real broker: asked by AMQP, heard by AMQP, stopped by a signal."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from contracts import Command, CommandReply, WebinarStatus
from contracts.topology import CORE_WEBINAR, EXCHANGE, REPLY_EXCHANGE, ROOM_UI
from core_webinar.testing import SPEAKER, status_command, upsert_command
from servicekit.provision import provision_topology
from servicekit.testing import SIGNING_KEY, VERIFY_KEYS
from servicekit.tokens import TokenMaker


@asynccontextmanager
async def process(*words: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python process of this environment; killed at the end if it is still there."""
    running = await asyncio.create_subprocess_exec(sys.executable, *words, env={**os.environ, **environment})
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


class Desk:
    """Sends commands and waits for what comes back, and for what everybody hears."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self._channel = channel
        self._arrived = asyncio.Condition()
        self._messages: list[aio_pika.abc.AbstractIncomingMessage] = []

    async def listen(self) -> None:
        queue = await self._channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "#")
        await queue.bind(REPLY_EXCHANGE, "reply.desk")
        await queue.consume(self._take, no_ack=True)

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with self._arrived:
            self._messages.append(message)
            self._arrived.notify_all()

    async def heard(self, routing_key: str, **wanted: Any) -> dict[str, Any]:
        """Return the body of the first message with that key and these values, waiting for it."""

        def found() -> list[dict[str, Any]]:
            bodies = [json.loads(each.body) for each in self._messages if each.routing_key == routing_key]
            return [body for body in bodies if body.items() >= wanted.items()]

        async with self._arrived, asyncio.timeout(20):
            await self._arrived.wait_for(found)
        return found()[0]

    async def send(self, command: Command) -> CommandReply:
        """Send a command as the speaker, and return the reply to it."""
        message_id, deadline = uuid4(), datetime.now(UTC) + timedelta(seconds=30)
        maker = TokenMaker.from_setting(SIGNING_KEY, issuer=ROOM_UI)
        token = maker.make(
            actor=SPEAKER, topic=command.topic, audience=CORE_WEBINAR, message_id=message_id, deadline=deadline
        )
        message = aio_pika.Message(
            command.to_json(),
            message_id=str(message_id),
            correlation_id=str(message_id),
            type=command.topic,
            app_id=ROOM_UI,
            reply_to="reply.desk",
            headers={"deadline": deadline.isoformat(), "authorization": token},
        )
        exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(message, command.topic)

        def reply() -> aio_pika.abc.AbstractIncomingMessage | None:
            own = (each for each in self._messages if each.correlation_id == str(message_id))
            return next((each for each in own if each.routing_key == "reply.desk"), None)

        async with self._arrived, asyncio.timeout(20):
            await self._arrived.wait_for(reply)
        found = reply()
        assert found is not None
        return CommandReply.model_validate_json(found.body)


@pytest.fixture
async def desk(fresh_vhost: str) -> AsyncIterator[Desk]:
    await provision_topology(fresh_vhost, services=(CORE_WEBINAR,))
    async with await aio_pika.connect(fresh_vhost) as connection:
        desk = Desk(await connection.channel())
        await desk.listen()
        yield desk


async def test_it_starts_obeys_is_heard_and_stops(desk: Desk, fresh_database: str, fresh_vhost: str) -> None:
    environment = {
        "SERVICE_DATABASE_URL": fresh_database,
        "SERVICE_RABBITMQ_URL": fresh_vhost,
        "COMMAND_VERIFY_KEYS": VERIFY_KEYS,
        "OPS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }
    async with process("-m", "core_webinar", **environment) as core:
        soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        made = await desk.send(upsert_command(title="How to begin", scheduled_at=soon, action="publish"))
        assert made.webinar is not None, made.error
        webinar_id: UUID = made.webinar.webinar_id
        started = await desk.send(status_command(webinar_id, "start"))
        assert started.webinar is not None
        assert started.webinar.status is WebinarStatus.LIVE
        live = await desk.heard("webinar_event", webinar_id=str(webinar_id), status="live")
        fact = await desk.heard("webinar_started", webinar_id=str(webinar_id))
        assert fact["started_at"] == live["started_at"] == live["on_air"][0]["from"]
        refused = await desk.send(status_command(webinar_id, "explode"))
        assert refused.error is not None
        assert refused.error.code == "webinar_status_unknown"

        words = ("-c", "from core_webinar.cli import app; app()", "pause", str(webinar_id))
        async with process(*words, SERVICE_DATABASE_URL=fresh_database) as command_line:
            assert await asyncio.wait_for(command_line.wait(), 20) == 0
        paused = await desk.heard("webinar_event", webinar_id=str(webinar_id), status="paused")
        assert paused["version"] > live["version"]

        core.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(core.wait(), 10) == 0
