"""The relay: outbox rows, in order, to the broker with confirms; one per database."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import aiormq.exceptions
from contracts import Envelope
from contracts.topology import EXCHANGE, TOPIC_OF

from servicekit import metrics, traced_messages
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.clock import HouseClock
from servicekit.database import connect
from servicekit.errors import BROKER_AWAY, DATABASE_TROUBLE, BrokerAwayError
from servicekit.logs import get_logger
from servicekit.messages import wire_message
from servicekit.parking import PARK_AFTER
from servicekit.publisher import PUBLISH_LIMIT_SECONDS, Link
from servicekit.refusals import FullQueues, Refusal, Way, tells_of_a_full_queue, wait_after

log = get_logger(__name__)

IN_FLIGHT = 500
_LOCK = 7_113_060_115
_BUSY_POLL_SECONDS = 0.1
_IDLE_POLL_SECONDS = 0.5
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
_SELECT = """
with oldest as (
    select (select min(seq) from outbox where (exchange, routing_key) = (way.exchange, way.routing_key)
            and parked_at is null and seq <> all($2::bigint[])) as seq
    from unnest($5::text[], $6::text[]) as way (exchange, routing_key))
select seq, message_id, exchange, routing_key, type, app_id, body, correlation_id, causation_id, schema_version,
       traceparent, coalesce(said_at, created_at) as said_at
from outbox
where parked_at is null and seq <> all($2::bigint[])
  and ((exchange, routing_key) not in (select * from unnest($3::text[], $4::text[])) or seq in (select seq from oldest))
order by seq limit $1
"""
_REFUSED = """
update outbox set attempts = attempts + 1, last_error = refusal.error,
       parked_at = case when attempts + 1 >= $3 then clock_timestamp() end
from unnest($1::bigint[], $2::text[]) as refusal (seq, error)
where outbox.seq = refusal.seq
returning outbox.seq, outbox.type, outbox.message_id, outbox.correlation_id, last_error, parked_at is not null as parked
"""
_INTERRUPTIONS: tuple[type[BaseException], ...] = (BrokerAwayError, *DATABASE_TROUBLE, *BROKER_AWAY)
_NEEDS_A_QUEUE = {topic.name for topic in TOPIC_OF.values() if topic.needs_a_queue}


@dataclass
class Pass:
    """What became of some rows: confirmed, refused by the broker one by one, or unknown because it is away."""

    confirmed: list[int] = field(default_factory=list)
    refused: dict[int, BaseException] = field(default_factory=dict)
    no_room: set[Way] = field(default_factory=set)
    passed: set[Way] = field(default_factory=set)
    unknown: list[Any] = field(default_factory=list)
    away: BaseException | None = None


class Relay:
    """Publishes what transactions left in the outbox; deletes what the broker confirmed."""

    def __init__(self, database_url: str, broker_url: str, *, app_id: str, clock: HouseClock) -> None:
        self._database_url = database_url
        self._link = Link(broker_url)
        self._app_id = app_id
        self._clock = clock
        self._wake = asyncio.Event()
        self._in_flight = IN_FLIGHT
        self._refusals: dict[int, Refusal] = {}
        """Rows that the broker refused, by their number."""
        self._full = FullQueues()
        self._confirmed = 0
        self._leads = False
        self._finishing = False
        self.passed_at = float("-inf")
        """When the loop last came round, by the running event loop's time."""

    def wake(self) -> None:
        """Tell the relay that something was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled, or told to finish; broker or database away is waited out."""
        while not self._finishing:
            try:
                await self._lead()
            except _INTERRUPTIONS as error:
                log.warning("relay.interrupted", error=repr(error))
                # Carefully at first: what a broker with an alarm does not confirm is sent again and again.
                self._in_flight = 1
                self._came_round()
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)

    def _came_round(self) -> None:
        self.passed_at = asyncio.get_running_loop().time()

    async def _lead(self) -> None:
        connection = await connect(self._database_url)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                self._came_round()
                await asyncio.sleep(_IDLE_POLL_SECONDS)
            self._leads = True
            while True:
                self._wake.clear()
                published = await self._pass_on(connection)
                self._came_round()
                if self._finishing and not published:
                    return
                full, self._in_flight = published == self._in_flight, IN_FLIGHT
                if not full:
                    await self._rest(_BUSY_POLL_SECONDS if published else _IDLE_POLL_SECONDS)
        finally:
            self._leads = False
            # The session lock ends with the connection, whatever state it is in; another instance may do better.
            connection.terminate()

    async def finish(self, running: "asyncio.Task[None]", seconds: float) -> None:
        """Let `run` end once the outbox is empty, for so many seconds at most.

        Cut off in mid-pass it would leave rows that were said already, and they would be said again.
        """
        if self._leads:
            self._finishing = True
            self._wake.set()
            await asyncio.wait([running], timeout=seconds)

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _pass_on(self, connection: Any) -> int:
        now = asyncio.get_running_loop().time()
        waiting = [seq for seq, refusal in self._refusals.items() if refusal.until > now]
        full, tried = self._full.all(), self._full.to_be_tried(now)
        ways = [[way[side] for way in some] for some in (full, tried) for side in (0, 1)]
        rows = await connection.fetch(_SELECT, self._in_flight, waiting, *ways)
        if not rows:
            self._refusals = {seq: refusal for seq, refusal in self._refusals.items() if seq in waiting}
            return 0
        made = await self._publish_together(rows)
        if made.away is None and made.unknown:
            await self._publish_singly(made)
        if made.confirmed:
            checkpoint(Checkpoint.PUBLISHED)
            await connection.execute("delete from outbox where seq = any($1::bigint[])", made.confirmed)
            metrics.RELAYED.inc(len(made.confirmed))
            self._confirmed += len(made.confirmed)
            for seq in made.confirmed:
                self._refusals.pop(seq, None)
        for way in made.passed - made.no_room:
            self._full.taken(way)
        for way in made.no_room:
            self._full.refused(way, asyncio.get_running_loop().time())
        if made.refused:
            await self._note_refusals(connection, made)
        if made.away is not None:
            raise BrokerAwayError(f"{len(rows) - len(made.confirmed)} messages were not confirmed: {made.away!r}")
        return len(made.confirmed)

    async def _publish_together(self, rows: Sequence[Any]) -> Pass:
        """Publish rows in order, all in flight at once."""
        made = Pass()
        # Connecting comes first, so that the rows go out in their order.
        await self._link.exchange(EXCHANGE)
        tasks = [asyncio.create_task(self._publish(row)) for row in rows]
        _, late = await asyncio.wait(tasks, timeout=PUBLISH_LIMIT_SECONDS)
        for task in late:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        silence = TimeoutError(f"not confirmed within {PUBLISH_LIMIT_SECONDS} s")
        outcomes = [silence if task in late else outcome for task, outcome in zip(tasks, ended, strict=True)]
        for row, outcome in zip(rows, outcomes, strict=True):
            if not _is_decided(made, row, outcome):
                made.unknown.append(row)
                if not _refuses_channel(outcome):
                    made.away = made.away or outcome
        if any(map(_refuses_channel, outcomes)):
            # One row's fault has closed the channel on its neighbours: each is tried by itself.
            made.away = None
        return made

    async def _publish_singly(self, made: Pass) -> None:
        """Publish what was not confirmed, one after the other, to find whose fault it is."""
        for row in made.unknown:
            try:
                async with asyncio.timeout(PUBLISH_LIMIT_SECONDS):
                    await self._publish(row)
            except Exception as error:  # noqa: BLE001 - sorted by what it says about the row
                if _is_decided(made, row, error):
                    continue
                if not _refuses_channel(error):
                    made.away = error
                    return
                made.refused[row["seq"]] = error
            else:
                _is_decided(made, row, None)

    async def _note_refusals(self, connection: Any, made: Pass) -> None:
        now = asyncio.get_running_loop().time()
        never = Refusal(0, now, self._confirmed - len(made.confirmed))
        counting: dict[int, BaseException] = {}
        for seq, error in made.refused.items():
            last = self._refusals.get(seq, never)
            self._refusals[seq] = Refusal(last.times + 1, now + wait_after(last.times + 1), self._confirmed)
            # Others need not pass at the same moment: a row that was refused is tried again by itself.
            if self._confirmed > last.confirmed:
                counting[seq] = error
        if not counting:
            # A broker that takes nothing at all is full or half set up; only a row refused while others pass is parked.
            log.warning("relay.refuses_all", rows=len(made.refused), error=repr(next(iter(made.refused.values()))))
            return
        noted = await connection.fetch(
            _REFUSED, list(counting), [repr(error)[:500] for error in counting.values()], PARK_AFTER
        )
        for row in noted:
            if row["parked"]:
                self._refusals.pop(row["seq"], None)
            log.warning(
                "relay.refused",
                seq=row["seq"],
                type=row["type"],
                message_id=str(row["message_id"]),
                correlation_id=row["correlation_id"],
                parked=row["parked"],
                error=row["last_error"],
            )

    async def _publish(self, row: Any) -> None:
        envelope = Envelope(
            message_id=UUID(bytes=row["message_id"].bytes),
            type=row["type"],
            app_id=row["app_id"] or self._app_id,
            timestamp=row["said_at"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            schema_version=row["schema_version"],
            traceparent=row["traceparent"],
        )
        # A fact that nobody in the house hears is no error; one whose queue is missing must not be lost.
        mandatory = row["exchange"] != EXCHANGE or row["type"] in _NEEDS_A_QUEUE
        with traced_messages.sending(row["exchange"], row["routing_key"], envelope):
            exchange = await self._link.exchange(row["exchange"])
            await exchange.publish(wire_message(row["body"], envelope), row["routing_key"], mandatory=mandatory)

    async def close(self) -> None:
        await self._link.close()


def _is_decided(made: Pass, row: Any, outcome: BaseException | None) -> bool:
    """Whether the broker's answer is about this very row; it is noted then."""
    way = (row["exchange"], row["routing_key"])
    if outcome is None:
        made.confirmed.append(row["seq"])
        made.passed.add(way)
    elif tells_of_a_full_queue(outcome):
        made.no_room.add(way)
    elif _refuses_one(outcome):
        made.refused[row["seq"]] = outcome
    else:
        return False
    return True


def _refuses_one(outcome: BaseException) -> bool:
    """Whether the broker gave this very message back, or it cannot be written to the wire at all."""
    return isinstance(outcome, aiormq.exceptions.DeliveryError) or not isinstance(
        outcome, (*BROKER_AWAY, asyncio.CancelledError)
    )


def _refuses_channel(outcome: BaseException | None) -> bool:
    """Whether the broker closed the channel over a message: forbidden, or to an exchange that is not there."""
    return isinstance(outcome, aiormq.exceptions.ChannelClosed)
