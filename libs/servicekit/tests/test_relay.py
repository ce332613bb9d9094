"""The relay: in order, by one at a time, nothing lost; a row at fault is parked while others pass."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from contracts import AccountEvent, Role, WebinarStarted
from contracts.examples import example
from contracts.topology import CORE_WEBINAR, EXCHANGE, RETURN_EXCHANGE, ROOM_UI
from local_stack.readiness import management_request
from servicekit import Database, HouseClock
from servicekit.jobs import run_job
from servicekit.live_testing import Door, Outside
from servicekit.parking import parked, try_homeless_again, unpark
from servicekit.provision import vhost_of
from servicekit.refusals import wait_after
from servicekit.relay import Relay
from servicekit.testing import NOON, eventually

TOPIC = AccountEvent.topic


def account(number: int) -> AccountEvent:
    return AccountEvent(
        account_id=f"account-{number}",
        display_name="somebody",
        role=Role.CANDIDATE,
        locale="ru",
        active=True,
        version=number,
    )


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=3)
    await database.open()
    yield database
    await database.close()


async def announce(database: Database, *numbers: int) -> None:
    async with database.work() as work:
        for number in numbers:
            work.announce(account(number))


async def add_row(database: Database, **changes: Any) -> int:
    row = {
        "message_id": uuid4(),
        "exchange": EXCHANGE,
        "routing_key": TOPIC,
        "type": TOPIC,
        "body": account(0).to_json(),
        "correlation_id": "c",
        "schema_version": 1,
        "created_at": NOON,
    } | changes
    names, places = ", ".join(row), ", ".join(f"${number}" for number in range(1, len(row) + 1))
    statement = f"insert into outbox ({names}) values ({places}) returning seq"
    return int(await database.pool.fetchval(statement, *row.values()))


@asynccontextmanager
async def relaying(database_url: str, broker_url: str) -> AsyncIterator[Relay]:
    relay = Relay(database_url, broker_url, app_id="room-ui", clock=HouseClock())
    task = asyncio.create_task(relay.run())
    try:
        yield relay
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await relay.close()


def rows_left(database: Database, count: int) -> Callable[[], Any]:
    async def check() -> bool:
        return int(await database.pool.fetchval("select count(*) from outbox")) == count

    return check


async def test_rows_go_out_in_their_order_and_are_deleted(database: Database, outside: Outside) -> None:
    numbers = list(range(1200))
    for begin in range(0, 1200, 300):
        await announce(database, *numbers[begin : begin + 300])
    async with relaying(database.url, outside.url):
        said = await outside.listener.until(TOPIC, 1200)
        await eventually(rows_left(database, 0))
    assert [AccountEvent.from_json(message.body).version for message in said] == numbers
    first = said[0]
    assert (first.app_id, first.type, first.content_type) == ("room-ui", TOPIC, "application/json")
    assert first.correlation_id == first.message_id, "neither a cause nor a webinar: its own id"
    assert UUID(str(first.message_id)).version == 7
    assert str(first.headers["traceparent"]).startswith("00-")


async def test_a_commit_wakes_the_relay_before_its_poll(
    database: Database, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long a rest that only being woken ends it within the patience of `until`.
    monkeypatch.setattr("servicekit.relay._IDLE_POLL_SECONDS", 600.0)
    monkeypatch.setattr("servicekit.relay._BUSY_POLL_SECONDS", 600.0)
    async with relaying(database.url, outside.url) as relay:
        database.on_commit(relay.wake)
        for number in range(1, 8):
            await announce(database, number)
            await outside.listener.until(TOPIC, number)
            await eventually(rows_left(database, 0))


async def test_a_fact_that_nobody_hears_is_no_error(database: Database, outside: Outside) -> None:
    async with database.work() as work:
        work.announce(WebinarStarted.from_json(example(WebinarStarted.topic)))
    async with relaying(database.url, outside.url):
        [said] = await outside.listener.until(WebinarStarted.topic)
        assert said.correlation_id == json.loads(said.body)["webinar_id"]
        await eventually(rows_left(database, 0))


async def test_of_two_relays_one_works_and_the_other_takes_over(database: Database, outside: Outside) -> None:
    async def holders() -> list[int]:
        rows = await database.pool.fetch(
            "select pid from pg_locks where locktype = 'advisory' and granted and database = "
            "(select oid from pg_database where datname = current_database())"
        )
        return [row["pid"] for row in rows]

    async def one_holder() -> bool:
        return len(await holders()) == 1

    async with relaying(database.url, outside.url), relaying(database.url, outside.url):
        await eventually(one_holder)
        for number in range(5):
            await announce(database, number)
            await outside.listener.until(TOPIC, number + 1)
            [holder] = await holders()
            await database.pool.execute("select pg_terminate_backend($1)", holder)
            await eventually(one_holder)
        await eventually(rows_left(database, 0))
    ids = [message.message_id for message in outside.listener.of(TOPIC)]
    assert len(set(ids)) == 5


async def test_a_row_that_is_refused_is_parked_while_others_pass(
    database: Database, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.refusals._LONGEST_WAIT_SECONDS", 0.05)
    homeless = await add_row(database, exchange=RETURN_EXCHANGE, routing_key="nobody.here")
    too_long = await add_row(database, correlation_id="x" * 300)
    async with relaying(database.url, outside.url) as relay:
        database.on_commit(relay.wake)
        number = 0
        async with asyncio.timeout(20):
            while len(await parked(database)) < 2:
                number += 1
                await announce(database, number)
                await outside.listener.until(TOPIC, number)
        rows = await parked(database)
        assert [row["seq"] for row in rows] == [homeless, too_long]
        assert "NO_ROUTE" in rows[0]["last_error"]
        assert number >= 5
        await eventually(rows_left(database, 2))
        await outside.channel.declare_queue("home", exclusive=True)
        await (await outside.channel.get_queue("home")).bind(RETURN_EXCHANGE, "nobody.here")
        assert await unpark(database, [homeless]) == 1
        await eventually(rows_left(database, 1))


async def test_of_the_parked_those_without_a_queue_are_tried_again_and_go_once_it_is_there(
    database: Database, outside: Outside
) -> None:
    long_ago = NOON - timedelta(days=365)
    homeless = await add_row(
        database, exchange=RETURN_EXCHANGE, routing_key="nobody.here", parked_at=long_ago, attempts=5,
        last_error="PublishError: 312 NO_ROUTE",
    )  # fmt: skip
    too_long = await add_row(database, parked_at=long_ago, attempts=5, last_error="ValueError('too long')")
    [queue] = [await outside.channel.declare_queue("home", exclusive=True)]
    async with relaying(database.url, outside.url):
        # Not back yet: one more refusal while others pass, and it is parked as before.
        await run_job(database, try_homeless_again)
        number = 0
        async with asyncio.timeout(20):
            while homeless not in [row["seq"] for row in await parked(database)]:
                number += 1
                await announce(database, number)
                await outside.listener.until(TOPIC, number)
        await run_job(database, try_homeless_again)
        assert len(await parked(database)) == 2, "it was looked at a moment ago"
        await queue.bind(RETURN_EXCHANGE, "nobody.here")
        await database.pool.execute("update outbox set parked_at = $1", long_ago)
        await run_job(database, try_homeless_again)
        await eventually(rows_left(database, 1))
    assert [row["seq"] for row in await parked(database)] == [too_long]


async def test_a_row_that_is_refused_is_parked_when_others_pass_between_its_tries(
    database: Database, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.refusals._LONGEST_WAIT_SECONDS", 0.05)
    monkeypatch.setattr("servicekit.relay._IDLE_POLL_SECONDS", 0.01)
    homeless = await add_row(database, exchange=RETURN_EXCHANGE, routing_key="nobody.here")
    async with relaying(database.url, outside.url) as relay:

        def tries() -> int:
            return relay._refusals[homeless].times if homeless in relay._refusals else 0

        async def is_tried_again(after: int) -> bool:
            return tries() > after or bool(await parked(database))

        await eventually(lambda: is_tried_again(5), what="tries while nothing passes")
        assert await parked(database) == []
        for number in range(1, 6):
            await announce(database, number)
            await outside.listener.until(TOPIC, number)
            await eventually(rows_left(database, 1))
            # The next time the row stands alone in its pass, as it does where little is said.
            before = tries()
            await eventually(lambda before=before: is_tried_again(before))  # type: ignore[misc]
        assert [row["seq"] for row in await parked(database)] == [homeless]


def test_a_refused_row_waits_longer_each_time_up_to_a_limit_and_never_overflows() -> None:
    assert [wait_after(times) for times in range(1, 6)] == [1, 2, 4, 5, 5]
    assert wait_after(10**9) == 5


@asynccontextmanager
async def room_for(outside: Outside, servers: Any, queue: str, messages: int) -> AsyncIterator[None]:
    """Let a queue take no more than so many messages meanwhile, by a policy, as an operator might."""
    vhost = quote(vhost_of(outside.url), safe="")
    path = f"/api/policies/{vhost}/narrow"
    pattern = f"^{re.escape(queue)}$"
    policy = {"pattern": pattern, "apply-to": "queues", "definition": {"max-length": messages}}
    management_request(servers.rabbitmq_management_url, "PUT", path, json.dumps(policy).encode())
    try:
        yield
    finally:
        management_request(servers.rabbitmq_management_url, "DELETE", path, b"")


async def test_rows_wait_for_room_in_a_full_queue_while_others_pass_and_none_is_parked(
    database: Database, outside: Outside, servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.refusals._LONGEST_WAIT_SECONDS", 0.05)
    full = f"{CORE_WEBINAR}.{TOPIC}"
    started = WebinarStarted.from_json(example(WebinarStarted.topic))
    async with room_for(outside, servers, full, 10), relaying(database.url, outside.url) as relay:
        database.on_commit(relay.wake)

        async def is_full() -> bool:
            await announce(database, 0)
            return bool(relay._full.all())

        await eventually(is_full, what="the queue to be full")
        held = relay._full
        # More than are read at once: what waits must not stand in the way of what can go.
        await announce(database, *range(1, 700))
        tries = held._times[EXCHANGE, TOPIC]
        for number in range(1, 6):
            async with database.work() as work:
                work.announce(started)
            await outside.listener.until(WebinarStarted.topic, number)

        async def is_tried_often() -> bool:
            return held._times[EXCHANGE, TOPIC] > tries + 10

        await eventually(is_tried_often, what="many tries")
        assert await database.pool.fetchval("select count(*) from outbox") >= 699
        assert await database.pool.fetchval("select max(attempts) from outbox") == 0
        assert relay._refusals == {}, "nothing is remembered for each row"
        queue = await outside.channel.get_queue(full, ensure=False)
        while not await rows_left(database, 0)():
            # Read by little and little, as by a consumer who has come back.
            await queue.purge()
    versions = {AccountEvent.from_json(message.body).version for message in outside.listener.of(TOPIC)}
    assert versions == set(range(700))


async def test_a_row_that_closes_the_channel_does_not_stop_its_neighbours(
    users: Callable[[str], str], database: Database, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.refusals._LONGEST_WAIT_SECONDS", 0.05)
    forbidden = await add_row(database, routing_key="webinar_event", type="webinar_event")
    nowhere = await add_row(database, exchange="no.such.exchange")
    await announce(database, *range(50))
    async with relaying(database.url, users(ROOM_UI)) as relay:
        database.on_commit(relay.wake)
        await outside.listener.until(TOPIC, 50)
        number = 50
        async with asyncio.timeout(20):
            while len(await parked(database)) < 2:
                await announce(database, number)
                number += 1
                await outside.listener.until(TOPIC, number)
        await eventually(rows_left(database, 2))
    rows = {row["seq"]: row["last_error"] for row in await parked(database)}
    assert "ACCESS_REFUSED" in rows[forbidden]
    assert "ACCESS_REFUSED" in rows[nowhere]
    assert outside.listener.of("webinar_event") == []


async def test_a_broker_that_is_away_or_silent_parks_nothing(
    database: Database, outside: Outside, broker_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.relay.PUBLISH_LIMIT_SECONDS", 0.5)
    async with relaying(database.url, broker_door.url) as relay:
        database.on_commit(relay.wake)
        await announce(database, 0)
        await outside.listener.until(TOPIC, 1)
        await eventually(rows_left(database, 0))
        broker_door.hold_up()
        await announce(database, *range(1, 700))
        passed_at = relay.passed_at
        rounds = 0

        async def came_round_three_times() -> bool:
            nonlocal passed_at, rounds
            rounds += relay.passed_at != passed_at
            passed_at = relay.passed_at
            return rounds >= 3

        await eventually(came_round_three_times, what="attempts in silence")
        assert await rows_left(database, 699)()
        assert await database.pool.fetchval("select max(attempts) from outbox") == 0
        await broker_door.shut()
        await asyncio.sleep(0.5)
        assert await parked(database) == []
        await broker_door.open()
        await outside.listener.until(TOPIC, 700)
        await eventually(rows_left(database, 0))
    versions = [AccountEvent.from_json(message.body).version for message in outside.listener.of(TOPIC)]
    assert set(versions) == set(range(700))


async def test_a_database_that_goes_away_is_waited_out(
    database: Database, database_door: Door, outside: Outside
) -> None:
    async with relaying(database_door.url, outside.url):
        await announce(database, 1)
        await outside.listener.until(TOPIC, 1)
        await database_door.shut()
        await announce(database, 2)
        await asyncio.sleep(0.3)
        assert len(outside.listener.of(TOPIC)) == 1
        await database_door.open()
        await outside.listener.until(TOPIC, 2)
        await eventually(rows_left(database, 0))
