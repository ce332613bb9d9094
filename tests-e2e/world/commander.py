"""Commands put on the wire by hand: what no page of ours would ever send."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from contracts import Capability
from contracts.topology import CORE_WEBINAR, EXCHANGE, REPLY_EXCHANGE
from servicekit import Actor
from servicekit.tokens import TokenMaker, new_key

from world.background import Background

PATIENCE_SECONDS = 10.0
LASTS = timedelta(seconds=30)


class Commander:
    """Signs commands with the key that the stack trusts, or with a forged one, and waits for the reply."""

    def __init__(self, background: Background, rabbitmq_url: str, signing_key: str) -> None:
        self._background = background
        self._url = rabbitmq_url
        self._maker = TokenMaker.from_setting(signing_key, issuer="a-story")
        # The same kid as the real one, another key.
        forged, _ = new_key(signing_key.partition(":")[0])
        self._forger = TokenMaker.from_setting(forged, issuer="a-story")

    def token(
        self,
        topic: str,
        message_id: UUID,
        *capabilities: Capability,
        account_id: str = "somebody",
        audience: str = CORE_WEBINAR,
        lasts: timedelta = LASTS,
        forged: bool = False,
    ) -> str:
        """Return a token for one command."""
        maker = self._forger if forged else self._maker
        return maker.make(
            actor=Actor(account_id, frozenset(capabilities)),
            topic=topic,
            audience=audience,
            message_id=message_id,
            deadline=datetime.now(UTC) + lasts,
        )

    def send(
        self, topic: str, body: Mapping[str, Any], *, token: str | None, message_id: UUID | None = None
    ) -> dict[str, Any]:
        """Publish a command and return the reply."""
        return self._background.run(self._send(topic, body, token, message_id or uuid4()))

    def obey(
        self, topic: str, body: Mapping[str, Any], *capabilities: Capability, account_id: str = "somebody"
    ) -> dict[str, Any]:
        """Publish a command with a right and proper token and return the reply."""
        message_id = uuid4()
        token = self.token(topic, message_id, *capabilities, account_id=account_id)
        return self.send(topic, body, token=token, message_id=message_id)

    async def _send(self, topic: str, body: Mapping[str, Any], token: str | None, message_id: UUID) -> dict[str, Any]:
        async with await aio_pika.connect(self._url) as connection, asyncio.timeout(PATIENCE_SECONDS):
            channel = await connection.channel()
            replies = await channel.declare_queue(exclusive=True, auto_delete=True)
            reply_to = f"reply.{uuid4()}"
            await replies.bind(REPLY_EXCHANGE, reply_to)
            exchange = await channel.get_exchange(EXCHANGE, ensure=False)
            headers: dict[str, Any] = {"schema_version": 1, "deadline": (datetime.now(UTC) + LASTS).isoformat()}
            if token is not None:
                headers["authorization"] = token
            message = aio_pika.Message(
                json.dumps(dict(body)).encode(),
                message_id=str(message_id),
                correlation_id=str(message_id),
                type=topic,
                app_id="room-ui",
                timestamp=datetime.now(UTC),
                content_type="application/json",
                reply_to=reply_to,
                headers=headers,
            )
            await exchange.publish(message, topic, mandatory=True)
            async with replies.iterator(no_ack=True) as answers:
                async for answer in answers:
                    reply: dict[str, Any] = json.loads(answer.body)
                    return reply
        raise AssertionError(f"{topic} was not answered")
