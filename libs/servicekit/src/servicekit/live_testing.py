"""For tests on a real broker: run a service, listen as another team would, cut its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import aio_pika
from contracts import Message
from contracts.topology import EXCHANGE

from servicekit.service import Service
from servicekit.testing import eventually

Incoming = aio_pika.abc.AbstractIncomingMessage


@asynccontextmanager
async def running(service: Service, *, ready: bool = True) -> AsyncIterator[Service]:
    """Run a service while the block does, from when it is ready; fails when it does not stop within 10 seconds."""
    task = asyncio.create_task(service.run())

    async def is_ready() -> bool:
        if task.done():
            task.result()
        return all((await service.readiness()).values())

    try:
        if ready:
            await eventually(is_ready, seconds=30, what="readiness")
        yield service
    finally:
        service.stop()
        await asyncio.wait_for(task, 10)


class Listener:
    """Hears everything on the exchange."""

    def __init__(self) -> None:
        self.heard: list[Incoming] = []
        self._came = asyncio.Condition()

    async def take(self, message: Incoming) -> None:
        async with self._came:
            self.heard.append(message)
            self._came.notify_all()

    def of(self, topic: str) -> list[Incoming]:
        """What came so far."""
        return [message for message in self.heard if message.routing_key == topic]

    async def until(self, topic: str, count: int = 1, *, seconds: float = 20) -> list[Incoming]:
        """Wait for at least `count` messages of a topic, by their ids, and return all of it that came."""
        async with self._came, asyncio.timeout(seconds):
            await self._came.wait_for(lambda: len({message.message_id for message in self.of(topic)}) >= count)
        return self.of(topic)


@dataclass
class Outside:
    """The broker as the test sees it: an administrator's channel, and a listener to all that is said."""

    url: str
    channel: aio_pika.abc.AbstractChannel
    listener: Listener
    hearing: aio_pika.abc.AbstractQueue

    @classmethod
    @asynccontextmanager
    async def on(cls, url: str) -> AsyncIterator[Self]:
        """Connect and listen while the block runs."""
        connection = await aio_pika.connect(url)
        async with connection:
            channel = await connection.channel(on_return_raises=True)
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind(EXCHANGE, "#")
            listener = Listener()
            await queue.consume(listener.take, no_ack=True)
            yield cls(url, channel, listener, queue)

    async def say(self, event: Message, **changes: Any) -> None:
        """Publish an event as its owner would; `changes` replace properties of the message, or its `body`."""
        exchange = await self.channel.get_exchange(EXCHANGE, ensure=False)
        body = changes.pop("body", event.to_json())
        properties = {"message_id": str(uuid4()), "correlation_id": "story", "type": event.topic, "app_id": "tracker"}
        await exchange.publish(aio_pika.Message(body, delivery_mode=2, **(properties | changes)), event.topic)

    async def turn_away(self) -> None:
        """Hear nothing more, so that what no service hears is returned to its sender."""
        await self.hearing.unbind(EXCHANGE, "#")

    async def waiting(self, queue: str) -> int:
        """How many messages wait in a queue, handed out to nobody."""
        found = await self.channel.declare_queue(queue, passive=True)
        return found.declaration_result.message_count or 0


@dataclass
class Delivery:
    """A message as a consumer receives it, without a broker."""

    body: bytes
    type: str = "test"
    message_id: Any = field(default_factory=lambda: str(uuid4()))
    correlation_id: Any = "story"
    app_id: str = "test"
    headers: dict[str, Any] = field(default_factory=dict)
    timestamp: Any = None
    reply_to: str | None = None

    @classmethod
    def of(cls, event: Message, **changes: Any) -> Self:
        return cls(**({"body": event.to_json(), "type": event.topic} | changes))


class Door:
    """A way to a server that can be shut: connections through it are cut or held up, and new ones refused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname, parts.port)
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def url(self) -> str:
        """The server's URL through this door."""
        login = self._parts.netloc.rpartition("@")[0]
        return urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{self._port}"))

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shut()

    async def open(self) -> None:
        """Let connections through, on the same port as before."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def shut(self) -> None:
        """Cut every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()
        self._flowing.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cut every connection; new ones are let through."""
        for writer in self._writers:
            writer.transport.abort()

    def hold_up(self) -> None:
        """Pass nothing on any more, without a word to either side."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on what was held up, and what comes."""
        self._flowing.set()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        for source, sink in ((reader, there_writer), (there_reader, writer)):
            task = asyncio.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        self._writers.add(sink)
        try:
            while block := await source.read(65536):
                await self._flowing.wait()
                sink.write(block)
                await sink.drain()
        except ConnectionError:
            # The other side is gone: so is this one.
            sink.transport.abort()
        finally:
            self._writers.discard(sink)
            sink.transport.abort()
