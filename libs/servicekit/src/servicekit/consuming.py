"""All that one process consumes: subscriptions, commands, dead letters, instance queues, replies."""

import asyncio
from typing import TYPE_CHECKING

import aio_pika
import aiormq.exceptions
from contracts.topology import queues_of
from faststream.rabbit import RabbitBroker

from servicekit.batches import BatchHandling
from servicekit.dead_letters import move_dead_letters
from servicekit.errors import BROKER_AWAY
from servicekit.logs import get_logger
from servicekit.obeying import CommandSubscription
from servicekit.receiving import Subscription, overhear

if TYPE_CHECKING:
    from servicekit.service import Service

log = get_logger(__name__)

_WAIT_SECONDS = 1.0
_GRACE_SECONDS = 5.0


class Consumption:
    """Waits for the broker and the topology, then consumes until stopped."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self.has_begun = False
        self._broker = RabbitBroker(
            service.settings.service_rabbitmq_url,
            app_id=service.name,
            graceful_timeout=_GRACE_SECONDS,
            logger=None,
            apply_types=False,
            reconnect_interval=1.0,
        )
        self._subscriptions: list[Subscription] = []
        self._commands: list[CommandSubscription] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._register()

    def _register(self) -> None:
        service = self._service
        for hearing in service.hearings():
            queue = f"{service.name}.{hearing.message.topic}"
            handling = BatchHandling(queue, hearing, hearing.handler, service.database, service.aside)
            self._subscriptions.append(Subscription(self._broker, handling, service.database))
        for decision in service.command_handlings():
            queue = f"{service.name}.{decision.obeying.message.topic}"
            self._commands.append(CommandSubscription(self._broker, queue, decision, service.publisher))
        for hearing in service.overhearings():
            overhear(self._broker, service.name, service.settings.instance_id, hearing, hearing.handler)
        for owned in queues_of(service.name):
            if owned.dead_letter_queue is not None:
                move_dead_letters(self._broker, owned.name, owned.dead_letter_queue, service.aside)
        if service.commands is not None:
            service.commands.listen(self._broker)

    async def run(self) -> None:
        """Begin when everything is there, then handle what comes; ends only by cancellation."""
        await self._wait_for_topology()
        while True:
            try:
                await self._broker.start()
            except BROKER_AWAY as error:
                log.warning("broker.waiting", error=repr(error)[:500])
                await asyncio.sleep(_WAIT_SECONDS)
            else:
                break
        for command in self._commands:
            command.consuming = True
        if self._service.commands is not None:
            self._service.commands.listening = True
        self.has_begun = True
        log.info("consuming.begun", queues=[subscription.queue for subscription in self._subscriptions])
        async with asyncio.TaskGroup() as group:
            self._tasks = [group.create_task(subscription.run()) for subscription in self._subscriptions]

    async def _wait_for_topology(self) -> None:
        wanted = [queue.name for queue in queues_of(self._service.name)]
        while True:
            try:
                missing = await missing_queues(self._service.settings.service_rabbitmq_url, wanted)
            except BROKER_AWAY as error:
                log.warning("broker.waiting", error=repr(error)[:500])
            else:
                if not missing:
                    return
                log.warning("topology.missing", queues=missing, advice="run `webinarctl provision`")
            await asyncio.sleep(_WAIT_SECONDS)

    async def stop(self) -> None:
        """Cancel the consumers, finish what is in hand, close the connection."""
        if not self.has_begun:
            return
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await asyncio.gather(
                    *(subscription.stop() for subscription in self._subscriptions),
                    *(command.stop() for command in self._commands),
                )
        except TimeoutError:
            log.warning("consuming.unfinished", advice="what was in hand comes again")
        for task in self._tasks:
            task.cancel()
        try:
            await self._broker.stop()
        except BROKER_AWAY as error:
            log.info("broker.gone", error=repr(error))


async def missing_queues(url: str, wanted: list[str]) -> list[str]:
    """Return which queues are not declared; raises one of `BROKER_AWAY`."""
    connection = await aio_pika.connect(url, timeout=5)
    missing = []
    async with connection:
        for name in wanted:
            # A passive declaration of what is missing closes the channel, so each has one of its own.
            channel = await connection.channel()
            try:
                await channel.declare_queue(name, passive=True)
            except aiormq.exceptions.ChannelNotFoundEntity:
                missing.append(name)
            finally:
                if not channel.is_closed:
                    await channel.close()
    return missing
