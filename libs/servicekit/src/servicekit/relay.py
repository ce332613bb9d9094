"""The relay: outbox rows, in order, to the broker with confirms; one per database."""

import asyncio
from typing import Any
from uuid import UUID

import aiormq.exceptions
from contracts import Envelope
from contracts.topology import EXCHANGE, TOPIC_OF

from servicekit import metrics
from servicekit.clock import HouseClock
from servicekit.database import connect
from servicekit.errors import BROKER_AWAY, DATABASE_TROUBLE, BrokerAwayError
from servicekit.logs import get_logger
from servicekit.messages import wire_message
from servicekit.publisher import PUBLISH_LIMIT_SECONDS, Link

log = get_logger(__name__)

IN_FLIGHT = 500
PARK_AFTER = 5
_LOCK = 7_113_060_115
_BUSY_POLL_SECONDS = 0.1
_IDLE_POLL_SECONDS = 0.5
_PAUSE_AFTER_FAILURE_SECONDS = 1.0
_SELECT = """
select seq, message_id, exchange, routing_key, type, body, correlation_id, causation_id, schema_version, traceparent,
       created_at, attempts
from outbox where parked_at is null order by seq limit $1
"""
_REFUSED = """
update outbox set attempts = attempts + 1, last_error = refusal.error,
       parked_at = case when attempts + 1 >= $3 then clock_timestamp() end
from unnest($1::bigint[], $2::text[]) as refusal (seq, error)
where outbox.seq = refusal.seq returning outbox.seq, outbox.type, parked_at is not null as parked
"""
_INTERRUPTIONS: tuple[type[BaseException], ...] = (BrokerAwayError, *DATABASE_TROUBLE, *BROKER_AWAY)
_NEEDS_A_QUEUE = {topic.name for topic in TOPIC_OF.values() if topic.heard_by}


class Relay:
    """Publishes what transactions left in the outbox; deletes what the broker confirmed."""

    def __init__(self, database_url: str, broker_url: str, *, app_id: str, clock: HouseClock) -> None:
        self._database_url = database_url
        self._link = Link(broker_url)
        self._app_id = app_id
        self._clock = clock
        self._wake = asyncio.Event()
        self.passed_at = 0.0
        """When the loop last came round, by the running event loop's time."""

    def wake(self) -> None:
        """Tell the relay that something was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; broker or database away is waited out."""
        while True:
            try:
                await self._lead()
            except _INTERRUPTIONS as error:
                log.warning("relay.interrupted", error=repr(error))
                await asyncio.sleep(_PAUSE_AFTER_FAILURE_SECONDS)

    async def _lead(self) -> None:
        connection = await connect(self._database_url)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                self.passed_at = asyncio.get_running_loop().time()
                await asyncio.sleep(_IDLE_POLL_SECONDS)
            while True:
                self._wake.clear()
                published = await self._pass_on(connection)
                self.passed_at = asyncio.get_running_loop().time()
                if published < IN_FLIGHT:
                    await self._rest(_BUSY_POLL_SECONDS if published else _IDLE_POLL_SECONDS)
        finally:
            # The session lock ends with the connection, whatever state it is in.
            connection.terminate()

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _pass_on(self, connection: Any) -> int:
        rows = await connection.fetch(_SELECT, IN_FLIGHT)
        if not rows:
            return 0
        async with asyncio.timeout(PUBLISH_LIMIT_SECONDS):
            outcomes = await asyncio.gather(*(self._publish(row) for row in rows), return_exceptions=True)
        confirmed = [row["seq"] for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
        await connection.execute("delete from outbox where seq = any($1::bigint[])", confirmed)
        metrics.RELAYED.inc(len(confirmed))
        refused = [(row, outcome) for row, outcome in zip(rows, outcomes, strict=True) if outcome is not None]
        if refused:
            await self._note_refusals(connection, refused, others_passed=bool(confirmed))
        return len(confirmed)

    async def _note_refusals(
        self, connection: Any, refused: list[tuple[Any, BaseException]], *, others_passed: bool
    ) -> None:
        by_broker = [
            (row["seq"], repr(error))
            for row, error in refused
            if isinstance(error, aiormq.exceptions.DeliveryError) or not isinstance(error, BROKER_AWAY)
        ]
        # A broker that takes nothing at all is away or full; only a row refused while others pass is at fault.
        if by_broker and others_passed:
            for noted in await connection.fetch(_REFUSED, *map(list, zip(*by_broker, strict=True)), PARK_AFTER):
                log.warning("relay.refused", seq=noted["seq"], type=noted["type"], parked=noted["parked"])
        error = refused[0][1]
        raise BrokerAwayError(f"{len(refused)} messages were not confirmed: {error!r}") from error

    async def _publish(self, row: Any) -> None:
        envelope = Envelope(
            message_id=UUID(bytes=row["message_id"].bytes),
            type=row["type"],
            app_id=self._app_id,
            timestamp=row["created_at"],
            correlation_id=row["correlation_id"],
            causation_id=row["causation_id"],
            schema_version=row["schema_version"],
            traceparent=row["traceparent"],
        )
        exchange = await self._link.exchange(row["exchange"])
        # A fact that nobody in the house hears is no error; one whose queue is missing must not be lost.
        mandatory = row["exchange"] != EXCHANGE or row["type"] in _NEEDS_A_QUEUE
        await exchange.publish(wire_message(row["body"], envelope), row["routing_key"], mandatory=mandatory)

    async def close(self) -> None:
        await self._link.close()
