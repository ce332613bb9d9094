"""Dead letters are rows: read, given back to the one queue that failed them, or dropped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.topology import SERVICES, TOPIC_OF, delay_exchange, queues_of

from servicekit.database import Database
from servicekit.errors import ServicekitError
from servicekit.messages import traceparent_in
from servicekit.work import Work

_COLUMNS = (
    "id, queue, type, message_id, correlation_id, app_id, headers, body, reason, error, attempts, dead_at, said_at"
)
_CHOSEN = "($1::text is null or queue = $1) and ($2::text is null or reason = $2) and ($3::text is null or type = $3)"
_READ = f"""
select {_COLUMNS} from dead_letter where {_CHOSEN} and ($4::bigint is null or id = $4) order by id desc limit $5
"""  # noqa: S608
_COUNT = f"select count(*), max(id) as newest from dead_letter where {_CHOSEN}"  # noqa: S608
_TAKE = f"delete from dead_letter where id = any($1::bigint[]) and queue = $2 returning {_COLUMNS}"  # noqa: S608
_SLICE = f"""
select {_COLUMNS} from dead_letter where {_CHOSEN} and id > $4 and id <= $5 order by id limit $6
for update skip locked
"""  # noqa: S608
_DROP = f"delete from dead_letter where {_CHOSEN} and id <= $4"  # noqa: S608
_BACK = """
insert into outbox (message_id, exchange, routing_key, type, app_id, body, correlation_id, causation_id, schema_version,
                    traceparent, created_at, said_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
_COMMANDS = {topic.name for topic in TOPIC_OF.values() if topic.is_command}
_QUEUES = {queue.name for service in SERVICES for queue in queues_of(service)}
SLICE = 500
"""How many dead letters one transaction gives back."""


class ReplayError(ServicekitError):
    """A dead letter cannot be given back; nothing was changed."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"{number}: {why}")
        self.number = number
        self.why = why


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


@dataclass(frozen=True)
class Choice:
    """Which dead letters are meant: all that fit."""

    queue: str | None = None
    reason: str | None = None
    type: str | None = None

    @property
    def arguments(self) -> tuple[str | None, str | None, str | None]:
        return self.queue, self.reason, self.type


@dataclass(frozen=True)
class Slice:
    """What became of a few dead letters: how many were given back, which stay and why, and how far it came."""

    given_back: int
    kept: dict[int, str]
    last: int | None
    """The number of the last one that was looked at; None when there are no more."""


async def read_dead_letters(
    database: Database,
    queue: str | None = None,
    *,
    reason: str | None = None,
    type_: str | None = None,
    number: int | None = None,
    limit: int = 100,
) -> list[DeadLetter]:
    """Return the newest dead letters that fit, of one queue or of all, or the one with this number."""
    rows = await database.pool.fetch(_READ, queue, reason, type_, number, limit)
    return [DeadLetter(**dict(row)) for row in rows]


async def count(database: Database, choice: Choice) -> tuple[int, int]:
    """Return how many dead letters fit, and the newest one's number: what dies later is not among them."""
    row = await database.pool.fetchrow(_COUNT, *choice.arguments)
    return row["count"], row["newest"] or 0


async def replay(database: Database, queue: str, ids: Sequence[int]) -> list[UUID]:
    """Give dead letters back to their own queue alone, as they were said: rows to outbox in one transaction.

    Raises `ReplayError` when one of them is no message that could ever be handled; nothing is changed then.
    """
    async with database.work() as work:
        taken = [DeadLetter(**dict(row)) for row in await work.connection.fetch(_TAKE, list(ids), queue)]
        rows = [_outbox_row(letter, work.now) for letter in sorted(taken, key=lambda letter: letter.id)]
        await _give_back(database, work, rows)
    return [row[0] for row in rows]


async def replay_slice(database: Database, choice: Choice, *, after: int, newest: int) -> Slice:
    """Give back the next dead letters that fit, after one number and up to another, in one transaction.

    What can never be given back stays. Up to `newest`, so that what dies again meanwhile does not go round for ever.
    """
    async with database.work() as work:
        found = await work.connection.fetch(_SLICE, *choice.arguments, after, newest, SLICE)
        letters = [DeadLetter(**dict(row)) for row in found]
        rows: dict[int, tuple[Any, ...]] = {}
        kept: dict[int, str] = {}
        for letter in letters:
            try:
                rows[letter.id] = _outbox_row(letter, work.now)
            except ReplayError as refused:
                kept[letter.id] = refused.why
        await work.connection.execute("delete from dead_letter where id = any($1::bigint[])", list(rows))
        await _give_back(database, work, list(rows.values()))
    return Slice(len(rows), kept, letters[-1].id if letters else None)


async def _give_back(database: Database, work: Work, rows: Sequence[tuple[Any, ...]]) -> None:
    if rows:
        await work.connection.executemany(_BACK, rows)
        work.after_commit(database.wake)


def _outbox_row(letter: DeadLetter, now: datetime) -> tuple[Any, ...]:
    """Return the row of the outbox that a dead letter becomes; raises `ReplayError`."""
    if letter.type in _COMMANDS:
        raise ReplayError(letter.id, "a command is never replayed")
    if letter.queue not in _QUEUES:
        # The broker would keep it among the delayed for ever: no queue takes it from there.
        raise ReplayError(letter.id, f"there is no queue {letter.queue} any more; it can only be dropped")
    cause = letter.headers.get("causation_id")
    version = letter.headers.get("schema_version", 1)
    return (
        _uuid(letter, letter.message_id),
        delay_exchange(1),
        letter.queue,
        letter.type,
        letter.app_id,
        letter.body,
        letter.correlation_id,
        _uuid(letter, cause) if cause else None,
        version if isinstance(version, int) else 1,
        traceparent_in(letter.headers),
        now,
        # What its handler takes for the time of saying must not become the time of failing.
        letter.said_at or letter.dead_at,
    )


async def drop(database: Database, queue: str, ids: Sequence[int]) -> int:
    """Delete dead letters for ever; returns how many there were."""
    async with database.work() as work:
        return len(await work.connection.fetch(_TAKE, list(ids), queue))


async def drop_all(database: Database, choice: Choice, *, newest: int) -> int:
    """Delete the dead letters that fit, up to a number, for ever; returns how many there were."""
    async with database.work() as work:
        status: str = await work.connection.execute(_DROP, *choice.arguments, newest)
    return int(status.rpartition(" ")[2])


def _uuid(letter: DeadLetter, text: object) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise ReplayError(letter.id, f"{str(text)!r} is no message id; it can only be dropped") from None
