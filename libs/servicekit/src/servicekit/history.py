"""The history: a stream that keeps what was said in public, so that who comes late can read all of it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aio_pika
import aiormq.exceptions
from contracts.topology import EXCHANGE, HISTORY, public_topics

from servicekit.errors import ServicekitError
from servicekit.management import Management, ProvisioningError
from servicekit.publisher import open_channel

Incoming = aio_pika.abc.AbstractIncomingMessage
Heard = asyncio.Queue[Incoming | None]
Start = str | int | datetime
"""Where to begin: `first`, `last` (the last chunk), `next` (what comes from now on), an offset, or a moment."""

SEGMENT_BYTES = 20_000_000
"""The broker drops whole segments, never the one that is being written: some 20,000 facts."""
KEPT_DAYS = 90
KEPT_MEGABYTES = 2_000
POLICY = "webinars-history"
_PREFETCH = 500
_FIRST_SECONDS = 3.0
_CHUNK_SECONDS = 0.5
_STALLED_SECONDS = 30.0
_POLICY_PRIORITY = 10


class HistoryError(ServicekitError):
    """The history cannot be read."""


@dataclass(frozen=True)
class Kept:
    """How much of the history is kept; the broker forgets the oldest first, by whole segments."""

    days: int = KEPT_DAYS
    megabytes: int = KEPT_MEGABYTES


async def limit_history(management: Management, vhost: str, kept: Kept) -> None:
    """Say how much is kept.

    By a policy, not by arguments of the queue: those are fixed for ever, and a policy changes what is kept of a stream
    that is full already.
    """
    body = {
        "pattern": f"^{HISTORY.replace('.', '[.]')}$",
        "apply-to": "queues",
        "priority": _POLICY_PRIORITY,
        "definition": {"max-age": f"{kept.days}D", "max-length-bytes": kept.megabytes * 1_000_000},
    }
    await management.put("policies", vhost, POLICY, body=body)


async def declare_history(connection: aio_pika.abc.AbstractConnection, *, segment_bytes: int = SEGMENT_BYTES) -> None:
    """Declare the stream and bind it to all public facts; what is in it stays.

    Raises `ProvisioningError` for a queue of its name that is another. It is never made anew: all would be forgotten.
    """
    arguments: dict[str, Any] = {"x-queue-type": "stream", "x-stream-max-segment-size-bytes": segment_bytes}
    channel = await open_channel(connection)
    try:
        queue = await channel.declare_queue(HISTORY, durable=True, arguments=arguments)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        raise ProvisioningError(
            f"{HISTORY} was declared otherwise: if nothing of it is needed, delete it and provision again. ({error})"
        ) from error
    for topic in public_topics():
        await queue.bind(EXCHANGE, topic.name)
    await channel.close()


def offset_of(message: Incoming) -> int:
    """Return the number of a message in the stream; it grows by one from message to message."""
    offset = message.headers["x-stream-offset"]
    assert isinstance(offset, int)
    return offset


async def first_kept(connection: aio_pika.abc.AbstractConnection) -> Incoming | None:
    """Return the oldest message that is not forgotten; None when there is none. Raises as `read_history`."""
    async with _reading(connection, "first", 1) as heard:
        return await _next(heard, _FIRST_SECONDS)


async def read_history(
    connection: aio_pika.abc.AbstractConnection, start: Start, *, follow: bool = False, last_wanted: int | None = None
) -> AsyncGenerator[Incoming]:
    """Yield what was said, in the order in which the broker got it; ends at what was the last when it began.

    With `follow` it goes on until the connection is lost; it ends at the message of this number when it is known to be
    there. A moment is one of the broker's clock, and is found to the chunk: a little before it may come, too. Raises
    `HistoryError`, or one of `BROKER_AWAY`.
    """
    end = None if follow else last_wanted if last_wanted is not None else await _end(connection)
    if not follow and (end is None or (isinstance(start, int) and start > end)):
        return
    async with _reading(connection, start, _PREFETCH) as heard:
        last = -1
        while end is None or last < end:
            limit = None if follow else _FIRST_SECONDS if last < 0 else _STALLED_SECONDS
            message = await _next(heard, limit)
            if message is None and last >= 0:
                raise HistoryError(f"The broker stopped handing it out at offset {last} of {end}.")
            if message is None:
                # From there on nothing was said.
                return
            last = offset_of(message)
            if end is not None and last > end:
                return
            yield message


async def _end(connection: aio_pika.abc.AbstractConnection) -> int | None:
    """Return the offset of the last message; None when there is none."""
    clock, until = asyncio.get_running_loop().time, None
    last = None
    async with _reading(connection, "last", _PREFETCH) as heard:
        # The last chunk is handed out from its beginning; what is said meanwhile comes, too, and may never end.
        while message := await _next(heard, _FIRST_SECONDS if until is None else until - clock()):
            until = until or clock() + _CHUNK_SECONDS
            last = offset_of(message)
    return last


async def _next(heard: Heard, limit: float | None) -> Incoming | None:
    try:
        async with asyncio.timeout(limit):
            message = await heard.get()
    except TimeoutError:
        return None
    if message is None:
        raise ConnectionError("it has closed the connection")
    await message.ack()
    return message


@asynccontextmanager
async def _reading(connection: aio_pika.abc.AbstractConnection, start: Start, prefetch: int) -> AsyncIterator[Heard]:
    """Consume the stream while the block runs; None stands for the end of the channel.

    Not by aio-pika's iterator: that gives back what it has not handed out, and a broker closes the connection over a
    stream's message that is given back.
    """
    heard: Heard = asyncio.Queue()
    channel = await open_channel(connection)
    channel.close_callbacks.add(lambda *_: heard.put_nowait(None))
    await channel.set_qos(prefetch_count=prefetch)
    queue = await channel.get_queue(HISTORY, ensure=False)
    try:
        tag = await queue.consume(heard.put, arguments={"x-stream-offset": start})
    except aiormq.exceptions.ChannelNotFoundEntity as error:
        raise HistoryError(f"There is no {HISTORY}: run `webinarctl provision`.") from error
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise HistoryError(f"This user may not read {HISTORY}.") from error
    try:
        yield heard
    finally:
        if not channel.is_closed:
            await queue.cancel(tag)
            await channel.close()


def moment_before(moment: datetime) -> datetime:
    """Return from where to read to miss nothing that was said since a moment: the clocks may differ a little."""
    return moment - timedelta(minutes=1)
