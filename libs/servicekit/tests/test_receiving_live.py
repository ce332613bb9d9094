"""Receiving on a real broker: outages, restarts of connections, stops, poison."""

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import asyncpg
import pamqp.encode
import pytest
from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarAttendanceEvaluate,
    session_id_of,
)
from contracts.examples import example
from contracts.topology import ATTENDANCE, DEAD_EXCHANGE, DELIVERY_LIMIT, EXCHANGE, queues_of
from servicekit import Heard, Router, Service, ServiceSettings, Work
from servicekit.dead_letters import read_dead_letters, replay
from servicekit.live_testing import Door, Outside, running
from servicekit.testing import NOON, eventually

WEBINAR = UUID(int=7)
SAID = ClientWebinarAttendanceClassified.topic
QUEUE = f"{ATTENDANCE}.{ClientWebinarAttendanceEvaluate.topic}"

Before = Callable[[list[str], Work], Awaitable[None]]


def evaluation(lead: str) -> ClientWebinarAttendanceEvaluate:
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead,
        webinar_id=WEBINAR,
        session_id=session_id_of(lead, WEBINAR),
        watched_seconds=10,
        base_seconds=60,
    )


class Attendance:
    """A service that says one classification for each evaluation, once per lead, after the test's own step."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.attempts: list[int] = []
        self.timestamps: list[datetime] = []
        self.before: Before | None = None
        self.router = Router(ATTENDANCE)
        self.router.hears(ClientWebinarAttendanceEvaluate)(self.classify)

    async def classify(self, evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
        leads = [heard.event.lead_id for heard in evaluations]
        self.calls.append(leads)
        self.attempts += [heard.attempt for heard in evaluations]
        self.timestamps += [heard.timestamp for heard in evaluations]
        if self.before is not None:
            await self.before(leads, work)
        await work.connection.execute("create table if not exists lead (lead text primary key)")
        new = await work.connection.fetch(
            "insert into lead select unnest($1::text[]) on conflict do nothing returning lead", leads
        )
        fresh = {row["lead"] for row in new}
        for heard in evaluations:
            if heard.event.lead_id in fresh:
                work.announce(classified(heard.event.lead_id, work), cause=heard)

    def service(self, database: str, broker: str, **options: Any) -> Service:
        settings = ServiceSettings(
            service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex, **options
        )
        return Service(ATTENDANCE, settings=settings, router=self.router, migrations=None)


def classified(lead: str, work: Work) -> ClientWebinarAttendanceClassified:
    return ClientWebinarAttendanceClassified(
        lead_id=lead,
        webinar_id=WEBINAR,
        attended=False,
        timestamp=work.now,
        reason="not_completed",
        watched_seconds=10,
        base_seconds=60,
        watched_percent=16,
        rule_version=1,
    )


@pytest.fixture
def attendance() -> Attendance:
    return Attendance()


def leads_of(messages: Sequence[Any]) -> list[str]:
    """Whom the messages tell of; one that was published twice, with one id, is one message."""
    bodies = {message.message_id: message.body for message in messages}
    return sorted(json.loads(body)["lead_id"] for body in bodies.values())


async def test_a_batch_is_one_transaction_and_announces_with_its_cause(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    for number in range(50):
        await outside.say(evaluation(f"lead-{number:02}"))
    await outside.say(evaluation("lead-07"))
    async with running(attendance.service(kit_database, outside.url)):
        said = await outside.listener.until(SAID, 50)
    causes = {message.headers["causation_id"] for message in said}
    heard = {message.message_id for message in outside.listener.of(ClientWebinarAttendanceEvaluate.topic)}
    assert len(causes) == 50
    assert causes < heard
    assert all(message.app_id == ATTENDANCE and message.delivery_mode == 2 for message in said)
    assert all(message.correlation_id == "story" for message in said)
    assert len(attendance.calls) < 25, "what is in hand goes together"


async def test_a_failing_message_is_delayed_level_by_level_and_handled_when_it_can_be(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    async def fail_twice(leads: list[str], work: Work) -> None:
        if len(attendance.calls) < 3:
            raise RuntimeError("not yet")

    attendance.before = fail_twice
    async with running(attendance.service(kit_database, outside.url)) as service:
        await outside.say(evaluation("lead"), headers={"causation_id": str(uuid4())})
        [said] = await outside.listener.until(SAID)
        assert attendance.attempts == [0, 1, 2]
        [first] = outside.listener.of(ClientWebinarAttendanceEvaluate.topic)
        assert said.headers["causation_id"] == first.message_id, "a delayed message keeps its id"
        assert await read_dead_letters(service.database) == []


async def test_a_message_that_never_succeeds_is_a_dead_letter_that_can_be_replayed(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    bad = {"bad"}

    async def refuse_bad(leads: list[str], work: Work) -> None:
        if bad & set(leads):
            raise RuntimeError("cannot take it")

    attendance.before = refuse_bad
    async with running(attendance.service(kit_database, outside.url)) as service:
        for lead in ("a", "bad", "b"):
            await outside.say(evaluation(lead), timestamp=NOON)
        await outside.listener.until(SAID, 2)

        async def is_dead() -> bool:
            return bool(await read_dead_letters(service.database))

        await eventually(is_dead, seconds=20, what="a dead letter")
        [letter] = await read_dead_letters(service.database)
        assert (letter.queue, letter.reason, letter.attempts) == (QUEUE, "failed", 5)
        assert "cannot take it" in letter.error
        bad.clear()
        await replay(service.database, QUEUE, [letter.id])
        said = await outside.listener.until(SAID, 3)
    assert leads_of(said[2:]) == ["bad"]
    assert set(attendance.timestamps) == {NOON}, "delayed or replayed, it was said when it was said"
    assert said[2].headers["causation_id"] == letter.message_id


async def test_while_the_database_is_away_messages_wait_at_the_broker_and_no_attempt_is_counted(
    attendance: Attendance, database_door: Door, outside: Outside
) -> None:
    async with running(attendance.service(database_door.url, outside.url)) as service:
        await outside.say(evaluation("before"))
        await outside.listener.until(SAID)
        await database_door.shut()
        for number in range(30):
            await outside.say(evaluation(f"lead-{number:02}"))

        async def all_wait() -> bool:
            return await outside.waiting(QUEUE) == 30

        await eventually(all_wait, what="every message back at the broker")
        assert not (await service.readiness())["database"]
        await database_door.open()
        said = await outside.listener.until(SAID, 31)
        assert set(attendance.attempts) == {0}
        assert await read_dead_letters(service.database) == []

        async def none_waits() -> bool:
            return await outside.waiting(QUEUE) == 0

        await eventually(none_waits)
    assert leads_of(said) == ["before", *(f"lead-{number:02}" for number in range(30))]


async def test_messages_wait_for_a_database_that_answers_and_cannot_write(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    connection = await asyncpg.connect(kit_database)
    name = await connection.fetchval("select current_database()")
    async with running(attendance.service(kit_database, outside.url)) as service:
        await outside.say(evaluation("before"))
        await outside.listener.until(SAID)
        await connection.execute(f'alter database "{name}" set default_transaction_read_only = on')
        await service.database.pool.expire_connections()
        calls = len(attendance.calls)
        await outside.say(evaluation("lead"))

        async def tried_and_back() -> bool:
            return len(attendance.calls) > calls and await outside.waiting(QUEUE) == 1

        await eventually(tried_and_back, what="the message is back")
        await asyncio.sleep(1.5)
        assert len(attendance.calls) == calls + 1, "nothing is taken that could not be written"
        await connection.execute(f'alter database "{name}" reset default_transaction_read_only')
        await outside.listener.until(SAID, 2)
        assert set(attendance.attempts) == {0}
    await connection.close()


async def test_a_connection_that_is_cut_with_a_batch_in_hand_loses_nothing(
    attendance: Attendance, kit_database: str, broker_door: Door, outside: Outside
) -> None:
    async def cut_the_first_time(leads: list[str], work: Work) -> None:
        if len(attendance.calls) == 1:
            broker_door.cut()
            await asyncio.sleep(0.05)

    attendance.before = cut_the_first_time
    async with running(attendance.service(kit_database, broker_door.url)):
        for number in range(20):
            await outside.say(evaluation(f"lead-{number:02}"))
        said = await outside.listener.until(SAID, 20)

        async def none_waits() -> bool:
            return await outside.waiting(QUEUE) == 0

        await eventually(none_waits)
    assert leads_of(said) == [f"lead-{number:02}" for number in range(20)]
    handled = [lead for call in attendance.calls for lead in call]
    assert len(handled) > 20, "what could not be acknowledged came again"


async def test_a_bad_message_waits_with_the_others_while_the_broker_does_not_confirm(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    bad = {"bad"}

    async def refuse_bad(leads: list[str], work: Work) -> None:
        if bad & set(leads):
            raise RuntimeError("cannot take it")

    attendance.before = refuse_bad
    async with Door(outside.url) as publishing:
        service = attendance.service(kit_database, outside.url)
        service.publisher._link._url = publishing.url  # a door of its own for what is published singly
        async with running(service):
            await publishing.shut()
            await outside.say(evaluation("bad"))

            async def tried_and_back() -> bool:
                return bool(attendance.calls) and await outside.waiting(QUEUE) == 1

            await eventually(tried_and_back, what="the message is back")
            await asyncio.sleep(1.2)
            assert len(attendance.calls) == 1, "nothing is taken that could not be set aside"
            bad.clear()
            await publishing.open()
            await outside.listener.until(SAID)
    assert set(attendance.attempts) == {0}


async def test_what_was_delivered_too_often_becomes_a_row(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    event = evaluation("poison")
    await outside.say(event, message_id=str(uuid4()))
    queue = await outside.channel.get_queue(QUEUE, ensure=False)
    for _ in range(DELIVERY_LIMIT + 1):
        message = await queue.get(timeout=5, fail=False)
        while message is None:
            message = await queue.get(timeout=5, fail=False)
        await message.reject(requeue=True)
    async with running(attendance.service(kit_database, outside.url)) as service:

        async def is_dead() -> bool:
            return bool(await read_dead_letters(service.database))

        await eventually(is_dead, what="a row")
        [letter] = await read_dead_letters(service.database)
        assert (letter.queue, letter.reason, letter.body) == (QUEUE, "delivery_limit", event.to_json())
        assert await outside.waiting(f"{QUEUE}.dlq") == 0
    assert attendance.calls == []


async def test_dead_letters_of_the_broker_outlast_an_absent_database(
    attendance: Attendance, database_door: Door, outside: Outside
) -> None:
    async with running(attendance.service(database_door.url, outside.url)) as service:
        await database_door.shut()
        dead = await outside.channel.get_exchange(DEAD_EXCHANGE, ensure=False)
        for _ in range(3):
            await dead.publish(aio_pika.Message(b"{}", message_id=str(uuid4()), delivery_mode=2), QUEUE)

        async def all_wait() -> bool:
            return await outside.waiting(f"{QUEUE}.dlq") == 3

        await eventually(all_wait, what="every dead letter back")
        await database_door.open()

        async def are_rows() -> bool:
            return len(await read_dead_letters(service.database)) == 3

        await eventually(are_rows, what="three rows")


async def test_malformed_messages_on_every_topic_stop_no_queue(kit_database: str, outside: Outside) -> None:
    bodies = [b"", b"{", b"null", b'{"version": "x"}', b"\xff" * 100]
    handled: list[str] = []
    router = Router(ATTENDANCE)
    topics = [queue.topic for queue in queues_of(ATTENDANCE)]
    for topic in topics:

        @router.hears(topic.message)
        async def note(heard: Sequence[Heard[Any]], work: Work) -> None:
            handled.extend(one.event.topic for one in heard)

    attendance = Attendance()
    attendance.router = router
    exchange = await outside.channel.get_exchange(EXCHANGE, ensure=False)
    async with running(attendance.service(kit_database, outside.url)) as service:
        for topic in topics:
            for body in bodies:
                await exchange.publish(aio_pika.Message(body, message_id=str(uuid4())), topic.name)
            odd: dict[str, Any] = {"causation_id": {"a": [1]}, "attempt": -1, "deadline": bytearray(b"\xff")}
            await exchange.publish(aio_pika.Message(b"{}", headers=odd), topic.name)
            await exchange.publish(aio_pika.Message(example(topic.name), message_id=str(uuid4())), topic.name)

        async def all_done() -> bool:
            letters = await read_dead_letters(service.database)
            return len(letters) == len(topics) * (len(bodies) + 1) and len(handled) == len(topics)

        await eventually(all_done, what="a row for each malformed one")
        assert {letter.reason for letter in await read_dead_letters(service.database)} == {"invalid"}


async def test_properties_that_cannot_be_read_cost_their_message_and_not_the_connection(
    attendance: Attendance, kit_database: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(attendance.service(kit_database, outside.url)) as service:
        monkeypatch.setitem(pamqp.encode.METHODS, "timestamp", lambda _: struct.pack(">Q", 10**18))
        await outside.say(evaluation("far future"), timestamp=1)
        monkeypatch.setitem(pamqp.encode.METHODS, "shortstr", lambda text: bytes([len(text)]) + text.encode("latin-1"))
        await outside.say(evaluation("not utf-8"), message_id="идентификатор".encode("koi8-r").decode("latin-1"))
        monkeypatch.undo()
        await outside.say(evaluation("fine"))
        said = await outside.listener.until(SAID, 2)

        async def one_dead() -> bool:
            return len(await read_dead_letters(service.database)) == 1

        await eventually(one_dead, what="a row for the message without a readable id")
    assert leads_of(said) == ["far future", "fine"]


async def test_stopping_finishes_what_is_in_hand_and_leaves_the_rest(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def wait_at_the_first(leads: list[str], work: Work) -> None:
        began.set()
        await go_on.wait()

    attendance.before = wait_at_the_first
    async with running(attendance.service(kit_database, outside.url)) as service:
        await outside.say(evaluation("in hand"))
        await began.wait()
        for number in range(10):
            await outside.say(evaluation(f"later-{number}"))
        service.stop()
        await asyncio.sleep(0.2)
        go_on.set()
    connection = await asyncpg.connect(kit_database)
    assert [row["lead"] for row in await connection.fetch("select lead from lead")] == ["in hand"]
    await connection.close()
    attendance.before = None
    async with running(attendance.service(kit_database, outside.url)):
        said = await outside.listener.until(SAID, 11)
    assert leads_of(said) == ["in hand", *(f"later-{number}" for number in range(10))]


async def test_a_batch_that_hangs_does_not_hold_up_the_stop_and_comes_again(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    began = asyncio.Event()

    async def hang(leads: list[str], work: Work) -> None:
        began.set()
        await asyncio.Event().wait()

    attendance.before = hang
    started = asyncio.get_running_loop().time()
    async with running(attendance.service(kit_database, outside.url)):
        await outside.say(evaluation("lead"))
        await began.wait()
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 8
    attendance.before = None
    async with running(attendance.service(kit_database, outside.url)):
        await outside.listener.until(SAID)


async def test_a_bug_in_receiving_ends_the_process_rather_than_leave_a_queue_unserved(
    attendance: Attendance, kit_database: str, outside: Outside
) -> None:
    service = attendance.service(kit_database, outside.url)

    async def broken(*_: object) -> None:
        raise TypeError("a bug of the kit's own")

    service.aside.failed = broken  # type: ignore[method-assign, assignment]

    async def running_until_it_breaks() -> None:
        async with running(service):
            await outside.say(evaluation("x"), body=b"")
            await asyncio.Event().wait()

    task = asyncio.create_task(running_until_it_breaks())

    async def stopped() -> bool:
        return not service.database.is_open and service.consumption is not None

    await eventually(stopped, what="the end")
    task.cancel()
    with pytest.raises(BaseExceptionGroup) as raised:
        await task
    assert raised.group_contains(TypeError, match="a bug of the kit's own")
