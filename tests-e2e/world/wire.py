"""Everything that is said on the exchange, heard by one exclusive queue and kept in order."""

import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection
from contracts.topology import EXCHANGE

from world.background import Background

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Said:
    """One message: `body` is empty where it is no JSON object; `token` its authorization, which nobody may keep."""

    topic: str
    body: dict[str, Any]
    message_id: str
    correlation_id: str
    app_id: str
    heard_at: float
    token: str | None

    def is_about(self, webinar_id: UUID | str | None) -> bool:
        """Whether it names this webinar; everything is about None."""
        return webinar_id is None or self.body.get("webinar_id") == str(webinar_id)

    def moment(self, field: str) -> datetime:
        """Return a time of the body."""
        return datetime.fromisoformat(self.body[field])


Where = Callable[[dict[str, Any]], bool]


def _holds(where: Where, body: dict[str, Any]) -> bool:
    """Whether it is true of a body; of one that lacks the fields it asks about it is not."""
    try:
        return where(body)
    except (KeyError, TypeError):
        return False


class NotHeardError(AssertionError):
    """What a story waits for was not said in time."""


class Wire:
    """Hears all topics as an administrator; `close()` ends it."""

    def __init__(self, background: Background, rabbitmq_url: str) -> None:
        self._background = background
        self._heard: list[Said] = []
        self._of_topic: defaultdict[str, list[Said]] = defaultdict(list)
        self._news = threading.Condition()
        self._connection: AbstractRobustConnection = background.run(self._listen(rabbitmq_url))

    async def _listen(self, url: str) -> AbstractRobustConnection:
        connection = await aio_pika.connect_robust(url)
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(EXCHANGE, "#")
        await queue.consume(self._keep, no_ack=True)
        return connection

    async def _keep(self, message: AbstractIncomingMessage) -> None:
        try:
            body = json.loads(message.body)
        except ValueError:
            body = {}
        token = message.headers.get("authorization")
        said = Said(
            topic=message.routing_key or "",
            body=body if isinstance(body, dict) else {},
            message_id=message.message_id or "",
            correlation_id=message.correlation_id or "",
            app_id=message.app_id or "",
            heard_at=time.time(),
            token=token if isinstance(token, str) else None,
        )
        with self._news:
            self._heard.append(said)
            self._of_topic[said.topic].append(said)
            self._news.notify_all()

    @property
    def everything(self) -> Sequence[Said]:
        """Return all that was said so far, in the order of its coming."""
        with self._news:
            return list(self._heard)

    def of(self, topic: str, webinar_id: UUID | str | None = None, where: Where | None = None) -> list[Said]:
        """Return what was said so far on a topic (about a webinar, of which `where` is true)."""
        with self._news:
            return self._matching(topic, webinar_id, where)

    def wait_for(
        self,
        topic: str,
        count: int = 1,
        *,
        webinar_id: UUID | str | None = None,
        where: Where | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> list[Said]:
        """Return these messages as soon as there are `count` of them; `NotHeardError` says what there was instead."""
        with self._news:
            if not self._news.wait_for(lambda: len(self._matching(topic, webinar_id, where)) >= count, patience):
                found = [said.body for said in self._heard if said.topic == topic and said.is_about(webinar_id)]
                raise NotHeardError(
                    f"{count} × {topic} were wanted within {patience:.0f} s about {webinar_id}; it said {found}; "
                    f"of that webinar there were {self._told_of(webinar_id)}"
                )
            return self._matching(topic, webinar_id, where)

    def story_of(self, webinar_id: UUID | str) -> list[Said]:
        """Return all that was said about a webinar but presence, in order."""
        return [said for said in self.everything if said.topic != "room_presence" and said.is_about(webinar_id)]

    def _matching(self, topic: str, webinar_id: UUID | str | None, where: Where | None) -> list[Said]:
        return [
            said
            for said in self._of_topic[topic]
            if said.is_about(webinar_id) and (where is None or _holds(where, said.body))
        ]

    def _told_of(self, webinar_id: UUID | str | None) -> list[str]:
        return [said.topic for said in self._heard if said.topic != "room_presence" and said.is_about(webinar_id)]

    def say(self, topic: str, body: bytes, *, app_id: str = "a-story", **properties: Any) -> str:
        """Publish something as an administrator and wait until the broker has it; return its message id."""
        message_id = str(properties.pop("message_id", None) or uuid4())
        message = aio_pika.Message(
            body,
            message_id=message_id,
            correlation_id=properties.pop("correlation_id", message_id),
            type=properties.pop("type", topic),
            app_id=app_id,
            timestamp=datetime.now(UTC),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers={"schema_version": 1, **properties.pop("headers", {})},
            **properties,
        )
        self._background.run(self._publish(topic, message))
        return message_id

    async def _publish(self, topic: str, message: aio_pika.Message) -> None:
        async with self._connection.channel(publisher_confirms=True) as channel:
            exchange = await channel.get_exchange(EXCHANGE, ensure=False)
            await exchange.publish(message, topic, mandatory=False)

    def depth(self, queue: str) -> int:
        """Return how many messages wait in a queue."""

        async def ask() -> int:
            async with self._connection.channel() as channel:
                found = await channel.declare_queue(queue, passive=True)
                return found.declaration_result.message_count or 0

        return self._background.run(ask())

    def close(self) -> None:
        """Stop listening."""
        self._background.run(asyncio.wait_for(self._connection.close(), 10))
