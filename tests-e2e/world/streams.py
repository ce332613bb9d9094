"""Event streams of a room, many at once, held by one client that notes when each byte came."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from world.background import Background


@dataclass
class Stream:
    """One viewer's stream; `events` are the states with the moment (of `time.time`) at which they were there."""

    name: str
    cookies: Mapping[str, str]
    events: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    writer: asyncio.StreamWriter | None = None
    reading: "asyncio.Task[None] | None" = None

    def first(self, status: str) -> float | None:
        """Return when the stream first told of a status."""
        return next((moment for moment, state in self.events if state["status"] == status), None)


class Crowd:
    """Viewers without a browser, in one room."""

    def __init__(self, background: Background, base_url: str, webinar_id: UUID) -> None:
        self._background = background
        parts = urlsplit(base_url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._host = parts.netloc
        self._path = f"/webinar/v1/state/stream?webinar_id={webinar_id}&visible=1"
        self.streams: list[Stream] = []

    def join(self, viewers: Mapping[str, Mapping[str, str]]) -> None:
        """Open a stream for each viewer (name → cookies); returns when each has had its first event."""
        opened = [Stream(name, cookies) for name, cookies in viewers.items()]
        self.streams += opened
        self._background.run(self._open(opened), 60)
        self.wait_for(lambda stream: bool(stream.events), opened)

    def wait_for(self, is_so: Any, streams: Sequence[Stream] | None = None, patience: float = 30) -> None:
        """Return when something is so of every stream; AssertionError names those of which it is not."""
        deadline = time.monotonic() + patience
        watched = self.streams if streams is None else streams
        while missing := [stream.name for stream in watched if not is_so(stream)]:
            assert time.monotonic() < deadline, f"{len(missing)} streams wait in vain: {missing[:5]}"
            time.sleep(0.02)

    def leave(self, *names: str) -> None:
        """Close the streams of these viewers; without names those of all."""
        leaving = [stream for stream in self.streams if not names or stream.name in names]
        self.streams = [stream for stream in self.streams if stream not in leaving]
        self._background.run(_close(leaving))

    async def _open(self, streams: Sequence[Stream]) -> None:
        await asyncio.gather(*(self._open_one(stream) for stream in streams))

    async def _open_one(self, stream: Stream) -> None:
        reader, stream.writer = await asyncio.open_connection(*self._address, limit=1 << 20)
        cookies = "; ".join(f"{name}={value}" for name, value in stream.cookies.items())
        stream.writer.write(f"GET {self._path} HTTP/1.1\r\nHost: {self._host}\r\nCookie: {cookies}\r\n\r\n".encode())
        status = await reader.readline()
        assert b" 200 " in status, f"{stream.name}: {status!r}"
        stream.reading = asyncio.create_task(_read(reader, stream))


async def _read(reader: asyncio.StreamReader, stream: Stream) -> None:
    """Take what comes; an event is one chunk, so its line is whole and the lines of chunk sizes are passed over."""
    while (line := await reader.readline()).endswith(b"\n"):
        if line.startswith(b"data: "):
            stream.events.append((time.time(), json.loads(line[6:])))


async def _close(streams: Sequence[Stream]) -> None:
    for stream in streams:
        if stream.writer is not None:
            stream.writer.close()
        if stream.reading is not None:
            stream.reading.cancel()
    await asyncio.gather(*(one.reading for one in streams if one.reading), return_exceptions=True)
