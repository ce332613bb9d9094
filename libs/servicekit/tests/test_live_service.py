"""A whole service on a real broker and a real database: what only both together decide."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import aio_pika
import pytest
from contracts import (
    CAPABILITIES,
    Capability,
    ClientWebinarAttendanceClassified,
    ClientWebinarAttendanceEvaluate,
    CommandReply,
    CoreWebinarSetStatus,
    ErrorCode,
    Role,
    StatusContext,
    session_id_of,
)
from contracts.topology import ATTENDANCE, CORE_WEBINAR, EXCHANGE, ROOM_UI, SERVICES
from servicekit import (
    Actor,
    CommandNotSent,
    CommandUnanswered,
    Heard,
    Obeyed,
    Refused,
    Router,
    Service,
    ServiceSettings,
    Work,
)
from servicekit.dead_letters import replay
from servicekit.provision import (
    Login,
    default_management_url,
    provision_broker_users,
    provision_databases,
    provision_topology,
    vhost_of,
)
from servicekit.testing import SIGNING_KEY, VERIFY_KEYS, eventually

WEBINAR = UUID(int=7)


@pytest.fixture
async def topology(fresh_vhost: str) -> str:
    await provision_topology(fresh_vhost, retry_scale=0.001, services=(ATTENDANCE, CORE_WEBINAR, ROOM_UI))
    return fresh_vhost


def settings(database: str, broker: str) -> ServiceSettings:
    return ServiceSettings(
        service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id="one", log_format="console"
    )


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    task = asyncio.create_task(service.run())

    async def ready() -> bool:
        if task.done():
            task.result()
        return service.database.is_open and all((await service.readiness()).values())

    try:
        await eventually(ready, seconds=30, what="readiness")
        yield service
    finally:
        service.stop()
        await asyncio.wait_for(task, 15)


class Listener:
    """Hears everything on the exchange, as another team would."""

    def __init__(self) -> None:
        self.heard: list[aio_pika.abc.AbstractIncomingMessage] = []
        self.came = asyncio.Condition()

    async def take(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        async with self.came:
            self.heard.append(message)
            self.came.notify_all()

    async def until(self, topic: str, count: int = 1) -> list[aio_pika.abc.AbstractIncomingMessage]:
        def found() -> list[aio_pika.abc.AbstractIncomingMessage]:
            return [message for message in self.heard if message.routing_key == topic]

        async with self.came, asyncio.timeout(20):
            await self.came.wait_for(lambda: len(found()) >= count)
        return found()


@pytest.fixture
async def broker(topology: str) -> AsyncIterator[tuple[aio_pika.abc.AbstractChannel, Listener]]:
    connection = await aio_pika.connect(topology)
    async with connection:
        channel = await connection.channel(on_return_raises=True)
        queue = await channel.declare_queue("listener", exclusive=True)
        await queue.bind(EXCHANGE, "#")
        listener = Listener()
        await queue.consume(listener.take, no_ack=True)
        yield channel, listener


def evaluation(lead: str, watched: int = 10) -> ClientWebinarAttendanceEvaluate:
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead,
        webinar_id=WEBINAR,
        session_id=session_id_of(lead, WEBINAR),
        watched_seconds=watched,
        base_seconds=60,
    )


async def say(channel: aio_pika.abc.AbstractChannel, event: Any, **changes: Any) -> None:
    exchange = await channel.get_exchange(EXCHANGE, ensure=False)
    body = changes.pop("body", event.to_json())
    properties = {"message_id": str(uuid4()), "correlation_id": str(WEBINAR), "type": event.topic, "app_id": "tracker"}
    await exchange.publish(aio_pika.Message(body, delivery_mode=2, **(properties | changes)), event.topic)


def attendance_router(calls: list[list[str]], bad: set[str]) -> Router:
    router = Router(ATTENDANCE)

    @router.hears(ClientWebinarAttendanceEvaluate)
    async def classify(evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
        calls.append([heard.event.lead_id for heard in evaluations])
        for heard in evaluations:
            if heard.event.lead_id in bad:
                raise RuntimeError(f"cannot take {heard.event.lead_id}")
            work.announce(
                ClientWebinarAttendanceClassified(
                    lead_id=heard.event.lead_id,
                    webinar_id=WEBINAR,
                    attended=False,
                    timestamp=work.now,
                    reason="not_completed",
                    watched_seconds=heard.event.watched_seconds,
                    base_seconds=60,
                    watched_percent=16,
                    rule_version=1,
                ),
                cause=heard,
            )

    return router


async def test_a_batch_is_one_transaction_and_announces_with_its_cause(
    topology: str, fresh_database: str, broker: tuple[aio_pika.abc.AbstractChannel, Listener]
) -> None:
    channel, listener = broker
    calls: list[list[str]] = []
    for number in range(50):
        await say(channel, evaluation(f"lead-{number:02}"))
    await say(channel, evaluation("lead-07"))
    service = Service(
        ATTENDANCE, settings=settings(fresh_database, topology), router=attendance_router(calls, set()), migrations=None
    )
    async with running(service):
        classified = await listener.until("client_webinar_attendance_classified", 50)
    causes = {message.headers["causation_id"] for message in classified}
    heard = {message.message_id for message in await listener.until("client_webinar_attendance_evaluate", 51)}
    assert len(causes) == 50
    assert causes < heard
    assert all(message.app_id == ATTENDANCE and message.delivery_mode == 2 for message in classified)
    assert all(message.correlation_id == str(WEBINAR) for message in classified)
    assert len(calls) < 25, "what is in hand goes together"


async def test_one_bad_message_harms_no_other_and_ends_as_a_dead_letter_that_can_be_replayed(
    topology: str, fresh_database: str, broker: tuple[aio_pika.abc.AbstractChannel, Listener]
) -> None:
    channel, listener = broker
    calls: list[list[str]] = []
    bad = {"lead-3"}
    service = Service(
        ATTENDANCE, settings=settings(fresh_database, topology), router=attendance_router(calls, bad), migrations=None
    )
    for number in range(8):
        await say(channel, evaluation(f"lead-{number}"))
    await say(channel, evaluation("lead-9"), body=b"{not json")
    await say(channel, evaluation("lead-9"), message_id="not-a-uuid")
    async with running(service):
        await listener.until("client_webinar_attendance_classified", 7)

        async def three_dead() -> bool:
            return bool(await service.database.pool.fetchval("select count(*) = 3 from dead_letter"))

        await eventually(three_dead, seconds=30, what="three dead letters")
        rows = await service.database.pool.fetch("select * from dead_letter where reason = 'failed'")
        assert [json.loads(row["body"])["lead_id"] for row in rows] == ["lead-3"]
        assert rows[0]["attempts"] == 5
        assert "cannot take lead-3" in rows[0]["error"]
        bad.clear()
        [message_id] = await replay(service.database, rows[0]["queue"], [rows[0]["id"]])
        assert str(message_id) == rows[0]["message_id"]
        classified = await listener.until("client_webinar_attendance_classified", 8)
    assert json.loads(classified[-1].body)["lead_id"] == "lead-3"
    assert classified[-1].headers["causation_id"] == rows[0]["message_id"]


def core_router(seen: list[str]) -> Router:
    router = Router(CORE_WEBINAR)

    @router.obeys(CoreWebinarSetStatus, requires=Capability.WEBINAR_MANAGE_STATUS)
    async def set_status(command: Obeyed[CoreWebinarSetStatus], work: Work) -> CommandReply:
        seen.append(command.event.status)
        if command.event.status == "break":
            raise RuntimeError("a bug")
        if command.event.status != "start":
            raise Refused(ErrorCode.STATUS_UNKNOWN, "start or stop", field="status")
        return CommandReply(ok=True, affected=len(seen))

    return router


def room_service(database: str, broker: str) -> Service:
    return Service(
        ROOM_UI,
        settings=settings(database, broker),
        router=Router(ROOM_UI),
        migrations=None,
        command_signing_key=SIGNING_KEY,
    )


async def test_commands_are_decided_once_and_answered(topology: str, servers: Any, fresh_database: str) -> None:
    seen: list[str] = []
    core = Service(
        CORE_WEBINAR,
        settings=settings(fresh_database, topology),
        router=core_router(seen),
        migrations=None,
        command_keys=VERIFY_KEYS,
    )
    speaker = Actor("speaker", CAPABILITIES[Role.SPEAKER])
    candidate = Actor("candidate", CAPABILITIES[Role.CANDIDATE])

    def command(status: str) -> CoreWebinarSetStatus:
        return CoreWebinarSetStatus(webinar_id=WEBINAR, status=status, context=StatusContext(source="desk"))

    room = room_service(fresh_database, topology)
    async with running(core), running(room):
        assert room.commands is not None
        first_id = uuid4()
        first = await room.commands.send(command("start"), actor=speaker, message_id=first_id)
        again = await room.commands.send(command("start"), actor=speaker, message_id=first_id)
        assert first.ok
        assert first.affected == 1
        assert again == first
        for status, actor, code in (
            ("later", speaker, ErrorCode.STATUS_UNKNOWN),
            ("start", candidate, ErrorCode.FORBIDDEN),
            ("break", speaker, ErrorCode.UNAVAILABLE),
        ):
            refused = await room.commands.send(command(status), actor=actor, message_id=uuid4())
            assert refused.error is not None
            assert refused.error.code == code
        assert seen == ["start", "later", "break"]
    lonely = room_service(fresh_database, topology)
    async with running(lonely):
        assert lonely.commands is not None
        with pytest.raises(CommandUnanswered):
            await lonely.commands.send(command("start"), actor=speaker, message_id=uuid4(), timeout=0.3)
    nowhere = room_service(fresh_database, "amqp://nobody@127.0.0.1:1/")
    assert nowhere.commands is not None
    with pytest.raises(CommandNotSent):
        await nowhere.commands.send(command("start"), actor=speaker, message_id=uuid4())


async def test_each_service_user_reaches_its_own_topics_and_queues_alone(topology: str, servers: Any) -> None:
    logins = [Login(service, f"pw-{service}") for service in SERVICES]
    await provision_topology(topology, retry_scale=0.001)
    management = servers.rabbitmq_management_url or default_management_url(topology)
    await provision_broker_users(management, vhost_of(topology), logins)

    def url(service: str) -> str:
        parts = urlsplit(topology)
        return urlunsplit(parts._replace(netloc=f"{service}:pw-{service}@{parts.hostname}:{parts.port}"))

    async def refused(service: str, action: Any) -> bool:
        connection = await aio_pika.connect(url(service))
        async with connection:
            channel = await connection.channel()
            try:
                await action(channel)
            except aio_pika.exceptions.ChannelClosed:
                return True
            except aio_pika.exceptions.AMQPError as error:
                return "ACCESS_REFUSED" in repr(error)
            return False

    def publishes(topic: str) -> Any:
        async def publish(channel: aio_pika.abc.AbstractChannel) -> None:
            exchange = await channel.get_exchange(EXCHANGE, ensure=False)
            await exchange.publish(aio_pika.Message(b"{}"), topic)

        return publish

    def consumes(queue: str) -> Any:
        async def consume(channel: aio_pika.abc.AbstractChannel) -> None:
            found = await channel.get_queue(queue, ensure=False)
            await found.consume(Listener().take)

        return consume

    assert not await refused("tracker", publishes("client_webinar_entered"))
    assert await refused("tracker", publishes("webinar_event"))
    assert await refused("attendance", publishes("core_webinar_set_status"))
    assert not await refused("tracker", consumes("tracker.webinar_event"))
    assert await refused("tracker", consumes("core-webinar.core_webinar_set_status"))
    assert await refused("room-ui", consumes("tracker.room_presence"))


async def test_provisioning_databases_twice_gives_each_service_its_own(servers: Any) -> None:
    logins = [Login("tracker", "first"), Login("attendance", "o'second")]
    await provision_databases(servers.database_url, logins)
    await provision_databases(servers.database_url, [Login("tracker", "changed")])
    import asyncpg  # noqa: PLC0415

    parts = urlsplit(servers.database_url)

    async def opens(user: str, password: str, database: str) -> bool:
        try:
            connection = await asyncpg.connect(
                user=user, password=password, database=database, host=parts.hostname, port=parts.port
            )
        except asyncpg.PostgresError:
            return False
        await connection.close()
        return True

    assert await opens("tracker", "changed", "tracker")
    assert await opens("attendance", "o'second", "attendance")
    assert not await opens("tracker", "changed", "attendance")
