"""All that one process consumes: subscriptions, commands, dead letters, instance queues, replies."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import aio_pika
import aiormq.exceptions
from contracts.topology import DELAY_SECONDS, delay_exchange, queues_of
from faststream.rabbit import RabbitBroker

from servicekit.batches import BatchHandling
from servicekit.errors import BROKER_AWAY, is_broker_away
from servicekit.lenient_frames import read_leniently
from servicekit.logs import get_logger
from servicekit.obeying import CommandSubscription
from servicekit.publisher import open_channel, with_heartbeat
from servicekit.receiving import Handling, Subscription, overhear
from servicekit.setting_aside import Burial
from servicekit.stopping import cancelled, finished

if TYPE_CHECKING:
    from servicekit.service import Service

log = get_logger(__name__)

_WAIT_SECONDS = 1.0
_LOOK_SECONDS = 15.0
_GRACE_SECONDS = 3.0
_CLOSING_SECONDS = 2.0
_CANCEL_SECONDS = 0.3
_LEAST_SECONDS = 0.05
# Of a stop, what is left for the connection once all consumers have ended.
_GOODBYE_SECONDS = 0.7
_BEGINNING_TROUBLE: tuple[type[BaseException], ...] = (RuntimeError, *BROKER_AWAY)
_CLOSING_TROUBLE: tuple[type[BaseException], ...] = (ExceptionGroup, *BROKER_AWAY)


class Consumption:
    """Waits for the broker and the topology, then consumes until stopped."""

    def __init__(self, service: "Service") -> None:
        read_leniently()
        self._service = service
        self.begun = asyncio.Event()
        self._broker = RabbitBroker(
            with_heartbeat(service.settings.service_rabbitmq_url),
            app_id=service.name,
            graceful_timeout=_GRACE_SECONDS,
            logger=None,
            apply_types=False,
            reconnect_interval=1.0,
        )
        self._connection: aio_pika.abc.AbstractRobustConnection | None = None
        self._subscriptions: list[Subscription] = []
        self._commands: list[CommandSubscription] = []
        self._running: asyncio.Task[None] | None = None
        self._broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._register()

    def _register(self) -> None:
        service = self._service
        for hearing in service.hearings():
            queue = f"{service.name}.{hearing.message.topic}"
            self._subscribe(BatchHandling(queue, hearing, hearing.handler, service.database, service.aside))
        heard = {subscription.queue for subscription in self._subscriptions}
        obeyed = {f"{service.name}.{one.message.topic}" for one in service.router.obeyings}
        if unserved := {queue.name for queue in queues_of(service.name)} - heard - obeyed:
            log.warning("queues.unserved", queues=sorted(unserved))
        for owned in queues_of(service.name):
            if owned.dead_letter_queue is not None:
                self._subscribe(Burial(owned.name, owned.dead_letter_queue, service.aside))
        for decision in service.command_handlings():
            queue = f"{service.name}.{decision.obeying.message.topic}"
            self._commands.append(
                CommandSubscription(self._broker, queue, decision, service.publisher, self._break_down)
            )
        for hearing in service.overhearings():
            overhear(self._broker, service.name, service.settings.instance_id, hearing, hearing.handler)
        if service.commands is not None:
            service.commands.listen(self._broker)

    def _subscribe(self, handling: Handling) -> None:
        handling = self._service.receive_through(handling)
        self._subscriptions.append(Subscription(self._broker, handling, self._infrastructure_answers))

    async def _infrastructure_answers(self) -> bool:
        return await self._service.database.works() and await self._service.publisher.answers()

    def _break_down(self, error: Exception) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the broker now; one that is lost is made anew by itself."""
        return self.begun.is_set() and self._connection is not None and self._connection.connected.is_set()

    async def run(self) -> None:
        """Begin when everything is there, then handle what comes; ends only by cancellation or by a bug."""
        self._running = asyncio.current_task()
        await self._wait_for_topology()
        while not await self._begins():
            await asyncio.sleep(_WAIT_SECONDS)
        if self._service.commands is not None:
            self._service.commands.listening = True
        self.begun.set()
        log.info("consuming.begun", queues=[subscription.queue for subscription in self._subscriptions])
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_topology())
            for subscription in self._subscriptions:
                group.create_task(subscription.run())
            await self._broken

    async def _begins(self) -> bool:
        for subscription in self._subscriptions:
            subscription.begin()
        for subscriber in self._broker.subscribers:
            # FastStream drops, unacknowledged for ever, what arrives before its start has quite come to its end.
            subscriber.running = True
        try:
            self._connection = await self._broker.connect()
            await self._broker.start()
        except _BEGINNING_TROUBLE as error:
            if not is_broker_away(error):
                raise
            log.warning("broker.waiting", error=repr(error)[:500])
            # Some subscribers may have begun: the next attempt is to find none of them.
            await self._close()
            return False
        return True

    async def _wait_for_topology(self) -> None:
        while await self._missing() != []:
            await asyncio.sleep(_WAIT_SECONDS)

    async def _watch_topology(self) -> None:
        """Say what has vanished: a broker that came back empty takes connections, and nothing else tells.

        Consumers come back by themselves once it is there again.
        """
        complete = True
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            missing = await self._missing()
            if missing is not None:
                if not missing and not complete:
                    log.info("topology.complete")
                complete = not missing

    async def _missing(self) -> list[str] | None:
        """Return what is not declared, and say so; None where the broker is not reached."""
        queues = [name for queue in queues_of(self._service.name) for name in (queue.name, queue.dead_letter_queue)]
        wanted = [name for name in queues if name is not None]
        try:
            missing = await missing_topology(self._service.settings.service_rabbitmq_url, wanted)
        except BROKER_AWAY as error:
            log.warning("broker.waiting", error=repr(error)[:500])
            return None
        if missing:
            log.warning("topology.missing", names=missing, advice="run `webinarctl provision`")
        return missing

    async def stop(self, seconds: float) -> None:
        """Cancel the consumers, finish what is in hand, close the connection, all of it within so many seconds."""
        until = asyncio.get_running_loop().time() + seconds
        if self.begun.is_set():
            ending = [
                *(subscription.stop() for subscription in self._subscriptions),
                *(command.stop() for command in self._commands),
            ]
            # Together, not one by one: each may have to wait for a broker that says nothing.
            if not await finished("what is in hand", _all(ending), max(0.0, seconds - _GOODBYE_SECONDS)):
                log.warning("consuming.unfinished", advice="what was in hand comes again")
        if self._running is not None:
            await cancelled([self._running], _CANCEL_SECONDS, insist=True)
        await self._close(until - asyncio.get_running_loop().time())

    async def _close(self, seconds: float = _CLOSING_SECONDS) -> None:
        connection, self._connection = self._connection, None
        # FastStream leaves the connection open when a silent broker does not answer the first of its goodbyes.
        goodbyes: list[Callable[[], Awaitable[object]]] = [self._broker.stop]
        if connection is not None:
            goodbyes.append(connection.close)
        for goodbye in goodbyes:
            try:
                async with asyncio.timeout(max(_LEAST_SECONDS, seconds / len(goodbyes))):
                    await goodbye()
            except _CLOSING_TROUBLE as error:
                log.info("broker.gone", error=repr(error)[:500])


async def _all(work: Sequence[Awaitable[object]]) -> None:
    await asyncio.gather(*work)


async def missing_topology(url: str, queues: list[str]) -> list[str]:
    """Return which queues and delay exchanges are not declared; raises one of `BROKER_AWAY`."""
    delays = [delay_exchange(level) for level in range(1, len(DELAY_SECONDS) + 1)]
    connection = await aio_pika.connect(url, timeout=5)
    missing = []
    async with connection:
        for name in [*queues, *delays]:
            # A passive declaration of what is missing closes the channel, so each has one of its own.
            channel = await open_channel(connection)
            try:
                if name in delays:
                    await channel.declare_exchange(name, passive=True)
                else:
                    await channel.declare_queue(name, passive=True)
            except aiormq.exceptions.ChannelNotFoundEntity:
                missing.append(name)
            finally:
                if not channel.is_closed:
                    await channel.close()
    return missing
