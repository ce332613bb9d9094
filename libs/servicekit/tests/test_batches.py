"""Batches: what commits together, what is found by halving, what waits for the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from contracts import AccountEvent, ClientWebinarEntered, Role, RoomPresence, session_id_of
from contracts.examples import example
from servicekit import Database, Heard, HouseClock, Work
from servicekit.batches import BatchHandling, newest_per_meaning
from servicekit.errors import BrokerAwayError, DatabaseAwayError
from servicekit.live_testing import Delivery, Door
from servicekit.messages import hear
from servicekit.router import Hearing
from servicekit.setting_aside import SettingAside
from servicekit.suspects import Suspects
from servicekit.testing import NOON

QUEUE = "attendance.client_webinar_entered"
WEBINAR = UUID(int=7)


def session(lead: str) -> UUID:
    return session_id_of(lead, WEBINAR)


def entered(lead: str, **changes: Any) -> Delivery:
    event = ClientWebinarEntered(
        lead_id=lead, webinar_id=WEBINAR, session_id=session(lead), webinar_type="live", timestamp=NOON
    )
    return Delivery.of(event, **changes)


def account(version: int, name: str = "a") -> Delivery:
    return Delivery.of(
        AccountEvent(
            account_id=name, display_name=f"v{version}", role=Role.CANDIDATE, locale="ru", active=True, version=version
        )
    )


class FakePublisher:
    """Takes what is delayed; raises when told that the broker is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []
        self.away = False

    async def send(self, exchange: str, key: str, body: bytes, envelope: Any, *, headers: dict[str, Any]) -> None:
        if self.away:
            raise BrokerAwayError("away")
        self.sent.append((exchange, key, headers))


class Bench:
    """A handling of one queue on a real database, with the transactions that its handler saw."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.publisher = FakePublisher()
        self.transactions: list[list[str]] = []
        self.settled: list[Delivery] = []
        self.trouble: dict[str, BaseException | str] = {}

    async def handle_entered(self, heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
        leads = [one.event.lead_id for one in heard]
        self.transactions.append(leads)
        await work.connection.executemany("insert into seen values ($1)", [(lead,) for lead in leads])
        for lead in leads:
            trouble = self.trouble.get(lead)
            if isinstance(trouble, BaseException):
                raise trouble
            if trouble is not None:
                await work.connection.fetch(trouble)

    async def settle(self, raws: Sequence[Any]) -> None:
        self.settled += raws

    def handling(self) -> BatchHandling:
        """One process's."""
        return BatchHandling(
            QUEUE,
            Hearing(ClientWebinarEntered, self.handle_entered, 200),
            self.handle_entered,
            self.database,
            SettingAside(self.database, self.publisher),  # type: ignore[arg-type]
        )

    async def handle(self, *raws: Any) -> None:
        await self.handling().handle(raws, self.settle)

    async def seen(self) -> list[str]:
        return [row["lead"] for row in await self.database.pool.fetch("select lead from seen order by lead")]

    async def dead(self) -> list[tuple[str, str]]:
        rows = await self.database.pool.fetch("select reason, error from dead_letter order by id")
        return [(row["reason"], row["error"]) for row in rows]


@pytest.fixture
async def bench(kit_database: str) -> AsyncIterator[Bench]:
    database = Database(kit_database, HouseClock(), pool_size=4)
    await database.open()
    await database.pool.execute("create table seen (lead text)")
    yield Bench(database)
    await database.close()


def test_of_several_snapshots_the_newest_is_handed_on_and_keys_are_in_order() -> None:
    raws: list[Any] = [account(2, "b"), account(1), account(3), account(2), account(1, "b")]
    handed_on = newest_per_meaning([hear(raw, AccountEvent) for raw in raws])
    assert [(heard.event.account_id, heard.event.version) for heard in handed_on] == [("a", 3), ("b", 2)]


async def test_what_is_in_hand_is_one_transaction_and_repetitions_are_one_message(bench: Bench) -> None:
    raws = [entered(f"lead-{number:03}") for number in reversed(range(150))]
    await bench.handle(*raws, entered("lead-007"), entered("lead-007"))
    [leads] = bench.transactions
    assert leads == sorted({f"lead-{number:03}" for number in range(150)}, key=lambda lead: str(session(lead)))
    assert len(bench.settled) == 152


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(ValueError("cannot take it"), id="of the handler"),
        pytest.param("select 'many'::int", id="by its type"),
        pytest.param("insert into strict (name) values ('long')", id="too long"),
        pytest.param("insert into strict (name) values ('a'), ('a')", id="by a constraint"),
        pytest.param(
            "insert into strict (parent) values ('x')", id="by a constraint that is looked at when it commits"
        ),
    ],
)
async def test_one_bad_among_two_hundred_is_found_by_halving(bench: Bench, trouble: BaseException | str) -> None:
    await bench.database.pool.execute(
        "create table strict (name varchar(3) unique, "
        "parent varchar(3) references strict (name) deferrable initially deferred)"
    )
    bench.trouble["lead-113"] = trouble
    raws = [entered(f"lead-{number:03}") for number in range(200)]
    await bench.handle(*raws)
    assert await bench.seen() == sorted(f"lead-{number:03}" for number in range(200) if number != 113)
    assert len(bench.transactions) == 17, "halving: two transactions for each of eight levels, and the first"
    assert [(exchange, headers) for exchange, _, headers in bench.publisher.sent] == [
        ("webinars.delay.1", {"attempt": 1})
    ]
    assert bench.settled == [*raws[:113], raws[113], *raws[114:]]


async def test_victims_of_their_neighbours_are_handled_again_without_an_attempt(bench: Bench) -> None:
    errors = iter([asyncpg.DeadlockDetectedError(), asyncpg.SerializationError()])

    async def unlucky(heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
        for error in errors:
            raise error

    bench.handle_entered = unlucky  # type: ignore[method-assign]
    await bench.handle(entered("a"), entered("b"))
    assert len(bench.settled) == 2
    assert bench.publisher.sent == []


async def test_a_lost_connection_repeats_the_batch_while_the_database_is_there(bench: Bench) -> None:
    bench.trouble["a"] = "select pg_terminate_backend(pg_backend_pid()) where (select count(*) from tries) = 0"
    await bench.database.pool.execute("create table tries (n int)")

    async def once(heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
        if not await bench.database.pool.fetchval("select count(*) from tries"):
            await bench.database.pool.execute("insert into tries values (1)")
            await work.connection.execute("select pg_terminate_backend(pg_backend_pid())")
        await work.connection.execute("insert into seen values ('done')")

    bench.handle_entered = once  # type: ignore[method-assign]
    await bench.handle(entered("a"))
    assert await bench.seen() == ["done"]
    assert bench.publisher.sent == []


async def test_an_error_that_only_looks_like_an_absent_database_is_the_message_s_own(bench: Bench) -> None:
    for number, trouble in enumerate(
        (
            asyncpg.InterfaceError("the server expects 2 arguments, 1 was passed"),
            TimeoutError(),
            asyncpg.QueryCanceledError("canceling statement due to user request"),
            OSError("a file that is not there"),
        ),
        start=1,
    ):
        bench.trouble["b"] = trouble
        await bench.handle(entered("a"), entered("b"), entered("c"))
        assert await bench.seen() == ["a"] * number + ["c"] * number
        assert len(bench.publisher.sent) == number
        assert len(bench.settled) == 3 * number


async def test_a_database_that_cannot_work_is_no_message_s_fault(bench: Bench) -> None:
    bench.trouble["a"] = asyncpg.DiskFullError("no space left on device")
    with pytest.raises(DatabaseAwayError):
        await bench.handle(entered("a"))
    assert bench.publisher.sent == []
    assert bench.settled == []


async def test_an_absent_database_counts_no_attempt_and_what_was_committed_is_settled(
    bench: Bench, kit_database: str
) -> None:
    async with Door(kit_database) as door:
        bench.database = Database(door.url, HouseClock(), pool_size=2)
        await bench.database.open()
        handle = bench.handle_entered

        async def shutting_the_door(heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
            await handle(heard, work)
            if heard[0].event.lead_id == "back-2":
                await door.shut()

        bench.handle_entered = shutting_the_door  # type: ignore[method-assign]
        again = {"x-delivery-count": 2}
        raws = [entered("first"), entered("back-1", headers=again), entered("back-2", headers=again), entered("first")]
        with pytest.raises(DatabaseAwayError):
            await bench.handle(*raws)
        assert bench.settled == [raws[0], raws[3], raws[1]]
        assert bench.publisher.sent == []
        await bench.database.close()


async def test_an_absent_broker_leaves_a_bad_message_where_it_is(bench: Bench) -> None:
    bench.trouble["b"] = ValueError("bad")
    bench.publisher.away = True
    raws = [entered("a"), entered("b")]
    with pytest.raises(BrokerAwayError):
        await bench.handle(*raws)
    assert bench.settled == raws[:1]


async def test_what_came_back_twice_is_handled_alone(bench: Bench) -> None:
    back = {"x-delivery-count": 2}
    await bench.handle(entered("a"), entered("b", headers=back), entered("c", headers={"x-delivery-count": 1}))
    assert bench.transactions == [["a", "c"], ["b"]]


async def test_what_three_processes_did_not_outlive_alone_is_buried_and_its_neighbours_are_not(bench: Bench) -> None:
    deadly, neighbour = (entered(lead, headers={"x-delivery-count": 90}) for lead in ("deadly", "neighbour"))
    for _ in range(3):
        assert await Suspects(bench.database).hold(QUEUE, UUID(deadly.message_id)) < 3
    await bench.handle(deadly, neighbour)
    assert bench.transactions == [["neighbour"]]
    [(reason, error)] = await bench.dead()
    assert (reason, error[:11]) == ("deadly", "3 processes")
    assert bench.settled == [deadly, neighbour]
    await bench.handle(deadly)
    assert bench.transactions[1:] == [["deadly"]], "replayed, it is as good as new"


async def test_who_outlives_a_suspect_has_not_died_of_it(bench: Bench) -> None:
    bench.trouble = {"fails": ValueError("bad"), "away": asyncpg.DiskFullError("no space left on device")}
    suspect = {"x-delivery-count": 5}
    await bench.handle(entered("fine", headers=suspect), entered("fails", headers=suspect))
    assert await bench.database.pool.fetchval("select count(*) from suspect") == 0
    waits = entered("away", headers=suspect)
    handling = bench.handling()
    for _ in range(10):
        with pytest.raises(DatabaseAwayError):
            await handling.handle([waits], bench.settle)
    bench.trouble.clear()
    await handling.handle([waits], bench.settle)
    assert await bench.seen() == ["away", "fine"]
    assert await bench.dead() == []


async def test_what_failed_before_is_handled_alone(bench: Bench) -> None:
    await bench.handle(entered("a"), entered("b", headers={"attempt": 1}), entered("c"))
    assert bench.transactions == [["a", "c"], ["b"]]


async def test_a_handler_that_hangs_is_found_out_like_one_that_fails(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.batches._LONGEST_BATCH_SECONDS", 0.5)
    bench.trouble["b"] = "select pg_sleep(30)"
    loop = asyncio.get_running_loop()
    began = loop.time()
    await bench.handle(entered("a"), entered("b"), entered("c"))
    assert loop.time() - began < 1.4, "the time is one for all attempts"
    assert [headers for _, _, headers in bench.publisher.sent] == [{"attempt": 1}] * 3
    assert len(bench.settled) == 3

    again = [entered(lead, headers={"attempt": 1}) for lead in ("a", "b", "c")]
    await bench.handle(*again)
    assert await bench.seen() == ["a"]
    assert [headers for _, _, headers in bench.publisher.sent[3:]] == [{"attempt": 2}], "the one that hangs"
    assert bench.settled[3:] == again[:2], "what was not begun is the broker's still, without an attempt"


async def test_a_committed_batch_is_one_line_with_some_of_its_ids(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    raws = [entered(f"lead-{number}", correlation_id=str(WEBINAR)) for number in range(7)]
    with caplog.at_level("INFO"):
        await bench.handle(*raws)
    [line] = [record.msg for record in caplog.records if "batch.committed" in record.getMessage()]
    assert isinstance(line, dict)
    assert (line["queue"], line["count"], line["correlation_ids"]) == (QUEUE, 7, [str(WEBINAR)])
    assert line["message_ids"] == [raw.message_id for raw in raws[:5]]


async def test_presence_is_no_line_at_all_unless_one_looks_closely(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async def note(heard: Sequence[Heard[RoomPresence]], work: Work) -> None:
        assert heard

    aside = SettingAside(bench.database, bench.publisher)  # type: ignore[arg-type]
    handling = BatchHandling("tracker.room_presence", Hearing(RoomPresence, note, 20), note, bench.database, aside)
    with caplog.at_level("INFO"):
        await handling.handle([Delivery(example(RoomPresence.topic), type=RoomPresence.topic)], bench.settle)
    assert len(bench.settled) == 1
    assert "batch.committed" not in caplog.text


async def test_fields_that_nobody_knows_are_passed_over(bench: Bench) -> None:
    raw = entered("a")
    raw.body = raw.body[:-1] + b',"mood":"good","nested":{"deep":[1]}}'
    await bench.handle(raw)
    assert await bench.seen() == ["a"]


INVALID: dict[str, dict[str, Any]] = {
    "no json": {"body": b"{not json"},
    "no object": {"body": b"[]"},
    "empty": {"body": b""},
    "not utf-8": {"body": b'{"lead_id": "\xff\xfe"}'},
    "a field is missing": {"body": b'{"lead_id": "a"}'},
    "deep": {"body": b"[" * 100_000},
    "no id": {"message_id": None},
    "bad id": {"message_id": "42"},
    "bad cause": {"headers": {"causation_id": ["?"]}},
    "bad deadline": {"headers": {"deadline": "tomorrow"}},
    "bad version": {"headers": {"schema_version": "one"}},
}


async def test_what_can_never_be_handled_is_a_dead_letter_at_once_with_why(bench: Bench) -> None:
    await bench.handle(*(entered("a", **changes) for changes in INVALID.values()), entered("b"))
    assert await bench.seen() == ["b"]
    dead = await bench.dead()
    assert len(dead) == len(INVALID)
    for (reason, error), name in zip(dead, INVALID, strict=True):
        assert reason == "invalid", name
        assert error.startswith(("body: ", "envelope: ")), name
    assert bench.publisher.sent == []
    assert len(bench.settled) == len(INVALID) + 1


async def test_the_last_delay_is_followed_by_a_dead_letter_with_the_traceback(bench: Bench) -> None:
    bench.trouble["a"] = ValueError("still not")
    await bench.handle(entered("a", headers={"attempt": 3}))
    assert [(exchange, headers) for exchange, _, headers in bench.publisher.sent] == [
        ("webinars.delay.4", {"attempt": 4})
    ]
    await bench.handle(entered("a", headers={"attempt": 4}))
    [(reason, error)] = await bench.dead()
    assert reason == "failed"
    assert "ValueError: still not" in error
    assert len(bench.publisher.sent) == 1


async def test_a_forged_count_of_attempts_leads_nowhere_else(bench: Bench) -> None:
    bench.trouble["a"] = ValueError("bad")
    forged: list[object] = [-5, True, "two", 2.5, None, 10**30]
    for attempt in forged:
        await bench.handle(entered("a", headers={"attempt": attempt}))
    assert {exchange for exchange, _, _ in bench.publisher.sent} == {"webinars.delay.1", "webinars.delay.2"}
    assert len(bench.publisher.sent) + len(await bench.dead()) == len(forged)


async def test_a_callback_after_the_commit_cannot_undo_it(bench: Bench) -> None:
    called = asyncio.Event()

    async def handle(heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
        await work.connection.execute("insert into seen values ('kept')")
        work.after_commit(lambda: 1 / 0)  # type: ignore[arg-type]
        work.after_commit(called.set)

    bench.handle_entered = handle  # type: ignore[method-assign]
    await bench.handle(entered("a"))
    assert await bench.seen() == ["kept"]
    assert called.is_set()
    assert bench.publisher.sent == []
