"""Receiving: FastStream as a thin seam, batches of what is in hand, one in flight per queue."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from contracts.topology import EXCHANGE
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

from servicekit import traced_messages
from servicekit.acknowledging import Acknowledging, is_stale
from servicekit.batches import Settle
from servicekit.errors import AWAY, BROKER_AWAY
from servicekit.logs import get_logger
from servicekit.messages import InvalidMessageError, hear
from servicekit.router import Handler, Hearing

log = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_BROKER_LIMIT_SECONDS = 5.0
_GOODBYE_SECONDS = 1.5
_INSTANCE_QUEUE_LENGTH = 2000


async def as_it_is(message: RabbitMessage) -> RabbitMessage:
    return message


class Handling(Protocol):
    """What a subscription hands its batches to."""

    queue: str

    @property
    def most(self) -> int: ...

    async def handle(self, raws: Sequence[Any], settle: Settle) -> None: ...


class Subscription:
    """One durable queue: gathers what arrives while a batch is in flight, hands on at most `most` at once."""

    def __init__(
        self, broker: RabbitBroker, handling: Handling, infrastructure_answers: Callable[[], Awaitable[bool]]
    ) -> None:
        self._broker = broker
        self._handling = handling
        self._infrastructure_answers = infrastructure_answers
        self._gathered: deque[Any] = deque()
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._stopping = asyncio.Event()
        self._acknowledging = Acknowledging()
        self._pauses = 0
        self._cancelled = False
        self._consumer_tag: str | None = None
        self.consuming = False
        self._queue = RabbitQueue(handling.queue, queue_type=QueueType.QUORUM, durable=True, declare=False)
        self._subscriber = broker.subscriber(
            self._queue,
            channel=Channel(prefetch_count=2 * handling.most),
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
        # What still comes while paused is held: given back at once, it would come at once again, a hundred times.
        if self.consuming and not self._stopping.is_set():
            self._arrived.set()

    def begin(self) -> None:
        """Take what arrives from now on; to be called before the broker starts."""
        self.consuming = True

    async def run(self) -> None:
        """Handle batches until `stop`; what no batch may raise it raises: a bug must not leave a queue unserved."""
        # FastStream has no public way to cancel and resume a consumer without dropping what comes meanwhile.
        self._consumer_tag = self._subscriber._consumer_tag
        while not self._stopping.is_set():
            await self._arrived.wait()
            batch = self._next_batch()
            if not batch:
                continue
            self._idle.clear()
            try:
                await self._handle(batch)
            finally:
                self._idle.set()

    def _next_batch(self) -> list[Any]:
        batch: list[Any] = []
        while self._gathered and len(batch) < self._handling.most:
            raw = self._gathered.popleft()
            # What came over a channel that is gone comes again, and could not be acknowledged.
            if not is_stale(raw):
                batch.append(raw)
        if not self._gathered:
            self._arrived.clear()
        return batch

    async def _handle(self, batch: Sequence[Any]) -> None:
        held = {id(raw): raw for raw in batch}

        async def settle(raws: Sequence[Any]) -> None:
            await self._acknowledging.acknowledge(raws)
            for raw in raws:
                held.pop(id(raw), None)

        try:
            await self._handling.handle(batch, settle)
        except AWAY as error:
            self._pauses += 1
            log.warning("receiving.paused", queue=self.queue, pauses=self._pauses, error=repr(error))
            await self._give_back(list(held.values()))
            await self._resume_when_infrastructure_answers()
        else:
            self._pauses = 0
            # What the time did not suffice for comes again.
            await self._reject(list(held.values()))

    async def _give_back(self, held: Sequence[Any]) -> None:
        self.consuming = False
        self._cancelled = await self._cancel_consumer()
        if self._cancelled:
            held = [*held, *self._gathered]
            self._gathered.clear()
        await self._reject(held)

    async def _reject(self, raws: Sequence[Any]) -> None:
        try:
            await self._acknowledging.reject(raws)
        except BROKER_AWAY as error:
            log.info("receiving.gone_with_its_channel", queue=self.queue, error=repr(error))

    async def _cancel_consumer(self, seconds: float | None = None) -> bool:
        """Whether nothing comes any more."""
        if self._consumer_tag is None:
            return True
        try:
            async with asyncio.timeout(seconds or _BROKER_LIMIT_SECONDS):
                queue = await self._broker.declare_queue(self._queue)
                await queue.cancel(self._consumer_tag)
        except BROKER_AWAY as error:
            # The consumer went with its channel, and is not brought back: aio-pika forgot it before it asked.
            log.info("receiving.cancel_failed", queue=self.queue, error=repr(error))
            return not isinstance(error, TimeoutError)
        return True

    async def _resume_when_infrastructure_answers(self) -> None:
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(self._pauses - 1, 10), _LONGEST_PAUSE_SECONDS)
        while not await self._stops_within(pause):
            pause = _FIRST_PAUSE_SECONDS
            if not self._cancelled:
                await self._give_back([])
            elif await self._infrastructure_answers() and await self._consume_again():
                log.info("receiving.resumed", queue=self.queue)
                return

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True

    async def _consume_again(self) -> bool:
        if self._stopping.is_set():
            return False
        self.consuming = True
        try:
            async with asyncio.timeout(_BROKER_LIMIT_SECONDS):
                queue = await self._broker.declare_queue(self._queue)
                await queue.consume(self._subscriber.consume, consumer_tag=self._consumer_tag)  # type: ignore[arg-type]
        except BROKER_AWAY as error:
            log.info("receiving.still_away", queue=self.queue, error=repr(error))
            await self._give_back([])
            return False
        if self._stopping.is_set():
            # `stop` has cancelled the consumer before this one was there.
            await self._give_back([])
            return False
        return True

    async def stop(self) -> None:
        """Take no more, and wait until what is in hand is done."""
        self._stopping.set()
        # At once: a broker that does not answer must not use up the time that the batch in hand needs.
        await asyncio.gather(self._cancel_consumer(_GOODBYE_SECONDS), self._idle.wait())
        held, self._gathered = list(self._gathered), deque()
        await self._reject(held)


def overhear(broker: RabbitBroker, service: str, instance_id: str, hearing: Hearing, handler: Handler) -> None:
    """Hear a topic on a queue of this instance alone: classic, exclusive, short, and best effort."""

    queue = f"{service}.live.{instance_id}.{hearing.message.topic}"

    async def take(message: RabbitMessage) -> None:
        try:
            heard = hear(message.raw_message, hearing.message)
        except InvalidMessageError as error:
            log.warning("overhearing.invalid", topic=hearing.message.topic, error=str(error)[:500])
            return
        try:
            with traced_messages.processing(queue, [heard]) as placed:
                await handler(placed[0])
        except Exception:
            # A shortcut that fails is a bug to be seen, and no loss: the truth comes by the durable queue.
            log.exception("overhearing.failed", topic=hearing.message.topic, message_id=str(heard.message_id))

    broker.subscriber(
        RabbitQueue(
            queue,
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
