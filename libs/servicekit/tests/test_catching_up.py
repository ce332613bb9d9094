"""`webinarctl catch-up`: one queue gets from the history what it missed, marked and confirmed; nobody else does."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import aio_pika
import pytest
from contracts import ClientWebinarEntered, WebinarCompleted
from contracts.examples import example
from contracts.topology import ATTENDANCE, EXCHANGE, HISTORY, RETURN_EXCHANGE, ROOM_UI
from servicekit.catching_up import OFFSET_HEADER, Given, Wanted, give_back, look, queue_named
from servicekit.cli import app
from servicekit.errors import BROKER_AWAY
from servicekit.live_testing import Door, Outside
from servicekit.management import Management
from servicekit.operator.checks_of_broker import queues as check_of_queues
from servicekit.operator.findings import Report
from servicekit.provision import provision_topology, vhost_of
from servicekit.publisher import Link
from servicekit.teams import add_team
from typer.testing import CliRunner, Result

NO_SETTINGS = dict.fromkeys(("DATABASE_URL", "SERVICE_DATABASE_URL", "RABBITMQ_MANAGEMENT_URL"))
ENTERED, COMPLETED = ClientWebinarEntered.topic, WebinarCompleted.topic
QUEUE, NEIGHBOUR, FURTHER = f"{ATTENDANCE}.{ENTERED}", f"{ROOM_UI}.{ENTERED}", f"{ATTENDANCE}.{COMPLETED}"
WHO = ClientWebinarEntered.from_json(example(ENTERED))
CatchUp = Callable[..., Awaitable[Result]]


def entered(lead: str) -> ClientWebinarEntered:
    return WHO.model_copy(update={"lead_id": lead})


@pytest.fixture
async def house(fresh_vhost: str) -> AsyncIterator[Outside]:
    """A broker with the queues of two services that are not running."""
    await provision_topology(fresh_vhost, services=(ATTENDANCE, ROOM_UI))
    async with Outside.on(fresh_vhost) as outside:
        yield outside


@pytest.fixture
def catch_up(fresh_vhost: str) -> CatchUp:
    """Run the command with an administrator's address."""

    async def call(*words: str, url: str = fresh_vhost, answer: str = "") -> Result:
        settings = NO_SETTINGS | {"RABBITMQ_URL": url}
        return await asyncio.to_thread(
            lambda: CliRunner().invoke(app, ["catch-up", *words], env=settings, input=answer)
        )

    return call


async def taken_from(outside: Outside, queue: str) -> list[aio_pika.abc.AbstractIncomingMessage]:
    """Everything that waits in a queue."""
    found = await outside.channel.get_queue(queue, ensure=False)
    messages = []
    while message := await found.get(fail=False, no_ack=True):
        messages.append(message)
    return messages


def leads(messages: list[aio_pika.abc.AbstractIncomingMessage]) -> list[str]:
    return [json.loads(message.body)["lead_id"] for message in messages]


async def miss(outside: Outside, *names: str, topic: str = ENTERED, queue: str = QUEUE) -> None:
    """Say facts while a queue is not there, and make it again."""
    await outside.channel.queue_delete(queue)
    for name in names:
        await outside.say(entered(name))
    await provision_topology(outside.url, services=(ATTENDANCE,))


async def test_the_queue_alone_gets_what_it_missed_as_it_was_said_and_marked(house: Outside, catch_up: CatchUp) -> None:
    said_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    ids = [str(uuid4()) for _ in range(3)]
    await house.channel.queue_delete(QUEUE)
    for message_id, lead in zip(ids, ("anna-1", "boris-1", "clara-1"), strict=True):
        headers = {"schema_version": 1, "traceparent": "00-1-2-03", "CC": [NEIGHBOUR], "BCC": [FURTHER]}
        await house.say(entered(lead), message_id=message_id, timestamp=said_at, headers=headers)
    await house.say(WebinarCompleted.from_json(example(COMPLETED)))
    await provision_topology(house.url, services=(ATTENDANCE,))
    others = {name: await house.waiting(name) for name in (NEIGHBOUR, FURTHER)}

    done = await catch_up(QUEUE, "--since", "first", "--yes")

    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "3 given back.")
    assert {name: await house.waiting(name) for name in others} == others
    # The listener hears the exchange, as everybody else does.
    assert len(house.listener.of(ENTERED)) == 3
    got = await taken_from(house, QUEUE)
    assert [message.message_id for message in got] == ids
    assert leads(got) == ["anna-1", "boris-1", "clara-1"]
    for offset, message in enumerate(got):
        assert (message.timestamp, message.correlation_id, message.app_id) == (said_at, "story", "tracker")
        assert (message.type, message.delivery_mode) == (ENTERED, aio_pika.DeliveryMode.PERSISTENT)
        headers = {name: value for name, value in message.headers.items() if name != "x-delivery-count"}
        assert headers == {"schema_version": 1, "traceparent": "00-1-2-03", OFFSET_HEADER: offset}


async def test_several_queues_get_each_their_own_and_what_it_would_be_is_shown(
    house: Outside, catch_up: CatchUp
) -> None:
    await miss(house, "anna-1", "boris-1")
    await house.say(WebinarCompleted.from_json(example(COMPLETED)))
    for queue in (QUEUE, FURTHER, NEIGHBOUR):
        await taken_from(house, queue)

    shown = await catch_up(QUEUE, FURTHER, "--since", "first", "--dry-run", "--json")
    refused = await catch_up(QUEUE, FURTHER, "--since", "first", answer="n\n")
    assert [await house.waiting(name) for name in (QUEUE, FURTHER)] == [0, 0]
    given = await catch_up(QUEUE, FURTHER, QUEUE, "--since", "first", answer="y\n")

    told = json.loads(shown.stdout)
    assert told["given_back"] == 0
    assert [(part["queue"], part["topic"], part["facts"]) for part in told["queues"]] == [
        (QUEUE, ENTERED, 2),
        (FURTHER, COMPLETED, 1),
    ]
    assert (refused.exit_code, given.exit_code) == (1, 0)
    assert f"Give 3 facts back to {QUEUE}, {FURTHER}?" in given.stderr
    assert given.stdout.splitlines()[-1] == "3 given back."
    assert [await house.waiting(name) for name in (QUEUE, FURTHER, NEIGHBOUR)] == [2, 1, 0]


async def test_the_time_is_that_of_the_broker_so_that_what_lay_in_an_outbox_is_not_passed_by(
    house: Outside, catch_up: CatchUp
) -> None:
    now = datetime.now(UTC)
    await house.say(entered("early"), timestamp=now - timedelta(days=2))
    await house.say(entered("late-in-an-outbox"), timestamp=now - timedelta(days=1))
    await house.say(entered("recent"), timestamp=now)
    await taken_from(house, QUEUE)

    await catch_up(QUEUE, "--since", "1h", "--yes")
    assert leads(await taken_from(house, QUEUE)) == ["early", "late-in-an-outbox", "recent"]
    await catch_up(QUEUE, "--since", "1", "--until", "1h", "--yes")
    assert leads(await taken_from(house, QUEUE)) == ["late-in-an-outbox"]
    nothing = await catch_up(QUEUE, "--since", "3", "--yes")
    assert (nothing.exit_code, nothing.stdout) == (0, "0 given back.\n")
    assert "Nothing was said" in nothing.stderr


async def test_broken_off_it_says_where_to_go_on_and_may_be_repeated(house: Outside) -> None:
    many = 500
    await house.channel.queue_delete(QUEUE)
    exchange = await house.channel.get_exchange(EXCHANGE, ensure=False)
    names = [f"lead-{number:03}" for number in range(many)]
    said = (aio_pika.Message(entered(name).to_json(), message_id=name, type=ENTERED) for name in names)
    await asyncio.gather(*(exchange.publish(message, ENTERED) for message in said))
    await provision_topology(house.url, services=(ATTENDANCE,))
    wanted = Wanted((queue_named(QUEUE),))

    async def give(url: str, given: Given) -> None:
        link = Link(url)
        try:
            async with await aio_pika.connect(house.url) as connection:
                await give_back(connection, link, wanted, await look(connection, wanted, "first"), given)
        finally:
            await link.close()

    async with Door(house.url) as door:
        shutting: list[asyncio.Task[None]] = []

        def shut(_: int) -> None:
            shutting.append(asyncio.create_task(door.shut()))

        cut = Given(told=shut)
        with pytest.raises(BROKER_AWAY):
            await give(door.url, cut)
        await asyncio.gather(*shutting)
    cancelled = Given(told=lambda _: running.cancel())
    running = asyncio.create_task(give(house.url, cancelled))
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (cut.facts, cut.go_on_from) == (cancelled.facts, cancelled.go_on_from) == (200, 200)

    whole = Given()
    await give(house.url, whole)
    assert (whole.facts, whole.go_on_from) == (many, None)
    got = [message.message_id for message in await taken_from(house, QUEUE)]
    assert got[-many:] == names
    assert set(got) == set(names)


async def test_what_cannot_be_is_said_with_what_to_do(house: Outside, catch_up: CatchUp) -> None:
    for name, words in (
        ("attendance.nothing", f"No service has a queue attendance.nothing; these can catch up: .*{QUEUE}"),
        (HISTORY, "No service has a queue"),
        (f"{QUEUE}.dlq", "No service has a queue"),
        ("attendance.client_webinar_attendance_evaluate", "it is internal.*waits in the outbox"),
        ("post-webinar.account_event", "webinarctl snapshots account_event"),
        ("core-webinar.core_webinar_upsert", "it is internal"),
        ("tracker.room_presence", "it is told again by itself"),
    ):
        asked = await catch_up(name, "--since", "1h", "--yes")
        assert (asked.exit_code, asked.stdout) == (2, "")
        assert re.search(words, asked.stderr), asked.stderr
    assert (await catch_up(QUEUE, "--since", "yesterday")).exit_code == 2
    assert (await catch_up(QUEUE)).exit_code == 2

    empty = await catch_up(QUEUE, "--since", "1h", "--yes")
    assert (empty.exit_code, empty.stderr) == (1, "The history is empty.\n")
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
    await house.say(entered("anna-1"), timestamp=first)
    early = await catch_up(QUEUE, "--since", "3h", "--yes")
    assert early.exit_code == 1
    assert f"begins with number 0, said at {first.astimezone():%Y-%m-%dT%H:%M:%S}" in early.stderr
    assert "--since first" in early.stderr

    missing = await catch_up(QUEUE, "post-webinar.post_webinar_route", "--since", "first", "--yes")
    assert missing.exit_code == 1
    assert "There is no post-webinar.post_webinar_route: run `webinarctl provision` first." in missing.stderr
    await taken_from(house, QUEUE)
    await (await house.channel.get_queue(QUEUE, ensure=False)).unbind(RETURN_EXCHANGE, QUEUE)
    unbound = await catch_up(QUEUE, "--since", "first", "--yes")
    assert (unbound.exit_code, await house.waiting(QUEUE)) == (1, 0)
    assert f"{QUEUE} is not bound to {RETURN_EXCHANGE}: run `webinarctl provision`." in unbound.stderr
    await house.channel.exchange_delete(RETURN_EXCHANGE)
    assert f"There is no exchange {RETURN_EXCHANGE}" in (await catch_up(QUEUE, "--since", "first", "--yes")).stderr
    await house.channel.queue_delete(HISTORY)
    assert f"There is no {HISTORY}" in (await catch_up(QUEUE, "--since", "first", "--yes")).stderr
    away = await catch_up(QUEUE, "--since", "first", "--yes", url="amqp://guest:hidden@127.0.0.1:1/")
    assert (away.exit_code, "hidden" in away.stderr) == (1, False)


async def test_a_team_may_read_the_history_and_gives_nothing_back(
    house: Outside, catch_up: CatchUp, servers: Any
) -> None:
    await miss(house, "anna-1")
    name, vhost = f"kit-{uuid4().hex[:8]}", vhost_of(house.url)
    parts = urlsplit(house.url)
    async with Management(servers.rabbitmq_management_url) as management:
        await add_team(management, vhost, name, "secret")
        login = f"{quote(f'team.{name}')}:secret@{parts.hostname}:{parts.port}"
        refused = await catch_up(QUEUE, "--since", "first", "--yes", url=urlunsplit(parts._replace(netloc=login)))
        await management.delete("users", f"team.{name}")

    assert (refused.exit_code, await house.waiting(QUEUE)) == (1, 0)
    assert f"may not write to {RETURN_EXCHANGE}: RABBITMQ_URL has to be the administrators'" in refused.stderr


async def test_the_doctor_finds_a_queue_that_is_missing_and_names_what_brings_back_what_it_missed(
    house: Outside,
) -> None:
    async def advice() -> str:
        report = Report()
        await check_of_queues(house.url, [ATTENDANCE], with_delays=True)(report)
        return next(one.advice for one in report.findings if "missing" in one.words)

    await house.channel.queue_delete(QUEUE)
    await house.channel.queue_delete(f"{ATTENDANCE}.client_webinar_attendance_evaluate")
    assert await advice() == (
        f"Run `webinarctl provision`, then `webinarctl catch-up {QUEUE} --since <when it was there last>`."
    )
    # On a broker that is new there is nothing to catch up with.
    await house.channel.queue_delete(HISTORY)
    assert await advice() == "Run `webinarctl provision`."
