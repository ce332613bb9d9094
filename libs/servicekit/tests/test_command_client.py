"""Commands at their sender: one reply, and an honest word when there is none."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from contracts import (
    CAPABILITIES,
    Capability,
    CommandReply,
    CoreWebinarSetStatus,
    Role,
    StatusContext,
    WebinarEvent,
)
from contracts.examples import example
from contracts.topology import CORE_WEBINAR, EXCHANGE, REPLY_EXCHANGE, ROOM_UI
from prometheus_client import REGISTRY
from servicekit import (
    Actor,
    CommandClient,
    CommandNotSent,
    CommandUnanswered,
    Heard,
    Obeyed,
    Router,
    Service,
    ServiceSettings,
    Work,
)
from servicekit.live_testing import Door, Outside, running
from servicekit.testing import SIGNING_KEY, VERIFY_KEYS, eventually

SPEAKER = Actor("speaker", CAPABILITIES[Role.SPEAKER])
QUEUE = f"{CORE_WEBINAR}.{CoreWebinarSetStatus.topic}"


def start() -> CoreWebinarSetStatus:
    return CoreWebinarSetStatus(webinar_id=UUID(int=7), status="start", context=StatusContext(source="desk"))


def settings(database: str, broker: str) -> ServiceSettings:
    return ServiceSettings(
        service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
    )


def room(database: str, broker: str) -> Service:
    return Service(
        ROOM_UI,
        settings=settings(database, broker),
        router=Router(ROOM_UI),
        migrations=None,
        command_signing_key=SIGNING_KEY,
    )


def core(database: str, broker: str, calls: list[UUID]) -> Service:
    router = Router(CORE_WEBINAR)

    @router.obeys(CoreWebinarSetStatus, requires=Capability.WEBINAR_MANAGE_STATUS)
    async def set_status(command: Obeyed[CoreWebinarSetStatus], work: Work) -> CommandReply:
        calls.append(command.message_id)
        await asyncio.sleep(0.1)
        return CommandReply(ok=True, affected=len(calls))

    return Service(
        CORE_WEBINAR,
        settings=settings(database, broker),
        router=router,
        migrations=None,
        command_keys=VERIFY_KEYS,
    )


@pytest.fixture
async def client(kit_database: str, outside: Outside) -> AsyncIterator[CommandClient]:
    async with running(room(kit_database, outside.url)) as service:
        assert service.commands is not None
        yield service.commands


async def test_a_double_click_is_one_command_and_both_clicks_hear_its_outcome(
    client: CommandClient, kit_database: str, outside: Outside
) -> None:
    calls: list[UUID] = []
    async with running(core(kit_database, outside.url, calls)):
        message_id = uuid4()
        first, second = await asyncio.gather(
            *(client.send(start(), actor=SPEAKER, message_id=message_id) for _ in range(2))
        )
        other = await client.send(start(), actor=SPEAKER, message_id=uuid4())
        malformed = aio_pika.Message(b"{", message_id="x", reply_to="reply.nobody")
        await (await outside.channel.get_exchange(EXCHANGE, ensure=False)).publish(malformed, start().topic)
        last = await client.send(start(), actor=SPEAKER, message_id=uuid4())
    assert first == second
    assert [first.affected, other.affected, last.affected] == [1, 2, 3]
    assert calls[0] == message_id


async def test_without_a_receiver_nothing_was_changed(client: CommandClient, outside: Outside) -> None:
    await outside.turn_away()
    queue = await outside.channel.get_queue(QUEUE, ensure=False)
    await queue.unbind(EXCHANGE, start().topic)
    try:
        with pytest.raises(CommandNotSent) as raised:
            await client.send(start(), actor=SPEAKER, message_id=uuid4())
    finally:
        await queue.bind(EXCHANGE, start().topic)
    assert "eyJ" not in str(raised.value), "a token is never shown"
    assert "eyJ" not in repr(raised.value.__cause__)


async def test_without_a_reply_it_is_not_known_yet_and_the_queue_is_cleared(
    client: CommandClient, outside: Outside
) -> None:
    with pytest.raises(CommandUnanswered):
        await client.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=0.3)

    async def cleared() -> bool:
        return await outside.waiting(QUEUE) == 0

    await eventually(cleared, what="an expired command is gone")


async def test_it_is_counted_how_commands_end(client: CommandClient, outside: Outside) -> None:
    def ended(outcome: str) -> float:
        labels = {"topic": start().topic, "outcome": outcome}
        count = REGISTRY.get_sample_value("webinars_commands_sent_total", labels)
        assert count is not None, f"{outcome} is there before the first"
        return count

    before = {outcome: ended(outcome) for outcome in ("answered", "unanswered", "not_sent", "failed")}
    with pytest.raises(CommandUnanswered):
        await client.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=0.2)
    client.listening = False
    with pytest.raises(CommandNotSent):
        await client.send(start(), actor=SPEAKER, message_id=uuid4())

    after = {outcome: ended(outcome) for outcome in before}
    assert after == before | {"unanswered": before["unanswered"] + 1, "not_sent": before["not_sent"] + 1}


async def test_only_the_first_reply_counts_and_what_is_no_reply_is_passed_over(
    client: CommandClient, outside: Outside
) -> None:
    message_id = uuid4()
    sending = asyncio.create_task(client.send(start(), actor=SPEAKER, message_id=message_id))
    queue = await outside.channel.get_queue(QUEUE, ensure=False)
    while (command := await queue.get(fail=False)) is None:
        await asyncio.sleep(0.01)
    await command.ack()
    exchange = await outside.channel.get_exchange(REPLY_EXCHANGE, ensure=False)

    async def reply(body: bytes, correlation_id: object = message_id) -> None:
        message = aio_pika.Message(body, correlation_id=str(correlation_id))
        await exchange.publish(message, str(command.reply_to))

    await reply(b'{"ok": true, "affected": 99}', uuid4())
    await reply(b"no json")
    await reply(b'{"ok": true, "affected": 1, "later field": []}')
    await reply(b'{"ok": true, "affected": 2}')
    assert (await sending).affected == 1
    with pytest.raises(CommandUnanswered):
        await client.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=0.2)


async def test_a_command_that_never_left_surely_changes_nothing(
    kit_database: str, outside: Outside, broker_door: Door
) -> None:
    service = room(kit_database, outside.url)
    service.publisher._link._url = broker_door.url
    async with running(service):
        assert service.commands is not None
        broker_door.hold_up()
        with pytest.raises(CommandNotSent):
            await service.commands.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=0.5)
        await broker_door.shut()
        with pytest.raises(CommandNotSent):
            await service.commands.send(start(), actor=SPEAKER, message_id=uuid4())
    assert await outside.waiting(QUEUE) == 0


async def test_a_command_that_left_and_was_never_confirmed_may_have_changed_something(
    kit_database: str, outside: Outside, broker_door: Door
) -> None:
    service = room(kit_database, outside.url)
    service.publisher._link._url = broker_door.url
    async with running(service):
        assert service.commands is not None
        assert await service.publisher.answers()
        broker_door.hold_up()
        with pytest.raises(CommandUnanswered):
            await service.commands.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=0.5)


async def test_a_command_on_a_started_webinar_carries_the_webinar_s_id(
    client: CommandClient, kit_database: str, outside: Outside
) -> None:
    async with running(core(kit_database, outside.url, [])):
        for correlation_id in (None, str(start().webinar_id)):
            message_id = uuid4()
            reply = await client.send(start(), actor=SPEAKER, message_id=message_id, correlation_id=correlation_id)
            assert reply.ok
            said = outside.listener.of(start().topic)[-1]
            assert (said.message_id, said.correlation_id) == (str(message_id), correlation_id or str(message_id))


async def test_a_command_whose_connection_broke_on_the_way_may_still_be_answered(
    kit_database: str, outside: Outside, broker_door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[UUID] = []
    service = room(kit_database, outside.url)
    service.publisher._link._url = broker_door.url
    async with running(service), running(core(kit_database, outside.url, calls)):
        assert service.commands is not None
        assert await service.publisher.answers()
        exchange = await service.publisher._link.exchange(EXCHANGE)
        publish = exchange.publish

        async def lose_the_confirmation(*given: Any, **named: Any) -> Any:
            await publish(*given, **named)
            raise aio_pika.exceptions.ChannelInvalidStateError("closed")

        monkeypatch.setattr(exchange, "publish", lose_the_confirmation)
        reply = await service.commands.send(start(), actor=SPEAKER, message_id=uuid4())
    assert reply.ok
    assert len(calls) == 1


async def test_who_does_not_hear_replies_yet_does_not_send(kit_database: str, outside: Outside) -> None:
    service = room(kit_database, outside.url)
    assert service.commands is not None
    with pytest.raises(CommandNotSent):
        await service.commands.send(start(), actor=SPEAKER, message_id=uuid4())
    assert await outside.waiting(QUEUE) == 0


async def test_replies_and_instance_queues_come_back_after_a_cut(
    kit_database: str, outside: Outside, broker_door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    overheard: asyncio.Queue[str] = asyncio.Queue()
    router = Router(ROOM_UI)

    @router.overhears(WebinarEvent)
    async def refresh(heard: Heard[WebinarEvent]) -> None:
        overheard.put_nowait(heard.correlation_id)
        if heard.correlation_id == "bad":
            raise RuntimeError("a bug in a shortcut harms nobody")

    service = Service(
        ROOM_UI,
        settings=settings(kit_database, broker_door.url),
        router=router,
        migrations=None,
        command_signing_key=SIGNING_KEY,
    )
    event = WebinarEvent.from_json(example(WebinarEvent.topic))
    calls: list[UUID] = []
    async with running(service), running(core(kit_database, outside.url, calls)):
        commands = service.commands
        assert commands is not None
        await outside.say(event, body=b"{")
        await outside.say(event, correlation_id="bad")
        await outside.say(event, correlation_id="before")
        assert [await overheard.get(), await overheard.get()] == ["bad", "before"]
        assert "overhearing.failed" in caplog.text
        broker_door.cut()

        async def obeys_again() -> bool:
            try:
                return (await commands.send(start(), actor=SPEAKER, message_id=uuid4(), timeout=1)).ok
            except (CommandNotSent, CommandUnanswered):
                return False

        await eventually(obeys_again, seconds=20, what="a reply")
        await outside.say(event, correlation_id="after")
        async with asyncio.timeout(10):
            while await overheard.get() != "after":
                pass


async def test_a_service_knows_whether_the_broker_is_there(
    kit_database: str, outside: Outside, broker_door: Door
) -> None:
    service = room(kit_database, broker_door.url)

    async def is_there() -> bool:
        return service.is_broker_connected

    async def is_away() -> bool:
        return not service.is_broker_connected

    assert not service.is_broker_connected
    async with running(service):
        await eventually(is_there)
        await broker_door.shut()
        await eventually(is_away)
        await broker_door.open()
        await eventually(is_there, seconds=20)


async def test_a_bug_in_obeying_ends_the_process_rather_than_fill_the_queue_unseen(
    kit_database: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = core(kit_database, outside.url, [])

    async def broken(*_: object, **__: object) -> None:
        raise TypeError("a bug of the kit's own")

    monkeypatch.setattr("servicekit.obeying.CommandHandling.decide", broken)
    task = asyncio.create_task(service.run())

    async def begun() -> bool:
        return service.consumption is not None and service.consumption.begun.is_set()

    await eventually(begun)
    await outside.say(start())
    done, _ = await asyncio.wait([task], timeout=8)
    assert done, "it lives on with a command that nobody answers"
    with pytest.raises(BaseExceptionGroup) as raised:
        await task
    assert raised.group_contains(TypeError, match="a bug of the kit's own")
