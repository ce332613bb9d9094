"""The process that an operator starts, twice, on a real broker, with the sandbox for Telegram."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aio_pika
import pytest
from contracts import (
    ChatLinkEvent,
    ChatLinkRequested,
    Command,
    CommandReply,
    Message,
    MessageTemplateEvent,
    PostWebinarDelivery,
    PostWebinarRoute,
)
from contracts.topology import EXCHANGE, POST_WEBINAR, REPLY_EXCHANGE, ROOM_UI
from post_webinar.testing import CANDIDATE, person, verdict, webinar
from servicekit.provision import provision_topology
from servicekit.testing import SIGNING_KEY, VERIFY_KEYS
from servicekit.tokens import TokenMaker
from telegram_sandbox.server import Sandbox


class House:
    """Everybody else: says facts and commands, hears what post-webinar says."""

    def __init__(self, channel: aio_pika.abc.AbstractChannel) -> None:
        self._channel = channel
        self._arrived = asyncio.Condition()
        self._heard: list[aio_pika.abc.AbstractIncomingMessage] = []

    async def listen(self) -> None:
        queue = await self._channel.declare_queue(exclusive=True)
        await queue.bind(EXCHANGE, "#")
        await queue.bind(REPLY_EXCHANGE, "reply.house")
        await queue.consume(self._take, no_ack=True)

    async def _take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with self._arrived:
            self._heard.append(message)
            self._arrived.notify_all()

    def bodies(self, routing_key: str) -> list[dict[str, Any]]:
        return [json.loads(each.body) for each in self._heard if each.routing_key == routing_key]

    async def hears(self, message: type[Message], **wanted: Any) -> dict[str, Any]:
        """Return the first body of that topic with these values, waiting for it."""

        def found() -> list[dict[str, Any]]:
            return [body for body in self.bodies(message.topic) if body.items() >= wanted.items()]

        async with self._arrived, asyncio.timeout(30):
            await self._arrived.wait_for(found)
        return found()[0]

    async def say(self, *messages: Message, **headers: Any) -> str:
        """Publish and wait until it is confirmed; returns the id of the last."""
        exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
        message_id = headers.pop("message_id", None)
        for message in messages:
            message_id = message_id or str(uuid4())
            await exchange.publish(
                aio_pika.Message(
                    message.to_json(),
                    message_id=message_id,
                    correlation_id=message_id,
                    type=message.topic,
                    app_id=ROOM_UI,
                    timestamp=datetime.now(UTC),
                    reply_to="reply.house",
                    headers=headers,
                ),
                message.topic,
            )
            last, message_id = message_id, None
        return str(last)

    async def command(self, command: Command) -> CommandReply:
        """Send a command as the candidate, and return the reply to it."""
        message_id, deadline = uuid4(), datetime.now(UTC) + timedelta(seconds=30)
        token = TokenMaker.from_setting(SIGNING_KEY, issuer=ROOM_UI).make(
            actor=CANDIDATE, topic=command.topic, audience=POST_WEBINAR, message_id=message_id, deadline=deadline
        )
        await self.say(command, message_id=str(message_id), deadline=deadline.isoformat(), authorization=token)

        def reply() -> list[aio_pika.abc.AbstractIncomingMessage]:
            return [
                each
                for each in self._heard
                if each.routing_key == "reply.house" and each.correlation_id == str(message_id)
            ]

        async with self._arrived, asyncio.timeout(30):
            await self._arrived.wait_for(reply)
        return CommandReply.model_validate_json(reply()[0].body)


@pytest.fixture
async def house(fresh_vhost: str) -> AsyncIterator[House]:
    await provision_topology(fresh_vhost, services=(POST_WEBINAR,))
    async with await aio_pika.connect(fresh_vhost) as connection:
        house = House(await connection.channel())
        await house.listen()
        yield house


@asynccontextmanager
async def instance(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """One process of the service; killed at the end if it is still there."""
    running = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "post_webinar", env={**os.environ, **environment}
    )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def _texts(sandbox: Sandbox, chat_id: int, count: int) -> list[str]:
    chat = sandbox.messenger.chats[chat_id]
    async with asyncio.timeout(30):
        while len(found := [entry.text for entry in chat.entries if entry.sender == "bot"]) < count:
            await asyncio.sleep(0.05)
    return found


async def test_two_instances_share_the_work_and_one_of_them_is_the_bot(
    house: House, served: tuple[Sandbox, str], fresh_database: str, fresh_vhost: str
) -> None:
    sandbox, address = served
    environment = {
        "SERVICE_DATABASE_URL": fresh_database,
        "SERVICE_RABBITMQ_URL": fresh_vhost,
        "COMMAND_VERIFY_KEYS": VERIFY_KEYS,
        "BASE_URL": "https://webinars.example",
        "TELEGRAM_BOT_TOKEN": "123456:any-token-will-do",
        "TELEGRAM_API_URL": address,
        "FOLLOWUP_DELAY": "0",
        "OPS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }
    chat = sandbox.messenger.add_person("Anna")
    async with instance(environment) as first:
        await house.hears(MessageTemplateEvent, step="attended", locale="ru")
        await house.say(person())
        async with asyncio.timeout(30):
            while not (reply := await house.command(ChatLinkRequested(account_id="anna"))).ok:
                await asyncio.sleep(0.2)
        assert reply.address
        sandbox.messenger.say(chat, reply.address)
        await _texts(sandbox, chat.chat_id, 1)
        sandbox.messenger.press(chat)
        await house.hears(ChatLinkEvent, account_id="anna", linked=True)

        async with instance(environment) as second:
            ended = webinar(finished_at=datetime.now(UTC))
            await house.say(verdict(ended.webinar_id), ended, verdict(ended.webinar_id))
            await house.hears(PostWebinarDelivery, lead_id="anna", state="sent")
            assert "thank you for being at the webinar" in (await _texts(sandbox, chat.chat_id, 2))[1]

            first.kill()
            await first.wait()
            other = webinar(finished_at=datetime.now(UTC), title="The second")
            await house.say(other, verdict(other.webinar_id))
            assert "“The second”" in (await _texts(sandbox, chat.chat_id, 3))[2]
            await house.hears(PostWebinarDelivery, webinar_id=str(other.webinar_id), state="sent")

            second.send_signal(signal.SIGTERM)
            async with asyncio.timeout(10):
                assert await second.wait() == 0
    # What the killed one had published and not crossed out yet is said again: the same fact, not another.
    routes = {json.dumps(body, sort_keys=True) for body in house.bodies(PostWebinarRoute.topic)}
    assert len(routes) == 2
    told = {(body["delivery_id"], body["version"]): body for body in house.bodies(PostWebinarDelivery.topic)}
    states = [body["state"] for body in told.values() if body["recipient"] == "candidate"]
    assert states == ["planned", "sending", "sent"] * 2
    assert len(await _texts(sandbox, chat.chat_id, 3)) == 3
