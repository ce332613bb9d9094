"""Snapshots heal: who starts empty asks, the owner announces its present ones again, in slices."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts import Snapshot, SnapshotRequested

from servicekit.messages import Heard
from servicekit.router import Handler
from servicekit.work import Work

SLICE = 500
ASK_SECONDS = 5.0
_ASKED = """
insert into snapshot_run (topic, asked_at, cursor, done, asked_again) values ($1, $2, '', false, false)
on conflict (topic) do update set asked_again = true
"""
_BEGIN_AGAIN = """
update snapshot_run set asked_at = $2, cursor = '', done = false, asked_again = false
where topic = any($1::text[]) and done and asked_again and asked_at <= $2::timestamptz - interval '1 minute'
"""


def note_request(owned: Mapping[str, Handler]) -> Handler:
    """Return the handler of `snapshot_requested`.

    Who asks during a run, or within a minute after one began, may have missed its first slices: a further run follows
    as soon as the minute is over, so that no asker is forgotten and there is at most one run a minute.
    """

    async def note_snapshot_request(requests: Sequence[Heard[SnapshotRequested]], work: Work) -> None:
        for request in requests:
            if request.event.topic_name in owned:
                await work.connection.execute(_ASKED, request.event.topic_name, work.now)

    return note_snapshot_request


def announce_slices(owned: Mapping[str, Handler]) -> Handler:
    """Return the job that announces the next slice of a run that is under way."""

    async def announce_next_slice(work: Work) -> bool:
        await work.connection.execute(_BEGIN_AGAIN, sorted(owned), work.now)
        run = await work.connection.fetchrow(
            "select topic, cursor from snapshot_run where not done and topic = any($1::text[]) "
            "order by topic limit 1 for update skip locked",
            sorted(owned),
        )
        if run is None:
            return False
        found: Sequence[tuple[str, Snapshot]] = await owned[run["topic"]](work, run["cursor"], SLICE)
        for _, snapshot in found:
            work.announce(snapshot)
        await work.connection.execute(
            "update snapshot_run set cursor = $2, done = $3 where topic = $1",
            run["topic"],
            found[-1][0] if found else run["cursor"],
            len(found) < SLICE,
        )
        return True

    return announce_next_slice


def ask_while_empty(message: type[Snapshot], table: str) -> Handler:
    """Return the job that asks the owner of `message` for its snapshots while `table` is empty."""
    if not table.isidentifier():
        raise ValueError(f"{table!r} is no table name")

    async def ask_for_snapshots(work: Work) -> None:
        empty: Any = await work.connection.fetchval(f'select not exists (select from "{table}")')  # noqa: S608
        pending = await work.connection.fetchval(
            "select exists (select from outbox where type = $1)", SnapshotRequested.topic
        )
        if empty and not pending:
            work.announce(SnapshotRequested(topic_name=message.topic))

    return ask_for_snapshots
