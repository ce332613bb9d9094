"""Other teams: their user hears what is public, owns its own queues, and can do nothing else; on the real broker."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import aiormq.exceptions
import pytest
from contracts import UserAttended
from contracts.examples import example
from contracts.topology import (
    DEAD_EXCHANGE,
    EXCHANGE,
    HISTORY,
    REPLY_EXCHANGE,
    RETURN_EXCHANGE,
    SERVICES,
    TOPICS,
    delay_exchange,
    queues_of,
)
from local_stack.readiness import management_request
from servicekit.cli import app
from servicekit.history import read_history
from servicekit.live_testing import Outside
from servicekit.management import Management
from servicekit.operator.checks_of_teams import queues
from servicekit.operator.findings import Report, State
from servicekit.provision import provision_teams, provision_topology, vhost_of
from servicekit.teams import user_of
from servicekit.testing import eventually
from typer.testing import CliRunner, Result

PUBLIC = {topic.name for topic in TOPICS if topic.public}
Ctl = Callable[..., Awaitable[Result]]
Use = Callable[[aio_pika.abc.AbstractChannel], Awaitable[object]]


@pytest.fixture
def name(servers: Any) -> Iterator[str]:
    """The name of a team that nobody has; users are the whole broker's."""
    name = f"crm-{secrets.token_hex(4)}"
    yield name
    for one in (name, f"{name}-too"):
        management_request(servers.rabbitmq_management_url, "DELETE", f"/api/users/{user_of(one)}", b"")


@pytest.fixture
def ctl(servers: Any, topology: str) -> Ctl:
    """Run `webinarctl team` as an administrator."""

    async def call(*words: str, typed: str = "", url: str = topology) -> Result:
        settings = {"RABBITMQ_URL": url, "RABBITMQ_MANAGEMENT_URL": servers.rabbitmq_management_url}
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["team", *words], env=settings, input=typed))

    return call


@pytest.fixture
async def team(ctl: Ctl, name: str) -> str:
    """The address of a team's user."""
    made = await ctl("add", name)
    assert made.exit_code == 0, made.output
    return made.stdout.strip()


@asynccontextmanager
async def at(url: str) -> AsyncIterator[Callable[[Use], Awaitable[bool]]]:
    """Hand out a way to try something, each time on a channel of its own; tells whether it was allowed."""
    async with await aio_pika.connect(url) as connection:

        async def may(use: Use) -> bool:
            channel = await connection.channel()
            try:
                await use(channel)
            except aiormq.exceptions.ChannelAccessRefused:
                return False
            finally:
                if not channel.is_closed:
                    await channel.close()
            return True

        yield may


def publish(exchange: str, key: str) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        found = await channel.get_exchange(exchange, ensure=False) if exchange else channel.default_exchange
        await found.publish(aio_pika.Message(b"{}"), key, mandatory=False)

    return use


async def pass_by(_: aio_pika.abc.AbstractIncomingMessage) -> None:
    """Leave it to the broker: it is not acknowledged."""


def consume(queue: str, **arguments: Any) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        await channel.set_qos(prefetch_count=1)
        found = await channel.get_queue(queue, ensure=False)
        tag = await found.consume(pass_by, arguments=arguments or None)
        await found.cancel(tag)

    return use


def declare(queue: str, **arguments: Any) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        await channel.declare_queue(queue, exclusive=True, arguments=arguments or None)

    return use


def bind(queue: str, exchange: str, key: str) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        found = await channel.declare_queue(queue, exclusive=True, auto_delete=True)
        await found.bind(exchange, key)
        await found.delete(if_unused=False, if_empty=False)

    return use


def bind_exchange(name: str, key: str) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        found = await channel.declare_exchange(name, "topic", auto_delete=True)
        try:
            await found.bind(EXCHANGE, key)
        finally:
            if not channel.is_closed:
                await found.delete()

    return use


def declare_exchange(name: str, **arguments: Any) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        await channel.declare_exchange(name, "topic", auto_delete=True, arguments=arguments or None)

    return use


def purge(queue: str) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        await (await channel.get_queue(queue, ensure=False)).purge()

    return use


def delete(queue: str) -> Use:
    async def use(channel: aio_pika.abc.AbstractChannel) -> None:
        await (await channel.get_queue(queue, ensure=False)).delete(if_unused=False, if_empty=False)

    return use


async def test_a_team_hears_public_facts_on_its_own_queue_and_reads_the_history(
    team: str, name: str, outside: Outside
) -> None:
    lead = secrets.token_hex(4)
    fact = UserAttended.from_json(example(UserAttended.topic)).model_copy(update={"lead_id": lead})
    async with await aio_pika.connect(team) as connection:
        channel = await connection.channel()
        arguments: dict[str, Any] = {"x-queue-type": "quorum"}
        queue = await channel.declare_queue(f"team.{name}.facts", durable=True, arguments=arguments)
        for topic in sorted(PUBLIC):
            await queue.bind(EXCHANGE, topic)
        await outside.say(fact)
        message = await queue.get(timeout=10)
        await message.ack()
        read = [one.body async for one in read_history(connection, "first")]
        await queue.delete(if_unused=False, if_empty=False)

    assert message.body == fact.to_json()
    assert fact.to_json() in read


async def test_a_team_can_say_nothing(team: str, name: str) -> None:
    exchanges = [EXCHANGE, DEAD_EXCHANGE, RETURN_EXCHANGE, REPLY_EXCHANGE, "", "amq.topic", "amq.direct", "amq.fanout"]
    exchanges += [delay_exchange(1)]
    async with at(team) as may:
        for exchange in exchanges:
            for key in (
                "user_attended",
                "core_webinar_set_status",
                f"team.{name}.facts",
                "attendance.webinar_completed",
            ):
                assert not await may(publish(exchange, key)), (exchange, key)


async def test_a_team_binds_public_topics_and_no_other(team: str, name: str) -> None:
    queue = f"team.{name}.facts"
    async with at(team) as may:
        for topic in TOPICS:
            assert await may(bind(queue, EXCHANGE, topic.name)) == topic.public, topic.name
            assert await may(bind_exchange(f"team.{name}.in", topic.name)) == topic.public, topic.name
        for key in ("#", "*", "", "client_webinar_#", "user_attended.*", "core_webinar_set_status|user_attended"):
            assert not await may(bind(queue, EXCHANGE, key)), key
            assert not await may(bind_exchange(f"team.{name}.in", key)), key
        for exchange in (DEAD_EXCHANGE, RETURN_EXCHANGE, REPLY_EXCHANGE, delay_exchange(1), "amq.topic"):
            assert not await may(bind(queue, exchange, "user_attended")), exchange


async def test_a_team_reaches_no_queue_but_its_own_and_the_history(team: str, name: str, ctl: Ctl) -> None:
    other = (await ctl("add", f"{name}-too")).stdout.strip()
    theirs = f"team.{name}-too.facts"
    names = [queue.name for service in SERVICES for queue in queues_of(service)]
    dead = [queue.dead_letter_queue for service in SERVICES for queue in queues_of(service) if queue.dead_letter_queue]
    async with await aio_pika.connect(other) as connection:
        await (await connection.channel()).declare_queue(theirs, exclusive=False, auto_delete=True)
        async with at(team) as may:
            for queue in [*names, *dead, delay_exchange(1), theirs]:
                assert not await may(consume(queue)), queue
                assert not await may(purge(queue)), queue
                assert not await may(delete(queue)), queue
            assert await may(consume(HISTORY, **{"x-stream-offset": "first"}))
            assert not await may(delete(HISTORY))
            # Nobody can: a stream is not emptied.
            with pytest.raises(aiormq.exceptions.ConnectionNotImplemented):
                await may(purge(HISTORY))
        await (await (await connection.channel()).get_queue(theirs)).delete(if_unused=False, if_empty=False)


async def test_a_team_makes_nothing_outside_its_own_name(team: str, name: str) -> None:
    async with at(team) as may:
        assert await may(declare(f"team.{name}.mine"))
        for queue in ("mine", f"team.{name}", f"team.{name}-too.x", "webinars.history2", "team", f"x.team.{name}.x"):
            assert not await may(declare(queue)), queue
        # What a queue of its own gives up must not become a message of the house.
        for exchange in (EXCHANGE, RETURN_EXCHANGE, REPLY_EXCHANGE, delay_exchange(1), ""):
            assert not await may(declare(f"team.{name}.out", **{"x-dead-letter-exchange": exchange})), exchange
            assert not await may(declare_exchange(f"team.{name}.out", **{"alternate-exchange": exchange})), exchange


async def test_the_password_is_told_once_and_changed_on_demand(team: str, name: str, ctl: Ctl, topology: str) -> None:
    parts, house = urlsplit(team), urlsplit(topology)
    assert (parts.username, parts.hostname, parts.port, parts.path) == (
        f"team.{name}", house.hostname, house.port, house.path,
    )  # fmt: skip
    assert len(parts.password or "") >= 32

    again = await ctl("add", name)
    changed = await ctl("add", name, "--new-password", "--host", "broker.example.com:5671")
    nobody = await ctl("add", f"{name}-too", "--new-password")

    assert (again.exit_code, again.stdout) == (1, "")
    assert "--new-password" in again.stderr
    new = urlsplit(changed.stdout.strip())
    assert (new.hostname, new.port) == ("broker.example.com", 5671)
    assert new.password != parts.password
    with pytest.raises(aiormq.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(team)
    assert nobody.exit_code == 1


async def test_a_full_queue_of_a_team_refuses_nothing(team: str, name: str, outside: Outside, servers: Any) -> None:
    async def look() -> list[tuple[State, bool]]:
        report = Report()
        await queues(servers.rabbitmq_management_url, vhost_of(outside.url))(report)
        return [(one.state, f"team.{name}.classic" in one.words) for one in report.findings]

    async with await aio_pika.connect(team) as connection:
        channel = await connection.channel()
        for kind in ("quorum", "classic"):
            arguments: dict[str, Any] = {"x-queue-type": kind, "x-max-length": 1, "x-overflow": "reject-publish"}
            queue = await channel.declare_queue(f"team.{name}.{kind}", durable=True, arguments=arguments)
            if kind == "quorum":
                assert await look() == [(State.OK, False)]
                await queue.bind(EXCHANGE, UserAttended.topic)
                for _ in range(5):
                    # Raises when the broker refuses it.
                    await outside.say(UserAttended.from_json(example(UserAttended.topic)))
            else:
                # Of those nobody but the team decides; so they are named.
                assert await look() == [(State.ATTENTION, True)]
            await queue.delete(if_unused=False, if_empty=False)


async def test_teams_are_listed_and_removed_with_what_is_theirs(
    team: str, name: str, ctl: Ctl, topology: str, servers: Any
) -> None:
    queue = f"team.{name}.facts"
    connection = await aio_pika.connect(team)
    channel = await connection.channel()
    found = await channel.declare_queue(queue, durable=True, arguments={"x-queue-type": "quorum"})
    await found.bind(EXCHANGE, "user_attended")
    lost = asyncio.Event()
    connection.close_callbacks.add(lambda *_: lost.set())

    async def listed() -> bool:
        return f"{name}\t1\t0\t0" in (await ctl("list")).stdout.splitlines()

    await eventually(listed, seconds=30, what="the team with its queue")
    refused = await ctl("remove", name, typed="n\n")
    assert (refused.exit_code, "Nothing was done." in refused.stderr) == (1, True)
    assert not lost.is_set()
    removed = await ctl("remove", name, typed="y\n")

    assert removed.exit_code == 0, removed.stderr
    await asyncio.wait_for(lost.wait(), 20)
    assert name not in (await ctl("list")).stdout
    async with Management(servers.rabbitmq_management_url) as management:
        assert await management.get("queues", vhost_of(topology), queue) is None
    assert (await ctl("remove", name, "--yes")).exit_code == 1


async def test_what_no_team_can_be_called_is_refused(ctl: Ctl) -> None:
    for name in ("", "CRM", "crm.*", ".*", "a b", "crm/x", "-x", "x" * 32, "тим"):
        assert (await ctl("add", "--", name)).exit_code == 2, name


async def test_provisioning_gives_teams_the_rights_of_this_release(
    team: str, name: str, topology: str, servers: Any
) -> None:
    async with Management(servers.rabbitmq_management_url) as management:
        nothing = {"configure": "^$", "write": "^$", "read": "^$"}
        await management.put("permissions", vhost_of(topology), f"team.{name}", body=nothing)
    async with at(team) as may:
        assert not await may(consume(HISTORY, **{"x-stream-offset": "first"}))

    await provision_topology(topology, retry_scale=0.001)
    await provision_teams(servers.rabbitmq_management_url, vhost_of(topology))

    async with at(team) as may:
        assert await may(consume(HISTORY, **{"x-stream-offset": "first"}))
