"""One message for many streams: shared bytes, latest wins, nobody's slowness is another's."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.types import Send

SLICE = 200
HEARTBEAT = {"type": "http.response.body", "body": b": \n\n", "more_body": True}


def goodbye() -> dict[str, Any]:
    """Return the last message of a stream: come back soon, and not all at once.

    Soon, because another instance is ready to take over: nobody is to notice that theirs was restarted.
    """
    retry = random.randint(100, 1_000)  # noqa: S311
    return {"type": "http.response.body", "body": b"retry: %d\n: bye\n\n" % retry, "more_body": False}


def how_to_come_back() -> bytes:
    """Return the first line of a stream: when to come back should it break, not all in one instant."""
    return b"retry: %d\n" % random.randint(1_000, 3_000)  # noqa: S311


class Connection:
    """One open stream."""

    __slots__ = ("_sent", "account_id", "beat", "closing", "expires_at", "hub", "session_id", "wake")

    def __init__(
        self,
        hub: "Hub",
        *,
        account_id: str | None = None,
        session_id: str | None = None,
        expires_at: datetime | None = None,
    ) -> None:
        self.hub = hub
        self.account_id = account_id
        self.session_id = session_id
        self.expires_at = expires_at
        self.wake = asyncio.Event()
        self.beat = False
        self.closing = False
        self._sent: dict[str, Any] | None = hub.message

    def close(self) -> None:
        """Ask the stream to say goodbye."""
        self.closing = True
        self.wake.set()

    def was_shown(self) -> None:
        """What has been published so far was sent by somebody else than `write`."""
        self._sent = self.hub.message

    async def write(self, send: Send, on_sent: Callable[[], None]) -> None:
        """Send each newest message until asked to close; `on_sent` is called after each message but heartbeats."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            if self.closing:
                await send(goodbye())
                return
            message = self.hub.message
            if message is not None and message is not self._sent:
                self._sent, self.beat = message, False
                await send(message)
                on_sent()
            elif self.beat:
                self.beat = False
                await send(HEARTBEAT)


class Hub:
    """The streams that show the same thing."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.message: dict[str, Any] | None = None
        self._walks: set[asyncio.Task[None]] = set()

    def publish(self, event: bytes) -> None:
        """Make `event` the newest, and wake everybody."""
        self.message = {"type": "http.response.body", "body": event, "more_body": True}
        self._walk(lambda connection: connection.wake.set())

    def heartbeat(self, now: datetime) -> None:
        """Let every stream say that it lives; one whose session has expired is closed."""

        def beat(connection: Connection) -> None:
            if connection.expires_at is not None and connection.expires_at <= now:
                connection.closing = True
            connection.beat = True
            connection.wake.set()

        self._walk(beat)

    def _walk(self, touch: Callable[[Connection], None]) -> None:
        if not self.connections:
            return
        walk = asyncio.create_task(self._in_slices(touch))
        self._walks.add(walk)
        walk.add_done_callback(self._walks.discard)

    async def _in_slices(self, touch: Callable[[Connection], None]) -> None:
        """Touch all connections, with a pause for other requests after each `SLICE`."""
        for number, connection in enumerate(list(self.connections), 1):
            touch(connection)
            if number % SLICE == 0:
                await asyncio.sleep(0)
