"""Receiving: FastStream as a thin seam, batches of what is in hand, one in flight per queue."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from contracts.topology import EXCHANGE
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

from servicekit.batches import AWAY, BatchHandling
from servicekit.database import Database
from servicekit.errors import BROKER_AWAY
from servicekit.logs import get_logger
from servicekit.messages import InvalidMessageError, hear
from servicekit.router import Handler, Hearing

log = get_logger(__name__)

_PROBE_SECONDS = 0.5
_INSTANCE_QUEUE_LENGTH = 2000


async def as_it_is(message: RabbitMessage) -> RabbitMessage:
    return message


class Subscription:
    """One durable queue: gathers what arrives while a batch is in flight, hands on at most `batch` at once."""

    def __init__(self, broker: RabbitBroker, handling: BatchHandling, database: Database) -> None:
        self._handling = handling
        self._database = database
        self._gathered: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = False
        self.consuming = False
        batch = handling.hearing.batch
        self._subscriber = broker.subscriber(
            RabbitQueue(handling.queue, queue_type=QueueType.QUORUM, durable=True, declare=False),
            channel=Channel(prefetch_count=2 * batch),
            ack_policy=AckPolicy.MANUAL,
            decoder=as_it_is,
            no_reply=True,
        )
        self._subscriber(self._take)

    @property
    def queue(self) -> str:
        return self._handling.queue

    async def _take(self, message: RabbitMessage) -> None:
        self._gathered.append(message.raw_message)
        self._arrived.set()

    async def run(self) -> None:
        """Handle batches until `stop`."""
        self.consuming = True
        while not self._stopping:
            await self._arrived.wait()
            batch = self._next_batch()
            if not batch:
                continue
            self._idle.clear()
            try:
                await self._handling.handle(batch)
            except AWAY as error:
                log.warning("receiving.paused", queue=self.queue, error=repr(error))
                await self._give_back(batch)
                await self._wait_for_infrastructure()
            else:
                await _settle(batch)
            finally:
                self._idle.set()

    def _next_batch(self) -> list[Any]:
        size = min(len(self._gathered), self._handling.hearing.batch)
        batch = [self._gathered.popleft() for _ in range(size)]
        if not self._gathered:
            self._arrived.clear()
        return batch

    async def _give_back(self, batch: Sequence[Any]) -> None:
        self.consuming = False
        await self._cancel_consumer()
        held = [*batch, *self._gathered]
        self._gathered.clear()
        for raw in held:
            try:
                # Reject, not nack: every broker version counts it, so that nothing loops for ever.
                await raw.reject(requeue=True)
            except BROKER_AWAY:
                log.info("receiving.gone_with_its_channel", queue=self.queue)
                return

    async def _cancel_consumer(self) -> None:
        try:
            await self._subscriber.stop()
        except BROKER_AWAY as error:
            log.info("receiving.cancel_failed", queue=self.queue, error=repr(error))

    async def _wait_for_infrastructure(self) -> None:
        while not self._stopping:
            await asyncio.sleep(_PROBE_SECONDS)
            if not await self._database.answers():
                continue
            try:
                await self._subscriber.start()
            except BROKER_AWAY as error:
                log.info("receiving.still_away", queue=self.queue, error=repr(error))
                continue
            self.consuming = True
            log.info("receiving.resumed", queue=self.queue)
            return

    async def stop(self) -> None:
        """Take no more, and wait until what is in hand is done."""
        self._stopping = True
        await self._cancel_consumer()
        await self._idle.wait()
        self.consuming = False
        held, self._gathered = list(self._gathered), deque()
        for raw in held:
            try:
                await raw.reject(requeue=True)
            except BROKER_AWAY:
                return


async def _settle(batch: Sequence[Any]) -> None:
    """Acknowledge a batch that is done, together per channel: it is the oldest that the channel holds."""
    last_of_channel: dict[int, Any] = {}
    for raw in batch:
        last_of_channel[id(raw.channel)] = raw
    for raw in last_of_channel.values():
        try:
            await raw.ack(multiple=True)
        except BROKER_AWAY as error:
            # The channel is gone: the messages come again, and their effects are there already.
            log.info("receiving.not_acknowledged", error=repr(error))


def overhear(broker: RabbitBroker, service: str, instance_id: str, hearing: Hearing, handler: Handler) -> None:
    """Hear a topic on a queue of this instance alone: classic, exclusive, short, and best effort."""

    async def take(message: RabbitMessage) -> None:
        try:
            heard = hear(message.raw_message, hearing.message)
        except InvalidMessageError as error:
            log.warning("overhearing.invalid", topic=hearing.message.topic, error=str(error)[:500])
            return
        await handler(heard)

    broker.subscriber(
        RabbitQueue(
            f"{service}.live.{instance_id}.{hearing.message.topic}",
            queue_type=QueueType.CLASSIC,
            durable=False,
            exclusive=True,
            auto_delete=True,
            routing_key=hearing.message.topic,
            arguments={"x-max-length": _INSTANCE_QUEUE_LENGTH, "x-overflow": "drop-head"},
        ),
        RabbitExchange(EXCHANGE, type=ExchangeType.TOPIC, durable=True, declare=False),
        channel=Channel(prefetch_count=1),
        ack_policy=AckPolicy.ACK,
        decoder=as_it_is,
        no_reply=True,
    )(take)
