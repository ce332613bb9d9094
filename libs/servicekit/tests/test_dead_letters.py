"""Dead letters: written once whatever they hold, read, given back with the same id, dropped."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from contracts import ClientWebinarEntered
from servicekit import Database, HouseClock
from servicekit.dead_letters import ReplayError, drop, read_dead_letters, replay
from servicekit.errors import DatabaseAwayError
from servicekit.live_testing import Delivery
from servicekit.setting_aside import Burial, SettingAside
from servicekit.testing import NOON

QUEUE = "attendance.client_webinar_entered"
CONTEXT = f"00-{1:032x}-{1:016x}-01"


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=3)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def aside(database: Database) -> SettingAside:
    return SettingAside(database, SimpleNamespace())  # type: ignore[arg-type]


def letter(**changes: Any) -> Any:
    headers = {"causation_id": str(uuid4()), "schema_version": 1, "traceparent": CONTEXT, "attempt": 4}
    return Delivery(**({"body": b'{"lead_id": "a"}', "type": ClientWebinarEntered.topic, "headers": headers} | changes))


NASTY: list[Any] = [
    *(
        None,
        True,
        -1,
        10**400,
        1.5,
        math.nan,
        math.inf,
        "",
        "\x00",
        "a\x00b",
        "\ud800",
        "'; drop table dead_letter; --",
    ),
    *(NOON.replace(tzinfo=None), datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    *(b"\xff\x00", NOON, Decimal("NaN"), [1, [2, {"deep": math.nan}]], {"x-death": [{"\x00": "\x00"}]}, "я" * 5000),
]


async def test_whatever_a_message_holds_it_can_be_buried(aside: SettingAside, database: Database) -> None:
    for nasty in NASTY:
        raw = letter(
            message_id=nasty, correlation_id=nasty, app_id=nasty, headers={"h": nasty, str(nasty): 1}, body=b"\x00\xff"
        )
        raw.timestamp = nasty
        await aside.bury(QUEUE, raw, reason="invalid", error=f"{nasty}")
    assert len(await read_dead_letters(database)) == len({str(nasty) for nasty in NASTY if nasty is not None})


async def test_a_message_that_comes_again_is_buried_once(aside: SettingAside, database: Database) -> None:
    raw = letter()
    await aside.bury(QUEUE, raw, reason="failed", error="first")
    await aside.bury(QUEUE, raw, reason="failed", error="second")
    await aside.bury(QUEUE, letter(message_id="x", body=b"1"), reason="invalid", error="")
    await aside.bury(QUEUE, letter(message_id="x", body=b"2"), reason="invalid", error="")
    found = await read_dead_letters(database)
    assert [(one.message_id, one.body, one.error) for one in found] == [
        ("x", b"2", ""),
        ("x", b"1", ""),
        (raw.message_id, raw.body, "second"),
    ]


async def test_a_token_is_never_written_down(aside: SettingAside, database: Database) -> None:
    await aside.bury(QUEUE, letter(headers={"authorization": "eyJhbGciOi.secret.token"}), reason="failed", error="")
    [found] = await read_dead_letters(database, QUEUE)
    assert found.headers == {}


async def test_a_replay_is_one_transaction_with_the_same_id_to_that_queue_alone(
    aside: SettingAside, database: Database
) -> None:
    raw = letter(app_id="tracker", timestamp=NOON)
    await aside.bury(QUEUE, raw, reason="failed", error="")
    [found] = await read_dead_letters(database)
    [given_back] = await replay(database, QUEUE, [found.id])
    assert str(given_back) == raw.message_id
    assert await read_dead_letters(database) == []
    row = await database.pool.fetchrow("select * from outbox")
    assert (row["exchange"], row["routing_key"], row["type"]) == ("webinars.delay.1", QUEUE, raw.type)
    assert (row["app_id"], row["correlation_id"]) == ("tracker", "story")
    assert str(row["causation_id"]) == raw.headers["causation_id"]
    assert (row["body"], row["schema_version"], row["traceparent"]) == (raw.body, 1, CONTEXT)
    assert row["said_at"] == NOON
    age = await database.pool.fetchval("select clock_timestamp() - created_at from outbox")
    assert age < timedelta(minutes=1), "it waits for the relay since the replay, and not since it was said"


async def test_what_is_no_context_of_a_trace_is_not_given_back(aside: SettingAside, database: Database) -> None:
    await aside.bury(QUEUE, letter(headers={"traceparent": "x" * 1000}), reason="failed", error="")
    [found] = await read_dead_letters(database)
    await replay(database, QUEUE, [found.id])
    assert await database.pool.fetchval("select traceparent from outbox") is None


async def test_what_cannot_be_given_back_stays_with_all_its_fellows(aside: SettingAside, database: Database) -> None:
    hopeless: list[dict[str, Any]] = [
        {"message_id": "no-uuid"},
        {"type": "core_webinar_set_status"},
        {"headers": {"causation_id": "?"}},
    ]
    for changes in hopeless:
        await aside.bury(QUEUE, letter(), reason="failed", error="")
        await aside.bury(QUEUE, letter(**changes), reason="invalid", error="")
        ids = [one.id for one in await read_dead_letters(database)]
        with pytest.raises(ReplayError):
            await replay(database, QUEUE, ids)
        assert len(await read_dead_letters(database)) == 2
        assert await database.pool.fetchval("select count(*) from outbox") == 0
        assert await drop(database, QUEUE, ids) == 2
        assert await read_dead_letters(database) == []


async def test_another_queue_s_dead_letters_are_left_alone(aside: SettingAside, database: Database) -> None:
    await aside.bury(QUEUE, letter(), reason="failed", error="")
    [found] = await read_dead_letters(database)
    assert await replay(database, "attendance.webinar_event", [found.id]) == []
    assert await drop(database, "attendance.webinar_event", [found.id]) == 0
    assert len(await read_dead_letters(database)) == 1


async def test_what_the_broker_gave_up_on_keeps_its_reason(aside: SettingAside, database: Database) -> None:
    settled: list[Any] = []

    async def settle(raws: Any) -> None:
        settled.extend(raws)

    deaths = [{"reason": "delivery_limit", "queue": QUEUE, "count": 101}]
    raws = [letter(headers={"x-death": deaths}), letter(headers={"x-death": "forged"}), letter(headers={})]
    await Burial(QUEUE, f"{QUEUE}.dlq", aside).handle(raws, settle)
    found = await read_dead_letters(database, QUEUE)
    assert [one.reason for one in reversed(found)] == ["delivery_limit", "dead-lettered", "dead-lettered"]
    assert settled == raws


async def test_a_dead_letter_waits_for_the_database(aside: SettingAside, database: Database) -> None:
    await database.pool.execute("alter table dead_letter rename to away")
    with pytest.raises(DatabaseAwayError):
        await aside.bury(QUEUE, letter(), reason="failed", error="")
