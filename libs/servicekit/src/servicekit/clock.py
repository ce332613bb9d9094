"""The house clock: the database server's, kept by this process's monotonic time."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

_LARGEST_STEP = timedelta(milliseconds=100)


class HouseClock:
    """Tells the database server's time without asking it each time; hosts' wall clocks are never compared."""

    def __init__(self) -> None:
        self._zero: datetime | None = None

    def now(self) -> datetime:
        """Return the time, aware and in UTC; before the first synchronisation this host's own."""
        if self._zero is None:
            return datetime.now(UTC)
        return self._zero + timedelta(seconds=time.monotonic())

    async def synchronise(self, connection: Any) -> None:
        """Read the server's clock; after the first time the clock moves by at most 100 ms."""
        before = time.monotonic()
        told: datetime = await connection.fetchval("select clock_timestamp()")
        zero = told - timedelta(seconds=(before + time.monotonic()) / 2)
        if self._zero is None:
            self._zero = zero
            return
        step = zero - self._zero
        self._zero += max(-_LARGEST_STEP, min(_LARGEST_STEP, step))


class ManualClock(HouseClock):
    """A clock that stands still until a test moves it."""

    def __init__(self, start: datetime) -> None:
        super().__init__()
        self._now = start

    def now(self) -> datetime:
        return self._now

    def set(self, moment: datetime) -> None:
        self._now = moment

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    async def synchronise(self, connection: Any) -> None:
        """A manual clock follows nobody."""
