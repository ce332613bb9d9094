"""A line to a server that can be cut, and mended again."""

import asyncio
from urllib.parse import urlsplit

from world.background import Background


class Line:
    """Passes bytes to where a URL leads as long as it is whole; `address` is given to a browser as its proxy."""

    def __init__(self, background: Background, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._background = background
        self._whole = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = background.run(asyncio.start_server(self._pass_on, "127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection, and let none come about."""
        self._background.run(self._cut())

    def mend(self) -> None:
        """Let connections come about again."""
        self._whole = True

    def close(self) -> None:
        self._server.close()
        self.cut()

    async def _cut(self) -> None:
        self._whole = False
        for writer in list(self._writers):
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._whole:
            writer.transport.abort()
            return
        try:
            there_reader, there_writer = await asyncio.open_connection(*self._target)
        except OSError:
            # Nobody is there: as the far end says no, so do we.
            writer.transport.abort()
            return
        ends = (writer, there_writer)
        self._writers.update(ends)
        try:
            await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
        finally:
            self._writers.difference_update(ends)
            for end in ends:
                end.transport.abort()


async def _pour(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(65536):
            drain.write(chunk)
            await drain.drain()
        drain.write_eof()
    except OSError:
        # Cut in mid-flow: so it was meant.
        drain.transport.abort()
