"""Dead letters are rows: read, given back to the one queue that failed them, or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.topology import TOPIC_OF, delay_exchange

from servicekit.database import Database
from servicekit.errors import ServicekitError

_COLUMNS = (
    "id, queue, type, message_id, correlation_id, app_id, headers, body, reason, error, attempts, dead_at, said_at"
)
_READ = f"""
select {_COLUMNS} from dead_letter
where ($1::text is null or queue = $1) and ($2::bigint is null or id = $2) order by id desc limit $3
"""  # noqa: S608
_TAKE = f"delete from dead_letter where id = any($1::bigint[]) and queue = $2 returning {_COLUMNS}"  # noqa: S608
_BACK = """
insert into outbox (message_id, exchange, routing_key, type, app_id, body, correlation_id, causation_id, schema_version,
                    traceparent, created_at, said_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""


class ReplayError(ServicekitError):
    """A dead letter cannot be given back; nothing was changed."""


@dataclass(frozen=True)
class DeadLetter:
    """One message that could not be handled, with why."""

    id: int
    queue: str
    type: str
    message_id: str
    correlation_id: str
    app_id: str
    headers: dict[str, Any]
    body: bytes
    reason: str
    error: str
    attempts: int
    dead_at: datetime
    said_at: datetime | None
    """The message's own timestamp, if it had one."""


async def read_dead_letters(
    database: Database, queue: str | None = None, *, number: int | None = None, limit: int = 100
) -> list[DeadLetter]:
    """Return the newest dead letters, of one queue or of all, or the one with this number."""
    rows = await database.pool.fetch(_READ, queue, number, limit)
    return [DeadLetter(**dict(row)) for row in rows]


async def replay(database: Database, queue: str, ids: Sequence[int]) -> list[UUID]:
    """Give dead letters back to their own queue alone, as they were said: rows to outbox in one transaction.

    Raises `ReplayError` when one of them is no message that could ever be handled; nothing is changed then.
    """
    commands = {topic.name for topic in TOPIC_OF.values() if topic.is_command}
    given_back = []
    async with database.work() as work:
        taken = [DeadLetter(**dict(row)) for row in await work.connection.fetch(_TAKE, list(ids), queue)]
        for letter in sorted(taken, key=lambda letter: letter.id):
            if letter.type in commands:
                raise ReplayError(f"{letter.id}: a command is never replayed")
            message_id = _uuid(letter, letter.message_id)
            cause = letter.headers.get("causation_id")
            version = letter.headers.get("schema_version", 1)
            traceparent = letter.headers.get("traceparent")
            await work.connection.execute(
                _BACK,
                message_id,
                delay_exchange(1),
                queue,
                letter.type,
                letter.app_id,
                letter.body,
                letter.correlation_id,
                _uuid(letter, cause) if cause else None,
                version if isinstance(version, int) else 1,
                traceparent if isinstance(traceparent, str) else None,
                work.now,
                # What its handler takes for the time of saying must not become the time of failing.
                letter.said_at or letter.dead_at,
            )
            given_back.append(message_id)
        if given_back:
            work.after_commit(database.wake)
    return given_back


async def drop(database: Database, queue: str, ids: Sequence[int]) -> int:
    """Delete dead letters for ever; returns how many there were."""
    async with database.work() as work:
        return len(await work.connection.fetch(_TAKE, list(ids), queue))


def _uuid(letter: DeadLetter, text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise ReplayError(f"{letter.id}: {text!r} is no message id; it can only be dropped") from None
