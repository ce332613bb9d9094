"""Keep every public fact once, in SQLite: history first, then what comes. AMQP and JSON Schema, nothing of ours.

RABBITMQ_URL   the team's address, as `webinarctl team add` printed it
DATABASE       the file to keep facts in (facts.db)
ASYNCAPI       docs/asyncapi.json of the release: topics, keys, schemas
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
from jsonschema import Draft202012Validator, ValidationError

EXCHANGE, HISTORY = "webinars", "webinars.history"
AWAY = (aio_pika.exceptions.AMQPError, OSError)
RETRY_SECONDS = 2.0
END_SECONDS = 3.0
IN_HAND = 200
TABLES = """
create table if not exists fact (
    topic text, key text, version integer, message_id text, said_at text, body text, primary key (topic, key)
);
create table if not exists unread (message_id text primary key, topic text, why text, body blob);
create table if not exists history_read (at text);
"""
KEEP = """
insert into fact values (:topic, :key, :version, :message_id, :said_at, :body)
on conflict (topic, key) do update
    set version = excluded.version, message_id = excluded.message_id, said_at = excluded.said_at, body = excluded.body
    where excluded.version > fact.version
"""
Incoming = aio_pika.abc.AbstractIncomingMessage


class Contract:
    """What docs/asyncapi.json says of the public topics."""

    def __init__(self, path: Path) -> None:
        document = json.loads(path.read_text(encoding="utf-8"))
        channels = document["channels"].items()
        self.topics = sorted(name for name, one in channels if {"name": "public"} in one.get("tags", ()))
        self._messages = {name: document["components"]["messages"][name] for name in self.topics}
        self._validators = {
            name: Draft202012Validator({**message["payload"], "components": document["components"]})
            for name, message in self._messages.items()
        }

    def read(self, topic: str, major: int, body: bytes) -> tuple[str, int, dict[str, Any]]:
        """Return a fact's key, version (0 but for snapshots) and body; raises `ValueError` for what nobody can read."""
        message = self._messages.get(topic)
        if message is None or major != message["x-schema-version"]:
            raise ValueError(f"{topic} of major version {major} is not known")
        fact = json.loads(body)
        try:
            self._validators[topic].validate(fact)
        except ValidationError as error:
            raise ValueError(error.message) from error
        return json.dumps([fact[name] for name in message["x-meaning-key"]]), fact.get("version", 0), fact


class Facts:
    """The facts that are kept, each once: by topic and key; of snapshots the newest."""

    def __init__(self, path: str, contract: Contract) -> None:
        self._database = sqlite3.connect(path)
        self._database.executescript(TABLES)
        self._contract = contract

    def keep(self, messages: Sequence[Incoming]) -> None:
        """Keep those messages that are news, all in one transaction."""
        with self._database:
            news = [key for key in map(self._keep, messages) if key is not None]
        for topic, key in news:
            print(topic, key, flush=True)

    def _keep(self, message: Incoming) -> tuple[str, str] | None:
        """Keep a message; returns its topic and key if it is news."""
        topic = message.type or ""
        try:
            major = int(str(message.headers.get("schema_version", 1)))
            key, version, fact = self._contract.read(topic, major, message.body)
        except ValueError as why:
            # Nobody can ever read it: keep it where a person looks, and go on.
            unread = (message.message_id, topic, str(why), message.body)
            self._database.execute("insert or ignore into unread values (?, ?, ?, ?)", unread)
            return None
        row = {
            "topic": topic,
            "key": key,
            "version": version,
            "message_id": message.message_id,
            "said_at": message.timestamp and message.timestamp.isoformat(),
            "body": json.dumps(fact, ensure_ascii=False),
        }
        return (topic, key) if self._database.execute(KEEP, row).rowcount else None

    @property
    def has_history(self) -> bool:
        """Whether the history was read to its end."""
        return self._database.execute("select * from history_read").fetchone() is not None

    def note_history(self) -> None:
        with self._database:
            self._database.execute("insert into history_read values (datetime('now'))")


async def run(url: str, contract: Contract, facts: Facts) -> None:
    """Keep what was said and what is said, until the connection is lost."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        # Bound before the history is read: what is said meanwhile waits here, and comes twice, never not at all.
        name = f"{user_of(url)}.facts"
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1000}
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
        for topic in contract.topics:
            await queue.bind(EXCHANGE, topic)
        if not facts.has_history:
            await read_history(connection, facts)
            facts.note_history()
        print("ready", file=sys.stderr, flush=True)
        async with aclosing(batches(connection, name)) as heard:
            async for messages in heard:
                facts.keep(messages)
                await messages[-1].ack(multiple=True)  # only once they are committed


async def read_history(connection: aio_pika.abc.AbstractConnection, facts: Facts) -> None:
    """Keep the history from its beginning to what is its last message now."""
    end, until = None, 0.0
    async with aclosing(batches(connection, HISTORY, "last")) as heard:
        # From the beginning of the last chunk; what comes later than a second was said after the queue was bound.
        async for messages in heard:
            until = until or time.monotonic() + 1
            end = offset_of(messages[-1])
            if time.monotonic() > until:
                break
            await messages[-1].ack(multiple=True)
    if end is None:
        return  # It is empty.
    async with aclosing(batches(connection, HISTORY, "first")) as heard:
        async for messages in heard:
            facts.keep(messages)
            if offset_of(messages[-1]) >= end:
                return
            await messages[-1].ack(multiple=True)
    raise ConnectionError("the broker stopped handing out the history")


def offset_of(message: Incoming) -> int:
    """Return the number of a message in the stream."""
    return int(str(message.headers["x-stream-offset"]))


async def batches(
    connection: aio_pika.abc.AbstractConnection, name: str, offset: str | None = None
) -> AsyncGenerator[list[Incoming]]:
    """Yield what is in hand of a queue, again and again; of a stream, from an offset until nothing comes for a while.

    Not by aio-pika's iterator: it gives back what it has in hand, and of a stream the broker takes nothing back. Raises
    `ConnectionError` when the connection is lost.
    """
    heard: asyncio.Queue[Incoming | None] = asyncio.Queue()
    channel = await connection.channel()
    channel.close_callbacks.add(lambda *_: heard.put_nowait(None))
    await channel.set_qos(prefetch_count=IN_HAND)
    queue = await channel.get_queue(name, ensure=False)
    await queue.consume(heard.put, arguments=None if offset is None else {"x-stream-offset": offset})
    try:
        while True:
            messages = [await asyncio.wait_for(heard.get(), None if offset is None else END_SECONDS)]
            while not heard.empty() and len(messages) < IN_HAND:
                messages.append(heard.get_nowait())
            in_hand = [message for message in messages if message is not None]
            if len(in_hand) < len(messages):
                raise ConnectionError("the connection is lost")
            yield in_hand
    except TimeoutError:
        return
    finally:
        if not channel.is_closed:
            await channel.close()


def user_of(url: str) -> str:
    """Return the user of an address; the names of a team's queues begin with it."""
    return unquote(urlsplit(url).username or "")


async def main() -> None:
    contract = Contract(Path(os.environ.get("ASYNCAPI", Path(__file__).parents[2] / "docs/asyncapi.json")))
    facts = Facts(os.environ.get("DATABASE", "facts.db"), contract)
    while True:
        try:
            await run(os.environ["RABBITMQ_URL"], contract, facts)
        except AWAY as trouble:
            print(f"Trying again: {trouble}", file=sys.stderr, flush=True)
        await asyncio.sleep(RETRY_SECONDS)


if __name__ == "__main__":
    asyncio.run(main())
