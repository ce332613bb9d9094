"""Jobs that repeat, and roles that one instance holds for all."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import REGISTRY
from servicekit import Database, HouseClock, Work
from servicekit.jobs import hold_role, lock_key, pause_after, repeat
from servicekit.live_testing import Door
from servicekit.testing import eventually


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url, HouseClock(), pool_size=3)
    await database.open()
    yield database
    await database.close()


@asynccontextmanager
async def in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def reached(values: list[float] | list[str] | list[int], count: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return len(values) >= count

    return check


async def test_a_job_that_has_more_to_do_runs_again_at_once(kit_database: str) -> None:
    left = [5]
    runs: list[int] = []

    async def job(work: Work) -> bool:
        runs.append(left[0])
        left[0] -= 1
        return left[0] > 0

    async with opened(kit_database) as database, in_background(repeat(database, job, 3600, "job")):
        await eventually(reached(runs, 5))
        await asyncio.sleep(0.05)
    assert runs == [5, 4, 3, 2, 1]


async def test_a_job_that_fails_rolls_back_and_runs_again(kit_database: str) -> None:
    runs: list[int] = []

    async def counted(work: Work) -> None:
        runs.append(1)
        await work.connection.execute("insert into snapshot_run values ('t', now(), '', true, false)")
        raise RuntimeError("a bug")

    async with opened(kit_database) as database, in_background(repeat(database, counted, 0.01, "job")):
        await eventually(reached(runs, 3))
        assert await database.pool.fetchval("select count(*) from snapshot_run") == 0


async def test_a_job_waits_for_an_absent_database_and_goes_on_soon_after(
    kit_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.jobs._LONGEST_WAIT_SECONDS", 0.1)
    runs: list[int] = []

    async def job(work: Work) -> None:
        runs.append(await work.connection.fetchval("select 1"))

    async with (
        Door(kit_database) as door,
        opened(door.url) as database,
        in_background(repeat(database, job, 0.05, "job")),
    ):
        await eventually(reached(runs, 2))
        await door.shut()
        await asyncio.sleep(2)
        seen = len(runs)
        await door.open()
        await eventually(reached(runs, seen + 3), seconds=1.2, what="going on, however long it was away")


async def test_what_only_looks_like_an_absent_database_is_the_job_s_own_failure(
    kit_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    runs: list[int] = []

    async def job(work: Work) -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            await work.connection.execute("select 1", "an argument too many: asyncpg.InterfaceError")
        await work.connection.execute("select pg_terminate_backend(pg_backend_pid())")

    def failures() -> float:
        return REGISTRY.get_sample_value("webinars_job_failures_total", {"name": "wrong"}) or 0

    before = failures()
    async with opened(kit_database) as database, in_background(repeat(database, job, 0.01, "wrong")):
        await eventually(reached(runs, 3))
    assert failures() == before + 1
    assert [record.msg["event"] for record in caplog.records[:2]] == ["job.failed", "job.waits"]  # type: ignore[index]


def test_pauses_grow_to_a_limit_and_never_overflow() -> None:
    assert [pause_after(1.0, failures, 30.0) for failures in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert pause_after(3600.0, 5, 30.0) == 3600.0
    assert pause_after(1.0, 10**9, 30.0) == 30.0


class Part:
    """What the instances of a role did, in order."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.acting: set[str] = set()
        self.most_at_once = 0

    def played_by(self, name: str) -> Callable[[], Awaitable[None]]:
        async def play() -> None:
            self.story.append(f"{name} begins")
            self.acting.add(name)
            self.most_at_once = max(self.most_at_once, len(self.acting))
            try:
                await asyncio.Event().wait()
            finally:
                self.acting.discard(name)
                self.story.append(f"{name} ends")

        return play

    async def is_acted(self) -> bool:
        return bool(self.acting)


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    monkeypatch.setattr("servicekit.jobs._CANDIDACY_SECONDS", 0.05)
    monkeypatch.setattr("servicekit.jobs._FENCE_SECONDS", 0.1)
    monkeypatch.setattr("servicekit.jobs._LOCK_CHECK_SECONDS", 0.2)
    return Part()


async def test_one_instance_holds_a_role_and_another_takes_over_when_it_stops(part: Part, kit_database: str) -> None:
    async with opened(kit_database) as database:
        async with in_background(hold_role(database, part.played_by("a"), "telegram")):
            await eventually(part.is_acted)
            second = asyncio.ensure_future(hold_role(database, part.played_by("b"), "telegram"))
            await asyncio.sleep(0.3)
            assert part.story == ["a begins"]
        await eventually(part.is_acted)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
    assert part.story == ["a begins", "a ends", "b begins", "b ends"]


async def test_who_loses_the_lock_stops_before_another_begins(part: Part, kit_database: str) -> None:
    async with (
        opened(kit_database) as database,
        in_background(hold_role(database, part.played_by("a"), "telegram")),
        in_background(hold_role(database, part.played_by("b"), "telegram")),
    ):
        for times in range(1, 5):
            begun = [one for one in part.story if one.endswith("begins")]
            await eventually(part.is_acted)
            holder = await database.pool.fetchval(
                "select pid from pg_locks where locktype = 'advisory' and granted and objid = $1", lock_key("telegram")
            )
            await database.pool.execute("select pg_terminate_backend($1)", holder)

            async def ended(times: int = times) -> bool:
                return sum(one.endswith("ends") for one in part.story) >= times

            await eventually(ended)
            assert len(begun) <= times
        await eventually(part.is_acted)
    assert part.most_at_once == 1
    for one, following in itertools.pairwise(part.story):
        assert one.split()[1] != following.split()[1], part.story


async def test_a_silent_connection_ends_the_role(part: Part, kit_database: str) -> None:
    async with (
        Door(kit_database) as door,
        opened(door.url) as database,
        in_background(hold_role(database, part.played_by("a"), "telegram")),
    ):
        await eventually(part.is_acted)
        door.hold_up()

        async def has_ended() -> bool:
            return part.story[-1] == "a ends"

        await eventually(has_ended, seconds=3)
        await door.shut()
        await door.open()
        await eventually(part.is_acted)


async def test_a_role_that_fails_is_taken_up_again(part: Part, kit_database: str) -> None:
    begun: list[str] = []

    async def fail() -> None:
        begun.append("again")
        if len(begun) < 3:
            raise RuntimeError("a bug")
        await asyncio.Event().wait()

    async with opened(kit_database) as database, in_background(hold_role(database, fail, "telegram")):
        await eventually(reached(begun, 3))
