"""The house clock: the database server's, kept by this host's monotonic time."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

_LARGEST_STEP = timedelta(milliseconds=100)
_GOOD_READING_SECONDS = 0.01
_READINGS = 5
_BOOT_TIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Return seconds that only grow, also while the host sleeps, as far as it can tell.

    A laptop or a virtual machine that was suspended would be hours behind by `time.monotonic`, which stops meanwhile,
    and come up by a tenth of a second a minute.
    """
    return time.clock_gettime(_BOOT_TIME) if _BOOT_TIME is not None else time.monotonic()


class HouseClock:
    """Tells the database server's time without asking it each time; hosts' wall clocks are never compared."""

    def __init__(self) -> None:
        self._zero: datetime | None = None

    def now(self) -> datetime:
        """Return the time, aware and in UTC; before the first synchronisation this host's own."""
        if self._zero is None:
            return datetime.now(UTC)
        return self._zero + timedelta(seconds=elapsed())

    async def synchronise(self, connection: Any) -> None:
        """Read the server's clock; after the first time the clock moves by at most 100 ms."""
        zero = await _read_zero(connection)
        if self._zero is None:
            self._zero = zero
            return
        step = zero - self._zero
        self._zero += max(-_LARGEST_STEP, min(_LARGEST_STEP, step))


async def _read_zero(connection: Any) -> datetime:
    """Return the server's time at the zero of `elapsed`, from the quickest of a few answers."""
    best: tuple[float, datetime] | None = None
    for _ in range(_READINGS):
        before = elapsed()
        told: datetime = await connection.fetchval("select clock_timestamp()")
        after = elapsed()
        # Somewhere within the round trip the server read its clock: a slow answer says little.
        if best is None or after - before < best[0]:
            best = after - before, told - timedelta(seconds=(before + after) / 2)
        if best[0] <= _GOOD_READING_SECONDS:
            break
    assert best is not None
    return best[1]


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
