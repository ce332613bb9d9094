"""Viewers whose streams come back as the page's do, and how long each was without one."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from world.background import Background

BROWSERS_OWN_RETRY_SECONDS = 3.0
FIRST_STATE_PATIENCE_SECONDS = 60.0


@dataclass
class Gap:
    """Without a stream: from the last byte before to the first state after, by the moment and for how long."""

    name: str
    since: float
    seconds: float


@dataclass
class Viewer:
    """One tab. `retry_seconds` is what the server said last."""

    name: str
    cookies: Mapping[str, str]
    retry_seconds: float = BROWSERS_OWN_RETRY_SECONDS
    last_byte: float | None = None
    state: dict[str, Any] | None = None
    most_viewers: int = 0
    following: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Returning:
    """Tabs in one room, each with a stream that is opened again when it ends: `EventSource` and `push.js` in small.

    An ended or refused connection is tried again after the server's `retry:`; an answer that is no stream closes an
    `EventSource` for good, so the page asks for the state and opens a new one after 2 to 5 seconds.
    """

    def __init__(self, background: Background, address: str, webinar_id: UUID) -> None:
        self._background = background
        parts = urlsplit(address)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._query = f"webinar_id={webinar_id}&visible=1"
        self.viewers: list[Viewer] = []
        self.gaps: list[Gap] = []
        self.refusals: list[str] = []

    def join(self, name: str, cookies: Mapping[str, str], tabs: int = 1) -> None:
        """Open tabs of one person; `wait_for` tells when they show something."""
        opened = [Viewer(name, cookies) for _ in range(tabs)]
        self.viewers += opened
        self._background.run(self._begin(opened))

    def wait_for(self, what: str, is_so: Any, patience: float = FIRST_STATE_PATIENCE_SECONDS) -> None:
        """Return when something is so of the state of every tab."""
        deadline = time.monotonic() + patience
        while missing := [one for one in self.viewers if one.state is None or not is_so(one.state)]:
            assert time.monotonic() < deadline, f"{what}: {len(missing)} tabs wait in vain: {missing[:3]}"
            time.sleep(0.05)

    def wait_for_gaps(self, count: int, patience: float = FIRST_STATE_PATIENCE_SECONDS) -> None:
        """Return when so many streams have come back."""
        deadline = time.monotonic() + patience
        while len(self.gaps) < count:
            assert time.monotonic() < deadline, f"{len(self.gaps)} of {count} streams have come back"
            time.sleep(0.05)

    def leave(self, *names: str) -> None:
        """Close the tabs of these people; without names those of all."""
        leaving = [one for one in self.viewers if not names or one.name in names]
        self._background.run(_end(leaving))
        self.viewers = [one for one in self.viewers if one not in leaving]

    async def _begin(self, viewers: list[Viewer]) -> None:
        for viewer in viewers:
            viewer.following = asyncio.create_task(self._follow_on_and_on(viewer))

    async def _follow_on_and_on(self, viewer: Viewer) -> None:
        while True:
            pause: float | None = None
            try:
                pause = await self._follow(viewer)
            except OSError:
                pause = None
            await asyncio.sleep(viewer.retry_seconds if pause is None else pause)

    async def _follow(self, viewer: Viewer) -> float | None:
        """Read a stream to its end; returns the pause before the next, if it is not the server's."""
        reader, writer = await asyncio.open_connection(*self._address, limit=1 << 20)
        with closing(writer):
            writer.write(self._request(viewer, "/webinar/v1/state/stream"))
            status = await reader.readline()
            if not status:
                return None
            if b" 200 " not in status:
                self.refusals.append(f"{viewer.name}: {status.decode().strip()}")
                return 2 + random.random() * 3
            shown = False
            while (line := await reader.readline()).endswith(b"\n"):
                now = time.monotonic()
                if line.startswith(b"data: "):
                    self._take(viewer, json.loads(line[6:]), now, first=not shown)
                    shown = True
                elif line.startswith(b"retry: "):
                    viewer.retry_seconds = int(line[7:]) / 1000
                if shown:
                    viewer.last_byte = now
        return None

    def _take(self, viewer: Viewer, state: dict[str, Any], now: float, *, first: bool) -> None:
        if first and viewer.last_byte is not None:
            self.gaps.append(Gap(viewer.name, viewer.last_byte, now - viewer.last_byte))
        viewer.state = state
        viewer.most_viewers = max(viewer.most_viewers, state["viewers"])

    def _request(self, viewer: Viewer, path: str) -> bytes:
        cookies = "; ".join(f"{name}={value}" for name, value in viewer.cookies.items())
        asked = f"GET {path}?{self._query} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
        return f"{asked}Cookie: {cookies}\r\n\r\n".encode()


async def _end(viewers: list[Viewer]) -> None:
    tasks = [viewer.following for viewer in viewers if viewer.following is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def share(gaps: Sequence[Gap], percent: int) -> float:
    """Return how long, at most, so many percent of the gaps were."""
    seconds = sorted(gap.seconds for gap in gaps)
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)] if seconds else 0.0


def distribution(gaps: Sequence[Gap]) -> str:
    """Return how long the gaps were, on one line."""
    told = ", ".join(f"p{percent} {share(gaps, percent) * 1000:.0f} ms" for percent in (50, 90, 99))
    return f"{len(gaps)} gaps: {told}, longest {share(gaps, 100) * 1000:.0f} ms"
