"""Hearing every event on the broker, as an administrator, on a queue that is gone with the connection."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Any
from urllib.parse import urlsplit
from uuid import uuid4

import aio_pika
import asyncpg
from aio_pika.abc import AbstractIncomingMessage
from contracts import SnapshotRequested
from contracts.topology import EXCHANGE
from servicekit.operator.story import Story, local_time

RETRY_SECONDS = 2.0
COLOURS = {
    "core-webinar": "34",
    "room-ui": "36",
    "tracker": "33",
    "attendance": "35",
    "post-webinar": "32",
}
TOPIC_WIDTH = 37
Heard = Callable[[str, str, datetime, dict[str, Any]], None]


class Listener:
    """A thread that hands over every message of the exchange until `close()`; it outlives a restart of the broker."""

    def __init__(self, rabbitmq_url: str, heard: Heard) -> None:
        self._url = rabbitmq_url
        self._heard = heard
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._task: asyncio.Task[None] | None = None

    def start(self, patience_seconds: float = 15.0) -> bool:
        """Start, and wait until what is published is heard; return whether that came to be."""
        self._thread.start()
        return self._listening.wait(patience_seconds)

    def close(self) -> None:
        """Stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._cancel)
            self._thread.join(10)

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()

    def _run(self) -> None:
        self._task = self._loop.create_task(self._listen_for_ever())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            self._listening.clear()
        finally:
            self._loop.close()

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except (aio_pika.exceptions.AMQPException, OSError):
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        connection = await aio_pika.connect(self._url, timeout=10)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await queue.bind(EXCHANGE, "#")
            await _ask_for_names(channel)
            self._listening.set()
            async with queue.iterator(no_ack=True) as messages:
                async for message in messages:
                    self._hand_over(message)

    def _hand_over(self, message: AbstractIncomingMessage) -> None:
        try:
            body = json.loads(message.body)
        except ValueError:
            body = {"body": message.body[:80].decode(errors="replace")}
        moment = message.timestamp or datetime.now(UTC)
        self._heard(message.routing_key or "", message.app_id or "?", moment, body)


async def _ask_for_names(channel: aio_pika.abc.AbstractChannel) -> None:
    """Ask for all accounts and webinars once more: the story tells names, and data may be older than this listener."""
    exchange = await channel.get_exchange(EXCHANGE)
    for topic in ("account_event", "webinar_event"):
        message_id = str(uuid4())
        await exchange.publish(
            aio_pika.Message(
                SnapshotRequested(topic_name=topic).to_json(),
                message_id=message_id,
                correlation_id=message_id,
                type=SnapshotRequested.topic,
                app_id="local-stack",
                content_type="application/json",
                timestamp=datetime.now(UTC),
                headers={"schema_version": 1},
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=SnapshotRequested.topic,
        )


@dataclass(frozen=True)
class Names:
    """What the databases know: names of accounts, webinars as they were last announced."""

    accounts: dict[str, str] = field(default_factory=dict)
    webinars: dict[str, dict[str, Any]] = field(default_factory=dict)


def names_in(database_url: str) -> Names:
    """Read the names out of room-ui's database, as an administrator; snapshots are announced once a minute at most."""
    return asyncio.run(_names_in(urlsplit(database_url)._replace(path="/room_ui").geturl()))


async def _names_in(url: str) -> Names:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        accounts = await connection.fetch("select account_id, display_name from account")
        webinars = await connection.fetch("select webinar_id, snapshot::text as snapshot from webinar")
    finally:
        await connection.close()
    return Names(
        {row["account_id"]: row["display_name"] for row in accounts},
        {str(row["webinar_id"]): json.loads(row["snapshot"]) for row in webinars},
    )


class Printer:
    """Writes one line per event, with colours where the output is a terminal that wants them."""

    def __init__(self, output: IO[str] = sys.stdout) -> None:
        self._output = output
        self._story = Story()
        self._colours = output.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        self.quiet = False

    def begin(self, names: Names) -> None:
        """Tell from now on; `names` are those that everything so far has."""
        self._story.accounts |= names.accounts
        self._story.webinars = names.webinars | self._story.webinars
        self._story.news_from = int(datetime.now(UTC).timestamp() * 1000)
        self.quiet = False

    def heard(self, topic: str, service: str, moment: datetime, body: dict[str, Any]) -> None:
        """Tell one message; while `quiet` only remember the names in it."""
        try:
            words = self._story.tell(topic, body)
        except (KeyError, TypeError, ValueError) as problem:
            words = f"not understood ({problem!r}): {body}"
        if words is None or self.quiet:
            return
        # A title or a name is text of a person: no control characters to the terminal.
        clean = "".join(letter if letter.isprintable() else " " for letter in words)
        line = f"{local_time(moment)}  {self._painted(f'{service:<13}', service)} {topic:<{TOPIC_WIDTH}} {clean}"
        self._output.write(line + "\n")
        self._output.flush()

    def _painted(self, text: str, service: str) -> str:
        colour = COLOURS.get(service)
        return f"\033[{colour}m{text}\033[0m" if self._colours and colour else text
