"""Catching up: queues that were not there get from the history what was said meanwhile; nobody else hears it again."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import aio_pika
import aiormq.exceptions
from contracts.topology import RETURN_EXCHANGE, SERVICES, Queue, queues_of

from servicekit.errors import ServicekitError, is_broker_away
from servicekit.history import Incoming, Start, first_kept, offset_of, read_history
from servicekit.publisher import PUBLISH_LIMIT_SECONDS, Link, open_channel
from servicekit.refusals import tells_of_a_full_queue

OFFSET_HEADER = "history_offset"
"""Marks a repetition from the history, with its number there."""
_IN_FLIGHT = 200
_ROUTES_ELSEWHERE = frozenset({"CC", "BCC"})
_INSTEAD = {
    "snapshot": "`webinarctl snapshots {topic}` lets its owner announce all of it again",
    "command": "whoever asked was told long ago that nothing was done",
    "signal": "it is told again by itself",
    "fact": "what is said while the queue is missing waits in the outbox of its service, and needs nothing",
}


class CatchUpError(ServicekitError):
    """The history, or the queue, does not allow it; the words say what to do."""


@dataclass
class Part:
    """What one queue is to get, and when the first and the last of it were said."""

    queue: str
    topic: str
    facts: int = 0
    first_said_at: datetime | None = None
    last_said_at: datetime | None = None

    def count(self, message: Incoming) -> None:
        self.facts += 1
        if message.timestamp is not None:
            self.first_said_at = min(self.first_said_at or message.timestamp, message.timestamp)
            self.last_said_at = max(self.last_said_at or message.timestamp, message.timestamp)


@dataclass(frozen=True)
class Missed:
    """What was found in the history: for which queues, and between which numbers."""

    parts: Sequence[Part]
    first: int = -1
    last: int = -1

    @property
    def facts(self) -> int:
        return sum(part.facts for part in self.parts)


@dataclass
class Given:
    """How far it has come: so many repetitions were confirmed, and from this number on it is not known."""

    facts: int = 0
    go_on_from: int | None = None
    told: Callable[[int], object] = field(default=lambda _: None)


@dataclass(frozen=True)
class Wanted:
    """Which queues are to get what: each its own topic, of what was said before a moment."""

    queues: tuple[Queue, ...]
    until: datetime | None = None

    def queues_for(self, message: Incoming) -> Iterator[Queue]:
        """Yield the queues that are to get this message; one that does not say its time is given."""
        if self.until is None or message.timestamp is None or message.timestamp < self.until:
            yield from (queue for queue in self.queues if queue.topic.name == message.routing_key)


def queue_named(name: str) -> Queue:
    """Return the queue of this name; raises `CatchUpError` where the history holds nothing for it."""
    known = {queue.name: queue for service in SERVICES for queue in queues_of(service)}
    found = known.get(name)
    if found is None:
        those = ", ".join(sorted(one.name for one in known.values() if one.topic.public))
        raise CatchUpError(f"No service has a queue {name}; these can catch up: {those}")
    if not found.topic.public:
        instead = _INSTEAD[found.topic.kind].format(topic=found.topic.name)
        raise CatchUpError(f"The history holds no {found.topic.name}: it is internal. Instead, {instead}.")
    return found


async def refuse_without(connection: aio_pika.abc.AbstractConnection, queues: Sequence[Queue]) -> None:
    """Raise `CatchUpError` unless all of these queues are there."""
    missing = []
    for queue in queues:
        # The broker answers by closing the channel.
        channel = await open_channel(connection)
        try:
            await channel.declare_queue(queue.name, passive=True)
            await channel.close()
        except aiormq.exceptions.ChannelNotFoundEntity:
            missing.append(queue.name)
    if missing:
        raise CatchUpError(f"There is no {' and no '.join(missing)}: run `webinarctl provision` first.")


async def refuse_before_its_beginning(
    connection: aio_pika.abc.AbstractConnection, start: Start, since: datetime | None
) -> None:
    """Raise `CatchUpError` where the history has forgotten, or never had, what is asked for."""
    first = await first_kept(connection)
    if first is None:
        raise CatchUpError("The history is empty.")
    begins = first.timestamp
    too_early = since is not None and begins is not None and since.replace(microsecond=0) < begins
    if too_early or (isinstance(start, int) and start < offset_of(first)):
        when = f", said at {begins.astimezone():%Y-%m-%dT%H:%M:%S}" if begins is not None else ""
        raise CatchUpError(
            f"The history begins with number {offset_of(first)}{when}: what was said before is not in it. "
            "`--since first` gives what there is."
        )


async def look(connection: aio_pika.abc.AbstractConnection, wanted: Wanted, start: Start) -> Missed:
    """Return what these queues were to get since then, up to now; raises `HistoryError`, or one of `BROKER_AWAY`.

    A moment is one of the broker's taking, not of the saying: what waited in an outbox while a queue was missing was
    said long before.
    """
    parts = {queue.name: Part(queue.name, queue.topic.name) for queue in wanted.queues}
    first = last = -1
    async with aclosing(read_history(connection, start)) as messages:
        async for message in messages:
            for queue in wanted.queues_for(message):
                parts[queue.name].count(message)
                last = offset_of(message)
                first = last if first < 0 else first
    return Missed(list(parts.values()), first, last)


async def give_back(
    connection: aio_pika.abc.AbstractConnection, link: Link, wanted: Wanted, missed: Missed, given: Given
) -> None:
    """Give each queue its part once more, and wait until the broker has confirmed it.

    Broken off at any moment it may be repeated: by their keys of meaning repetitions change nothing. `given` tells how
    far it has come. Raises `CatchUpError`, `HistoryError`, or one of `BROKER_AWAY`.
    """
    if missed.first < 0:
        return
    given.go_on_from = missed.first
    batch: list[tuple[Queue, Incoming]] = []
    async with aclosing(read_history(connection, missed.first, last_wanted=missed.last)) as messages:
        async for message in messages:
            batch += [(queue, message) for queue in wanted.queues_for(message)]
            if len(batch) >= _IN_FLIGHT:
                await _give(link, batch, given)
                batch = []
    await _give(link, batch, given)
    given.go_on_from = None


async def _give(link: Link, batch: Sequence[tuple[Queue, Incoming]], given: Given) -> None:
    if not batch:
        return
    exchange = await link.exchange(RETURN_EXCHANGE)
    given.go_on_from = offset_of(batch[0][1])
    async with asyncio.timeout(PUBLISH_LIMIT_SECONDS):
        outcomes = await asyncio.gather(
            *(exchange.publish(repetition_of(message), queue.name, mandatory=True) for queue, message in batch),
            return_exceptions=True,
        )
    for (queue, _), outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            raise _in_words(queue, outcome) from outcome
    given.facts += len(batch)
    given.go_on_from = offset_of(batch[-1][1]) + 1
    given.told(len(batch))


def _in_words(queue: Queue, outcome: BaseException) -> BaseException:
    if tells_of_a_full_queue(outcome):
        return CatchUpError(f"{queue.name} has no room: start {queue.service}, and go on when it is empty.")
    if isinstance(outcome, aiormq.exceptions.DeliveryError):
        return CatchUpError(f"{queue.name} is not bound to {RETURN_EXCHANGE}: run `webinarctl provision`.")
    if isinstance(outcome, aiormq.exceptions.ChannelNotFoundEntity):
        return CatchUpError(f"There is no exchange {RETURN_EXCHANGE}: run `webinarctl provision`.")
    if isinstance(outcome, aiormq.exceptions.ChannelAccessRefused):
        return CatchUpError(
            f"This user may not write to {RETURN_EXCHANGE}: RABBITMQ_URL has to be the administrators'."
        )
    if isinstance(outcome, asyncio.CancelledError) or is_broker_away(outcome):
        # A connection that ends takes what is in flight with it, in one way or another.
        return ConnectionError(str(outcome) or "it has closed the connection")
    return outcome


def repetition_of(message: Incoming) -> aio_pika.Message:
    """Return a message as it was said, with its id, marked with its number in the history.

    Headers by which the broker would hand it to further queues stay behind.
    """
    headers = {
        name: value
        for name, value in message.headers.items()
        if name not in _ROUTES_ELSEWHERE and not name.startswith("x-")
    }
    return aio_pika.Message(
        message.body,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        type=message.type,
        app_id=message.app_id,
        timestamp=message.timestamp,
        headers={**headers, OFFSET_HEADER: offset_of(message)},
    )
