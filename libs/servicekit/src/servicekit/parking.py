"""Outbox rows that the broker refused time and again: seen, let go, and tried again where that may help."""

from collections.abc import Sequence
from typing import Any

from servicekit.database import Database
from servicekit.work import Work

PARK_AFTER = 5
"""So many refusals while others pass."""
TRY_AGAIN_SECONDS = 60.0
_HOMELESS = "%NO_ROUTE%"
# One refusal more, and it is parked again.
_TRY_AGAIN = """
update outbox set parked_at = null, attempts = $3 - 1
where parked_at < $1::timestamptz - make_interval(secs => $2) and last_error like $4
"""


async def parked(database: Database, *, limit: int = 100) -> list[dict[str, Any]]:
    """Return the rows that the broker refused time and again, oldest first, with why."""
    rows = await database.pool.fetch(
        "select seq, type, message_id, correlation_id, routing_key, created_at, parked_at, last_error from outbox "
        "where parked_at is not null order by seq limit $1",
        limit,
    )
    return [dict(row) for row in rows]


async def unpark(database: Database, seqs: Sequence[int]) -> int:
    """Let the relay try parked rows again; returns how many there were."""
    async with database.work() as work:
        found = await work.connection.fetch(
            "update outbox set parked_at = null, attempts = 0 where seq = any($1::bigint[]) and parked_at is not null "
            "returning seq",
            list(seqs),
        )
        work.after_commit(database.wake)
    return len(found)


async def try_homeless_again(work: Work) -> None:
    """Let rows that found no queue have another try now and then: nobody tells when a queue has come back.

    What is wrong with the others does not pass by itself.
    """
    await work.connection.execute(_TRY_AGAIN, work.now, TRY_AGAIN_SECONDS, PARK_AFTER, _HOMELESS)
