"""The history: every public fact and nothing else, as long as it is kept, from any moment on."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from contracts import UserAttended, WebinarEvent
from contracts.examples import example
from contracts.topology import ATTENDANCE, EXCHANGE, HISTORY, SERVICES, TOPICS
from pydantic import ValidationError
from servicekit.after_restore import empty_queues
from servicekit.cli import app
from servicekit.history import HistoryError, Kept, Start, declare_history, limit_history, offset_of, read_history
from servicekit.live_testing import Delivery, Outside
from servicekit.management import Management, ProvisioningError
from servicekit.operator.checks_of_broker import queues
from servicekit.operator.findings import Report, State
from servicekit.operator.follow import Names
from servicekit.operator.history import Choice, Past, moment_of, start_of
from servicekit.operator.settings import ProvisionSettings
from servicekit.provision import provision_topology, vhost_of
from servicekit.testing import NOON, eventually
from typer.testing import CliRunner, Result

NO_SETTINGS = dict.fromkeys(("DATABASE_URL", "SERVICE_DATABASE_URL", "RABBITMQ_MANAGEMENT_URL"))
PUBLIC = {topic.name for topic in TOPICS if topic.public}
WEBINAR = WebinarEvent.from_json(example(WebinarEvent.topic))
Ask = Callable[..., Awaitable[Result]]


@pytest.fixture
async def house(fresh_vhost: str) -> AsyncIterator[Outside]:
    """A broker with a history, and no service that hears anything."""
    await provision_topology(fresh_vhost, services=())
    async with Outside.on(fresh_vhost) as outside:
        yield outside


@pytest.fixture
def ask(fresh_vhost: str) -> Ask:
    """Run `webinarctl history` with an administrator's address."""

    async def call(*words: str, url: str = fresh_vhost) -> Result:
        settings = NO_SETTINGS | {"RABBITMQ_URL": url}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["history", *words], env=settings))

    return call


def attended(lead: str) -> UserAttended:
    return UserAttended(lead_id=lead, webinar_id=WEBINAR.webinar_id, timestamp=NOON)


async def read(url: str, start: Start = "first") -> list[aio_pika.abc.AbstractIncomingMessage]:
    async with await aio_pika.connect(url) as connection, aclosing(read_history(connection, start)) as messages:
        return [message async for message in messages]


def leads(messages: list[aio_pika.abc.AbstractIncomingMessage]) -> list[str]:
    return [json.loads(message.body)["lead_id"] for message in messages]


async def test_every_public_fact_is_kept_and_nothing_else(house: Outside) -> None:
    for topic in TOPICS:
        await house.say(topic.message.from_json(example(topic.name)))

    kept = await read(house.url)

    assert sorted(message.routing_key or "" for message in kept) == sorted(PUBLIC)
    assert {message.type for message in kept} == PUBLIC


async def test_an_installation_without_a_history_gets_it_and_one_with_it_keeps_what_is_there(house: Outside) -> None:
    await house.channel.queue_delete(HISTORY)
    await house.say(attended("before"))

    await provision_topology(house.url, services=())
    await house.say(attended("anna-1"))
    await provision_topology(house.url, services=())
    await house.say(attended("boris-1"))

    assert leads(await read(house.url)) == ["anna-1", "boris-1"]


async def test_a_queue_of_its_name_that_is_another_is_never_thrown_away(fresh_vhost: str) -> None:
    async with await aio_pika.connect(fresh_vhost) as connection:
        channel = await connection.channel()
        await channel.declare_queue(HISTORY, durable=True)

        with pytest.raises(ProvisioningError, match=HISTORY):
            await provision_topology(fresh_vhost, services=())

        await channel.declare_queue(HISTORY, passive=True)


async def test_it_is_read_again_and_again_from_any_message_or_moment(house: Outside) -> None:
    for lead in ("anna-1", "boris-1"):
        await house.say(attended(lead))
    # A moment on the wire is a whole second.
    await asyncio.sleep(1.1)
    between = datetime.now(UTC)
    await house.say(attended("clara-1"))

    everything = await read(house.url)

    assert leads(everything) == leads(await read(house.url)) == ["anna-1", "boris-1", "clara-1"]
    assert leads(await read(house.url, offset_of(everything[1]))) == ["boris-1", "clara-1"]
    assert leads(await read(house.url, between)) == ["clara-1"]
    assert await read(house.url, datetime.now(UTC) + timedelta(hours=1)) == []


async def test_an_empty_history_ends_at_once(house: Outside) -> None:
    assert await read(house.url) == []


async def test_where_there_is_none_that_is_said(fresh_vhost: str) -> None:
    with pytest.raises(HistoryError, match="webinarctl provision"):
        await read(fresh_vhost)


async def test_the_oldest_is_forgotten_past_the_limit_and_no_publisher_waits(fresh_vhost: str, servers: Any) -> None:
    async with await aio_pika.connect(fresh_vhost) as connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        await declare_history(connection, segment_bytes=200_000)

        async def say(megabytes: int) -> None:
            for _ in range(megabytes):
                message = aio_pika.Message(b"x" * 10_000, delivery_mode=2)
                await asyncio.gather(*(exchange.publish(message, UserAttended.topic) for _ in range(100)))

        await say(3)
        assert offset_of((await read(fresh_vhost))[0]) == 0
        # What is full already obeys a limit that comes later.
        async with Management(servers.rabbitmq_management_url) as management:
            await limit_history(management, vhost_of(fresh_vhost), Kept(days=1, megabytes=1))

        async def forgets() -> bool:
            await say(1)
            found = await read(fresh_vhost)
            return offset_of(found[0]) > 0 and len(found) < 200

        await eventually(forgets, seconds=60, what="a history of a megabyte")


def test_how_much_is_kept_is_a_number_above_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProvisionSettings().kept == Kept(90, 2_000)
    monkeypatch.setenv("HISTORY_DAYS", "7")
    monkeypatch.setenv("HISTORY_MEGABYTES", "")
    assert ProvisionSettings().kept == Kept(7, 2_000)
    for word in ("0", "-1", "1.5", "a week", "²"):
        monkeypatch.setenv("HISTORY_DAYS", word)
        with pytest.raises(ValidationError, match="history_days"):
            ProvisionSettings()


def test_a_setting_of_provisioning_that_is_none_is_named() -> None:
    passwords = {f"{service.replace('-', '_').upper()}_PASSWORD": "hidden" for service in SERVICES}
    servers = {"DATABASE_URL": "postgresql://a:hidden@127.0.0.1:1/a", "RABBITMQ_URL": "amqp://a:hidden@127.0.0.1:1/"}
    asked = CliRunner().invoke(app, ["provision"], env=passwords | servers | {"RETRY_SCALE": "fast"})

    assert (asked.exit_code, asked.stdout) == (2, "")
    assert asked.stderr.startswith("RETRY_SCALE: ")
    assert "hidden" not in asked.stderr


async def test_the_doctor_minds_a_history_that_is_missing_and_not_one_that_nobody_reads(house: Outside) -> None:
    async def look() -> list[tuple[State, str]]:
        report = Report()
        await queues(house.url, [], with_delays=True)(report)
        return [(one.state, one.words) for one in report.findings if one.what == "broker: history"]

    await house.say(attended("anna-1"))

    async def counted() -> bool:
        return await look() == [(State.OK, "1 fact kept")]

    # The broker counts a stream every few seconds.
    await eventually(counted, seconds=20)
    await house.channel.queue_delete(HISTORY)
    [(state, _)] = await look()
    assert state is State.ATTENTION


async def test_after_a_restore_the_history_stays(topology: str, outside: Outside) -> None:
    await outside.say(attended("anna-1"))
    before = leads([one for one in await read(topology) if one.routing_key == UserAttended.topic])

    await empty_queues(topology)

    assert leads([one for one in await read(topology) if one.routing_key == UserAttended.topic]) == before != []


async def test_what_was_said_is_told_in_words_and_from_when_it_is_wanted(house: Outside, ask: Ask) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    await house.say(WEBINAR, app_id="core-webinar", timestamp=now - timedelta(days=7))
    await house.say(attended("anna-1"), app_id=ATTENDANCE, timestamp=now - timedelta(days=7))
    await house.say(attended("boris-1"), app_id=ATTENDANCE, timestamp=now - timedelta(minutes=5))

    everything = (await ask("--since", "first")).stdout.splitlines()
    recent = (await ask("--since", "2h")).stdout.splitlines()
    early = (await ask("--since", "first", "--until", "2h", "--topic", UserAttended.topic)).stdout.splitlines()
    later = (await ask("--since", "1", "--json")).stdout.splitlines()

    titled = f"attended “{WEBINAR.title}”"
    assert everything[0].startswith("0\t")
    assert everything[0].endswith(f"“{WEBINAR.title}” is finished")
    moment = (now - timedelta(minutes=5)).isoformat(timespec="seconds")
    assert everything[2] == "\t".join(["2", moment, ATTENDANCE, UserAttended.topic, f"account boris-1 {titled}"])
    assert recent == [everything[2]]
    assert early == [everything[1]]
    told = [json.loads(line) for line in later]
    assert [line["offset"] for line in told] == [1, 2]
    assert told[0]["body"] == json.loads(attended("anna-1").to_json())
    assert all(line["message_id"] for line in told)


async def test_what_cannot_be_asked_is_said_in_words(house: Outside, ask: Ask) -> None:
    for words in (["--since", "yesterday"], ["--since", "5"], ["--until", "2x"], ["--topic", "account_event"]):
        asked = await ask(*words)
        if words == ["--since", "5"]:
            assert (asked.exit_code, asked.stdout) == (0, "")
            assert "Nothing was said" in asked.stderr
        else:
            assert (asked.exit_code, asked.stdout) == (2, "")
            assert asked.stderr
    away = await ask(url="amqp://guest:hidden@127.0.0.1:1/")
    assert (away.exit_code, away.stdout) == (1, "")
    assert "hidden" not in away.stderr


async def test_it_can_be_followed(house: Outside) -> None:
    await house.say(attended("anna-1"))
    heard: list[str] = []
    came = asyncio.Event()

    async def follow() -> None:
        async with (
            await aio_pika.connect(house.url) as connection,
            aclosing(read_history(connection, "first", follow=True)) as messages,
        ):
            async for message in messages:
                heard.extend(leads([message]))
                came.set()

    following = asyncio.create_task(follow())
    await asyncio.wait_for(came.wait(), 20)
    came.clear()
    await house.say(attended("boris-1"))
    await asyncio.wait_for(came.wait(), 20)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
    assert heard == ["anna-1", "boris-1"]


def test_whatever_was_said_is_one_line_that_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    teller = Past(Choice(frozenset(), None, None), as_json=False)
    teller.begin(Names({}, {}))
    nasty = [
        b'{"lead_id": "\\u0007\\u001b[2J", "webinar_id": 1}',
        b"\xff\x00",
        b"not json",
        b"[]",
        b"3",
        b'{"lead_id": {}}',
        b'{"title": "\\u001b[2J\\n", "version": "x"}',
    ]
    for body in nasty:
        message = Delivery(body, type="user_attended", app_id="x\x1b[2J\x07\n", headers={"x-stream-offset": 1})
        message.routing_key = "user_attended"  # type: ignore[attr-defined]
        teller.heard(message)  # type: ignore[arg-type]

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(nasty)
    assert all(line.replace("\t", "").isprintable() for line in lines)


def test_a_moment_is_a_length_before_now_or_a_time() -> None:
    assert moment_of("90m", NOON) == NOON - timedelta(minutes=90)
    assert moment_of("1w", NOON) == NOON - timedelta(weeks=1)
    assert moment_of("2026-03-01T10:00:00+02:00", NOON) == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert moment_of("2026-03-01T10:00:00Z", NOON) == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert start_of("first", NOON) == ("first", None)
    assert start_of("4711", NOON) == (4711, None)
    start, since = start_of("2h", NOON)
    assert since == NOON - timedelta(hours=2)
    assert isinstance(start, datetime)
    assert start < since
