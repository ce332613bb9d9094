"""What becomes of a message that failed: later, by the delay queues, or a row of the dead letters."""

import math
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import aio_pika
from contracts import Envelope
from contracts.topology import DELAY_SECONDS, delay_exchange

from servicekit import metrics
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.database import Database
from servicekit.errors import DATABASE_TROUBLE, DatabaseAwayError
from servicekit.logs import get_logger
from servicekit.messages import ATTEMPT_HEADER, InvalidMessageError, attempt_of, envelope_of
from servicekit.publisher import Publisher

log = get_logger(__name__)

_INSERT_DEAD = """
insert into dead_letter (queue, type, message_id, correlation_id, app_id, headers, body, reason, error,
                         attempts, dead_at, said_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (queue, message_id, md5(body)) do update
set headers = excluded.headers, reason = excluded.reason, error = excluded.error, attempts = excluded.attempts,
    dead_at = excluded.dead_at, said_at = excluded.said_at
"""
_LONGEST_ERROR = 4000


class SettingAside:
    """Moves failed messages of one service out of the way, without losing one."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    async def failed(self, queue: str, raw: aio_pika.abc.AbstractIncomingMessage, error: BaseException) -> None:
        """Delay the message to the next level, or bury it after the last one or when it is invalid for good.

        Raises `BrokerAwayError` or `DatabaseAwayError`; the message is then still the broker's.
        """
        metrics.FAILED.labels(queue).inc()
        attempt = attempt_of(raw.headers)
        if isinstance(error, InvalidMessageError):
            await self.bury(queue, raw, reason="invalid", error=str(error))
        elif attempt >= len(DELAY_SECONDS):
            await self.bury(queue, raw, reason="failed", error="".join(traceback.format_exception(error)))
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
        checkpoint(Checkpoint.SET_ASIDE)
        metrics.DELAYED.labels(queue, str(level)).inc()
        log.warning("message.delayed", queue=queue, level=level, **_ids(raw), error=repr(error), exc_info=error)

    async def bury(self, queue: str, raw: aio_pika.abc.AbstractIncomingMessage, *, reason: str, error: str) -> None:
        """Write the message to the dead letters, once however often it comes; raises `DatabaseAwayError`."""
        try:
            async with self._database.work() as work:
                await work.connection.execute(
                    _INSERT_DEAD,
                    queue,
                    _text(raw.type),
                    _text(raw.message_id),
                    _text(raw.correlation_id),
                    _text(raw.app_id),
                    _plain_headers(raw.headers),
                    raw.body,
                    reason,
                    _text(error)[-_LONGEST_ERROR:],
                    attempt_of(raw.headers) + 1,
                    work.now,
                    _moment(raw.timestamp),
                )
        except DATABASE_TROUBLE as trouble:
            # A grave that cannot be dug is no fault of the dead: the message waits at the broker.
            raise DatabaseAwayError(f"the dead letter was not written: {trouble!r}") from trouble
        metrics.DEAD.labels(queue).inc()
        log.warning("message.dead", queue=queue, reason=reason, **_ids(raw), error=_text(error)[-500:])


class Burial:
    """Handles what the broker gave up on: from a `.dlq` queue to rows, so that no dead letter is ever browsed."""

    most = 50

    def __init__(self, queue: str, dead_letter_queue: str, aside: SettingAside) -> None:
        self.queue = dead_letter_queue
        self._of = queue
        self._aside = aside

    async def handle(self, raws: Sequence[Any], settle: Any) -> None:
        """Write each to the dead letters of its first queue; raises `DatabaseAwayError`."""
        for raw in raws:
            deaths = raw.headers.get("x-death")
            first = deaths[0] if isinstance(deaths, list) and deaths else {}
            reason = str(first.get("reason", "")) if isinstance(first, dict) else ""
            await self._aside.bury(
                self._of, raw, reason=reason or "dead-lettered", error=f"given up by the broker: {reason}"
            )
            await settle([raw])


def _ids(raw: aio_pika.abc.AbstractIncomingMessage) -> dict[str, str]:
    return {"message_id": _text(raw.message_id), "correlation_id": _text(raw.correlation_id)}


def _text(value: object) -> str:
    # PostgreSQL's text has no place for a zero byte, and a header may hold anything.
    return "" if value is None else str(value).replace("\x00", "\\0").encode(errors="replace").decode()


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _plain_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    return {_text(name): _plain(value) for name, value in headers.items() if name != "authorization"}


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return _text(value)
