"""Provisioning: repeatable, correcting, and no right more than the table gives."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import uuid4

import aio_pika
import aiormq.exceptions
import pytest
from contracts import AccountEvent, WebinarEvent
from contracts.examples import example
from contracts.topology import (
    DEAD_EXCHANGE,
    DELAY_SECONDS,
    EXCHANGE,
    POST_WEBINAR,
    REPLY_EXCHANGE,
    RETURN_EXCHANGE,
    ROOM_UI,
    SERVICES,
    TOPICS,
    delay_exchange,
    queues_of,
)
from servicekit import Heard, Router, Service, ServiceSettings, Work
from servicekit.dead_letters import read_dead_letters
from servicekit.live_testing import Outside, running
from servicekit.management import ProvisioningError
from servicekit.provision import provision_topology
from servicekit.testing import SIGNING_KEY, eventually

RETRY_SCALE = 0.001


class Attempts:
    """One connection of one user; each attempt has a channel of its own."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection) -> None:
        self._connection = connection

    async def _refused(self, attempt: Callable[[aio_pika.abc.AbstractChannel], Awaitable[None]]) -> bool:
        channel = await self._connection.channel()
        try:
            await attempt(channel)
        except aiormq.exceptions.ChannelAccessRefused:
            return True
        finally:
            if not channel.is_closed:
                await channel.close()
        return False

    async def may_write(self, exchange: str, key: str) -> bool:
        async def publish(channel: aio_pika.abc.AbstractChannel) -> None:
            found = channel.default_exchange if not exchange else await channel.get_exchange(exchange, ensure=False)
            await found.publish(aio_pika.Message(b"{}"), key, mandatory=False)

        return not await self._refused(publish)

    async def may_read(self, queue: str) -> bool:
        async def consume(channel: aio_pika.abc.AbstractChannel) -> None:
            found = await channel.get_queue(queue, ensure=False)
            await found.get(fail=False, no_ack=True)

        return not await self._refused(consume)

    async def may_overhear(self, queue: str, exchange: str, key: str) -> bool:
        async def bind(channel: aio_pika.abc.AbstractChannel) -> None:
            found = await channel.declare_queue(queue, exclusive=True, auto_delete=True)
            await found.bind(exchange, key)
            await found.delete()

        return not await self._refused(bind)

    async def may_declare(self, name: str) -> bool:
        async def declare(channel: aio_pika.abc.AbstractChannel) -> None:
            await channel.declare_queue(name, durable=True)

        return not await self._refused(declare)


async def test_each_service_writes_its_own_topics_and_reads_its_own_queues_alone(
    users: Callable[[str], str], outside: Outside
) -> None:
    await outside.turn_away()
    every_queue = [queue for service in SERVICES for queue in queues_of(service)]
    for service in SERVICES:
        async with await aio_pika.connect(users(service)) as connection:
            attempts = Attempts(connection)
            for topic in TOPICS:
                may = await attempts.may_write(EXCHANGE, topic.name)
                assert may == (service in topic.said_by), (service, "writes", topic.name)
            for queue in every_queue:
                may = await attempts.may_read(queue.name)
                assert may == (queue.service == service), (service, "reads", queue.name)
                may = await attempts.may_write(delay_exchange(1), queue.name)
                assert may == (queue.service == service), (service, "delays", queue.name)
            for name in ("", RETURN_EXCHANGE, DEAD_EXCHANGE, "amq.topic", "amq.direct"):
                assert not await attempts.may_write(name, f"{service}.webinar_event"), (service, "writes to", name)
            assert await attempts.may_write(REPLY_EXCHANGE, "reply.somebody")
            assert not await attempts.may_write(REPLY_EXCHANGE, "webinar_event")
            for level in range(1, len(DELAY_SECONDS) + 1):
                assert not await attempts.may_read(delay_exchange(level)), (service, "reads", level)
            for name in (f"{service}.mine", "other", f"{service}.webinar_event"):
                assert not await attempts.may_declare(name), (service, "declares", name)


async def test_only_room_ui_s_instances_have_queues_of_their_own(users: Callable[[str], str]) -> None:
    for service in SERVICES:
        async with await aio_pika.connect(users(service)) as connection:
            attempts, its_own = Attempts(connection), service == ROOM_UI
            live = f"{service}.live.one.webinar_event"
            assert await attempts.may_overhear("reply.one", REPLY_EXCHANGE, "reply.one") == its_own
            assert await attempts.may_overhear(live, EXCHANGE, "webinar_event") == its_own
            assert not await attempts.may_overhear(live, EXCHANGE, "account_event")
            assert not await attempts.may_overhear(live, EXCHANGE, "core_webinar_set_status")
            assert not await attempts.may_overhear(live, EXCHANGE, "#")


async def test_with_its_own_users_a_service_has_every_right_that_it_needs(
    users: Callable[[str], str], servers: Any, kit_database: str, outside: Outside
) -> None:
    """room-ui has instance queues, replies, delays, dead letters and an outbox: all of the rights there are."""
    overheard, attempts = asyncio.Event(), []
    router = Router(ROOM_UI)

    @router.overhears(WebinarEvent)
    async def refresh(heard: Heard[WebinarEvent]) -> None:
        overheard.set()

    @router.hears(WebinarEvent)
    async def project(webinars: Sequence[Heard[WebinarEvent]], work: Work) -> None:
        attempts.append(webinars[0].attempt)
        if len(attempts) < 2:
            raise RuntimeError("delay it, please")
        work.announce(AccountEvent.from_json(example(AccountEvent.topic)))

    service = Service(
        ROOM_UI,
        settings=ServiceSettings(
            service_database_url=kit_database,
            service_rabbitmq_url=users(ROOM_UI),
            ops_port=0,
            instance_id="least-privilege",
        ),
        router=router,
        migrations=None,
        command_signing_key=SIGNING_KEY,
    )
    async with running(service):
        await outside.say(WebinarEvent.from_json(example(WebinarEvent.topic)))
        await outside.say(WebinarEvent.from_json(example(WebinarEvent.topic)), body=b"{")
        await outside.listener.until(AccountEvent.topic)
        await overheard.wait()
        assert attempts == [0, 1]
        dead = await outside.channel.get_exchange(DEAD_EXCHANGE, ensure=False)
        await dead.publish(aio_pika.Message(b"{}", message_id=str(uuid4())), "room-ui.webinar_event")

        async def both_dead() -> bool:
            return {letter.reason for letter in await read_dead_letters(service.database)} == {
                "invalid",
                "dead-lettered",
            }

        await eventually(both_dead, what="the dead letters of service and broker")
        assert await service.publisher.answers()


async def test_provisioning_again_changes_nothing(topology: str, outside: Outside) -> None:
    await outside.turn_away()
    await outside.say(AccountEvent.from_json(example(AccountEvent.topic)))
    await provision_topology(topology, retry_scale=RETRY_SCALE)
    assert await outside.waiting("post-webinar.account_event") == 1


async def test_a_queue_that_was_declared_otherwise_is_corrected_unless_it_holds_something(fresh_vhost: str) -> None:
    await provision_topology(fresh_vhost, services=(POST_WEBINAR,))
    async with Outside.on(fresh_vhost) as outside:
        await provision_topology(fresh_vhost, retry_scale=0.001, services=(POST_WEBINAR,))
        exchange = await outside.channel.get_exchange(delay_exchange(3), ensure=False)
        await exchange.publish(aio_pika.Message(b"{}"), "post-webinar.account_event")

        async def delayed_by_the_new_time() -> bool:
            return await outside.waiting("post-webinar.account_event") == 1

        await eventually(delayed_by_the_new_time)
        [queue] = [one for one in queues_of(POST_WEBINAR) if one.topic.message is AccountEvent]
        held = await outside.channel.get_queue(queue.name)
        await held.delete(if_unused=False, if_empty=False)
        await outside.channel.declare_queue(queue.name, durable=True)
        await outside.channel.default_exchange.publish(aio_pika.Message(b"keep me"), queue.name)
        with pytest.raises(ProvisioningError, match=queue.name):
            await provision_topology(fresh_vhost, retry_scale=0.001, services=(POST_WEBINAR,))
        assert await outside.waiting(queue.name) == 1
