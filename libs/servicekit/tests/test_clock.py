"""The house clock: the database server's time, kept by this host's own monotonic time."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from servicekit import HouseClock


class Server:
    """A connection whose server tells a time of the test's choice, and takes its time over it."""

    def __init__(self, offset: timedelta) -> None:
        self.offset = offset
        self.monotonic = 1000.0
        self.answers = iter([0.0])
        self.asked = 0

    def time(self) -> float:
        return self.monotonic

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic, UTC) + self.offset

    async def fetchval(self, _: str) -> datetime:
        self.asked += 1
        seconds = next(self.answers, 0.0)
        # The answer's way back takes all of it: the server read its clock at once.
        told = self.now
        self.monotonic += seconds
        return told


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(timedelta(days=300))
    monkeypatch.setattr("servicekit.clock.elapsed", server.time)
    return server


async def test_it_tells_the_server_s_time_whatever_the_host_thinks(server: Server) -> None:
    clock = HouseClock()
    await clock.synchronise(server)
    server.monotonic += 12.5
    assert clock.now() == server.now
    assert clock.now().tzinfo is UTC


async def test_it_goes_on_while_the_host_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = {time.CLOCK_BOOTTIME: 1000.0, time.CLOCK_MONOTONIC: 1000.0}
    monkeypatch.setattr(time, "clock_gettime", moments.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: moments[time.CLOCK_MONOTONIC])
    server = Server(timedelta(days=300))
    clock = HouseClock()
    await clock.synchronise(server)
    told = clock.now()
    moments[time.CLOCK_BOOTTIME] += 3600  # it slept for an hour, in which the other clock stood still
    assert clock.now() - told == timedelta(hours=1)


async def test_a_later_reading_moves_it_by_a_tenth_of_a_second_at_most(server: Server) -> None:
    clock = HouseClock()
    await clock.synchronise(server)
    for step, expected in ((5, 0.1), (-3600, -0.1), (0.03, 0.03)):
        before = clock.now() - server.now
        server.offset += timedelta(seconds=step)
        told = clock.now()
        await clock.synchronise(server)
        assert clock.now() - told == pytest.approx(timedelta(seconds=expected), abs=timedelta(microseconds=5))
        server.offset -= timedelta(seconds=step) - (clock.now() - told)
        assert clock.now() - server.now == pytest.approx(before, abs=timedelta(microseconds=5))


async def test_a_slow_answer_is_not_believed_when_a_quick_one_can_be_had(server: Server) -> None:
    server.answers = iter([4.0, 0.5, 0.002])
    clock = HouseClock()
    await clock.synchronise(server)
    assert server.asked == 3
    assert abs(clock.now() - server.now) <= timedelta(milliseconds=1)
    server.answers = iter([3.0, 0.4, 2.0, 2.0, 2.0])
    await clock.synchronise(server)
    assert server.asked == 3 + 5, "where there is none, the quickest of five has to do"


async def test_it_agrees_with_a_real_server(kit_database: str) -> None:
    connection: Any = await asyncpg.connect(kit_database)
    clock = HouseClock()
    await clock.synchronise(connection)
    told = await connection.fetchval("select clock_timestamp()")
    assert abs(clock.now() - told) < timedelta(seconds=1)
    await connection.close()
