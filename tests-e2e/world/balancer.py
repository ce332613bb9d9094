"""What a Kubernetes service is to room-ui: one address, and new connections go to who is ready.

It is no better than that: it takes a moment to notice, and does not try another instance when one refuses.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from local_stack.service_process import ServiceProcess

from world.background import Background

LOOK_SECONDS = 0.25


class Balancer:
    """Passes each new connection to the ready instance with the fewest."""

    def __init__(self, background: Background, instances: Sequence[ServiceProcess]) -> None:
        self._background = background
        self._ports = {one.name: int(one.environment["HTTP_PORT"]) for one in instances}
        self._health = {one.name: one.ready_at for one in instances}
        self._ready: set[str] = set()
        self._only: str | None = None
        self.open: Counter[str] = Counter()
        self._server = background.run(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        background.run(self._look())
        self._looking = asyncio.run_coroutine_threadsafe(self._look_again_and_again(), background.loop)
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @contextmanager
    def only(self, name: str) -> Iterator[None]:
        """Prefer one instance while the block runs."""
        self._only = name
        try:
            yield
        finally:
            self._only = None

    def close(self) -> None:
        self._looking.cancel()
        self._background.loop.call_soon_threadsafe(self._server.close)

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look()

    async def _look(self) -> None:
        answers = await asyncio.gather(*(_is_ready(*where) for where in self._health.values()))
        self._ready = {name for name, ready in zip(self._health, answers, strict=True) if ready}

    def _chosen(self) -> str | None:
        order = sorted(self._ready, key=lambda name: (name != self._only, self.open[name]))
        return order[0] if order else None

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = self._chosen()
        if name is None:
            writer.transport.abort()
            return
        self.open[name] += 1
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._ports[name])
            try:
                await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
            finally:
                there_writer.transport.abort()
        except OSError:
            # As the far end says no, so do we.
            return
        finally:
            self.open[name] -= 1
            writer.transport.abort()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Pass on until one side closes: then the other is closed, once all has gone through; broken, it is broken."""
    try:
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
        sink.close()
        await sink.wait_closed()
    except OSError:
        sink.transport.abort()


async def _is_ready(port: int, path: str) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    return False
