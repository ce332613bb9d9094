"""What becomes of a message that failed: later, by the delay queues, or a row of the dead letters."""

import traceback
from typing import Any
from uuid import UUID

import aio_pika
from contracts import Envelope
from contracts.topology import DELAY_SECONDS, delay_exchange

from servicekit import metrics
from servicekit.database import Database
from servicekit.logs import get_logger
from servicekit.messages import ATTEMPT_HEADER, InvalidMessageError, attempt_of, envelope_of
from servicekit.publisher import Publisher

log = get_logger(__name__)

_INSERT_DEAD = """
insert into dead_letter (queue, type, message_id, correlation_id, app_id, headers, body, reason, error,
                         attempts, dead_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_REPLAY = """
with chosen as (delete from dead_letter where id = any($1::bigint[]) and queue = $2 returning *)
insert into outbox (message_id, exchange, routing_key, type, body, correlation_id, causation_id, schema_version,
                    traceparent, created_at)
select message_id::uuid, $3, queue, type, body, correlation_id, (headers->>'causation_id')::uuid,
       coalesce((headers->>'schema_version')::int, 1), headers->>'traceparent', dead_at
from chosen order by id returning message_id
"""


class SettingAside:
    """Moves failed messages of one service out of the way, without losing one."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def failed(self, queue: str, raw: aio_pika.abc.AbstractIncomingMessage, error: BaseException) -> None:
        """Delay the message to the next level, or bury it after the last one or when it is invalid for good.

        Raises `BrokerAwayError` or one of `DATABASE_AWAY`; the message is then still the broker's.
        """
        metrics.FAILED.labels(queue).inc()
        attempt = attempt_of(raw.headers)
        if isinstance(error, InvalidMessageError):
            await self.bury(queue, raw, reason="invalid", error=error)
        elif attempt >= len(DELAY_SECONDS):
            await self.bury(queue, raw, reason="failed", error=error)
        else:
            await self._delay(queue, raw, attempt, error)

    async def _delay(
        self, queue: str, raw: aio_pika.abc.AbstractIncomingMessage, attempt: int, error: BaseException
    ) -> None:
        level = attempt + 1
        envelope: Envelope = envelope_of(raw)
        await self._publisher.send(
            delay_exchange(level), queue, raw.body, envelope, headers={ATTEMPT_HEADER: attempt + 1}
        )
        metrics.DELAYED.labels(queue, str(level)).inc()
        log.warning(
            "message.delayed",
            queue=queue,
            level=level,
            message_id=str(raw.message_id),
            error=repr(error),
            exc_info=error,
        )

    async def bury(
        self, queue: str, raw: aio_pika.abc.AbstractIncomingMessage, *, reason: str, error: BaseException | str
    ) -> None:
        """Write the message to the dead letters; the caller acknowledges it then."""
        told = error if isinstance(error, str) else "".join(traceback.format_exception(error))
        async with self._database.work() as work:
            await work.connection.execute(
                _INSERT_DEAD,
                queue,
                _text(raw.type),
                _text(raw.message_id),
                _text(raw.correlation_id),
                _text(raw.app_id),
                {str(name): _plain(value) for name, value in raw.headers.items() if name != "authorization"},
                raw.body,
                reason,
                _text(told)[-4000:],
                attempt_of(raw.headers) + 1,
                work.now,
            )
        metrics.DEAD.labels(queue).inc()
        log.warning(
            "message.dead", queue=queue, reason=reason, message_id=_text(raw.message_id), error=_text(told)[-500:]
        )


async def replay(database: Database, queue: str, ids: list[int]) -> list[UUID]:
    """Put dead letters back to their own queue alone, same message id: row to outbox in one transaction."""
    async with database.work() as work:
        rows = await work.connection.fetch(_REPLAY, ids, queue, delay_exchange(1))
    return [UUID(bytes=row["message_id"].bytes) for row in rows]


def _text(value: object) -> str:
    # PostgreSQL's text has no place for a zero byte, and a header may hold anything.
    return "" if value is None else str(value).replace("\x00", "\\0")


def _plain(value: object) -> Any:
    return value if isinstance(value, int | float | bool) or value is None else _text(value)
