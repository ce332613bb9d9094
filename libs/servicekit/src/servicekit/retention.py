"""What is kept, and how long: deletions in slices, by one instance at a time, passing over what others hold."""

from datetime import timedelta
from typing import Any

from servicekit import metrics
from servicekit.logs import get_logger
from servicekit.router import Handler
from servicekit.work import Work

log = get_logger(__name__)

SLICE = 1_000
"""How many rows one transaction deletes at most: a short lock, and a job that says that there is more."""
OUTCOMES_KEPT = timedelta(days=14)
"""Longer than any page lives that could send its form once more: a session ends after 12 hours without use."""

_LOCKS = 7_113_063
_TOO_OLD = "dead_at < $1"
_TOO_MANY = "id in (select id from dead_letter order by dead_at, id limit $1)"
_LAST_WORDS = "queue, type, message_id, correlation_id, reason, dead_at"


async def is_alone(work: Work, job: str) -> bool:
    """Whether no other instance does this job now; none begins before the transaction ends."""
    alone: bool = await work.connection.fetchval("select pg_try_advisory_xact_lock($1, hashtext($2))", _LOCKS, job)
    return alone


async def delete_slice(work: Work, table: str, where: str, *values: object, returning: str = "1") -> list[Any]:
    """Delete up to `SLICE` rows for which `where` holds, and return `returning` of each; `SLICE` of them: ask again.

    A row that another transaction holds is passed over: its turn comes with the next run.
    """
    rows: list[Any] = await work.connection.fetch(
        f"delete from {table} where ctid = any(array("  # noqa: S608 - constants of the callers
        f"select ctid from {table} where {where} limit {SLICE} for update skip locked)) returning {returning}",
        *values,
    )
    return rows


async def forget_old_outcomes(work: Work) -> bool:
    """Delete outcomes of commands that nobody can ask for again."""
    if not await is_alone(work, "command_outcome"):
        return False
    deleted = await delete_slice(work, "command_outcome", "decided_at < $1", work.now - OUTCOMES_KEPT)
    return len(deleted) == SLICE


def forget_dead_letters(*, kept: timedelta, most: int) -> Handler:
    """Return the job that deletes dead letters older than `kept`, and the oldest of more than `most`.

    Nothing goes silently: each has a last line in the log, with its ids.
    """

    async def forget_some(work: Work) -> bool:
        if not await is_alone(work, "dead_letter"):
            return False
        old = await delete_slice(work, "dead_letter", _TOO_OLD, work.now - kept, returning=_LAST_WORDS)
        _say_farewell(work, old, because=f"older than {kept.days} days")
        too_many = await work.connection.fetchval("select count(*) from dead_letter") - most
        if too_many <= 0:
            return len(old) == SLICE
        first = await delete_slice(work, "dead_letter", _TOO_MANY, min(too_many, SLICE), returning=_LAST_WORDS)
        _say_farewell(work, first, because=f"more than {most}")
        return len(old) == SLICE or len(first) == SLICE

    return forget_some


def _say_farewell(work: Work, letters: list[Any], *, because: str) -> None:
    def say() -> None:
        for letter in letters:
            metrics.DEAD_FORGOTTEN.labels(letter["queue"]).inc()
            log.warning("dead_letter.forgotten", **dict(letter) | {"dead_at": str(letter["dead_at"])}, because=because)

    work.after_commit(say)
