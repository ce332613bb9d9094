"""What grows has an end: outcomes and dead letters go after their time, in slices, and not without a word."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from servicekit import Database
from servicekit.clock import ManualClock
from servicekit.jobs import run_job
from servicekit.retention import SLICE, delete_slice, forget_dead_letters, forget_old_outcomes, is_alone
from servicekit.testing import NOON
from structlog.testing import capture_logs

KEPT = timedelta(days=90)


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, ManualClock(NOON), pool_size=4)
    await database.open()
    yield database
    await database.close()


async def bury(database: Database, count: int, *, at: datetime, name: str = "old") -> None:
    await database.pool.execute(
        """
        insert into dead_letter (queue, type, message_id, correlation_id, app_id, headers, body, reason, error,
                                 attempts, dead_at)
        select 'attendance.webinar_completed', 'webinar_completed', $1 || number, 'story', 'tracker', '{}'::jsonb,
               'x'::bytea, 'failed', '', 5, $2 from generate_series(1, $3::int) as number
        """,
        name,
        at,
        count,
    )


async def left(database: Database, table: str) -> int:
    return int(await database.pool.fetchval(f"select count(*) from {table}"))


async def run(database: Database, job: Any) -> list[bool]:
    said = [await run_job(database, job)]
    while said[-1]:
        said.append(await run_job(database, job))
    return said


async def test_dead_letters_go_after_their_time_each_with_a_last_word(database: Database) -> None:
    await bury(database, 3, at=NOON - KEPT - timedelta(seconds=1))
    await bury(database, 2, at=NOON - KEPT, name="young")
    with capture_logs() as lines:
        await run(database, forget_dead_letters(kept=KEPT, most=1_000))
    assert await left(database, "dead_letter") == 2
    words = [line for line in lines if line["event"] == "dead_letter.forgotten"]
    assert sorted(line["message_id"] for line in words) == ["old1", "old2", "old3"]
    assert all(line["because"] == "older than 90 days" and line["correlation_id"] == "story" for line in words)


async def test_of_too_many_dead_letters_the_oldest_go(database: Database) -> None:
    await bury(database, 700, at=NOON - timedelta(days=2), name="first")
    await bury(database, 1_200, at=NOON - timedelta(days=1), name="second")
    with capture_logs() as lines:
        await run(database, forget_dead_letters(kept=KEPT, most=1_000))
    assert await left(database, "dead_letter") == 1_000
    assert await database.pool.fetchval("select count(*) from dead_letter where message_id like 'first%'") == 0
    assert sum(line["event"] == "dead_letter.forgotten" for line in lines) == 900


async def test_what_is_deleted_goes_in_slices(database: Database) -> None:
    await bury(database, 2 * SLICE + 1, at=NOON - timedelta(days=100))
    assert await run(database, forget_dead_letters(kept=KEPT, most=1_000)) == [True, True, False]


async def test_outcomes_outlive_every_page_that_could_ask_again(database: Database) -> None:
    for days in (13.9, 14.1):
        await database.pool.execute(
            "insert into command_outcome (message_id, topic, actor_id, decided_at) values ($1, 't', 'a', $2)",
            uuid4(),
            NOON - timedelta(days=days),
        )
    await run(database, forget_old_outcomes)
    assert await database.pool.fetchval("select array_agg(decided_at) from command_outcome") == [
        NOON - timedelta(days=13.9)
    ]


async def test_nobody_waits_for_who_deletes_nor_is_waited_for(database: Database) -> None:
    await bury(database, 2, at=NOON - timedelta(days=100))
    async with database.work() as replaying:
        await replaying.connection.fetch("select from dead_letter where message_id = 'old1' for update")
        async with asyncio.timeout(5), database.work() as work:
            assert len(await delete_slice(work, "dead_letter", "dead_at < $1", NOON)) == 1
    assert await database.pool.fetchval("select message_id from dead_letter") == "old1"


async def test_one_instance_deletes_at_a_time(database: Database) -> None:
    await bury(database, 1, at=NOON - timedelta(days=100))
    forget = forget_dead_letters(kept=KEPT, most=1_000)
    async with database.work() as other:
        assert await is_alone(other, "dead_letter")
        assert await run(database, forget) == [False]
        assert await left(database, "dead_letter") == 1
    await run(database, forget)
    assert await left(database, "dead_letter") == 0
