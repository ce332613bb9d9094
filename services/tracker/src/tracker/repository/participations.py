"""Every SQL statement about participations; speaks domain types, never commits.

All who touch a webinar's participations lock first, with `lock_open` or `lock_exclusively`; what they write is sorted
by key, so that two of them never wait for each other.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import CompletedBy
from servicekit import Work

from tracker.domain.connections import Connection
from tracker.domain.participation import Completion, Decision, Figures, Participation, Presence

_PARTICIPATIONS = """
select p.lead_id, array_agg(p.since) as since, array_agg(p.until) as until,
       array_agg(p.seen_version) as seen_version, array_agg(p.unseen_at) as unseen_at,
       coalesce(s.pressed_at, '{}') as pressed_at, s.entered_at, s.completed_at, s.completed_by,
       s.watched_seconds, s.told_version, s.told_at
from presence p left join session s on s.webinar_id = p.webinar_id and s.lead_id = p.lead_id
where p.webinar_id = $1
"""
_GROUPED = " group by p.lead_id, s.webinar_id, s.lead_id"


async def lock_open(work: Work, webinar_ids: Iterable[UUID]) -> set[UUID]:
    """Lock the webinars' ledgers, shared, and return those whose outcomes are not written yet."""
    return {row["webinar_id"] for row in await _lock(work, webinar_ids, "share") if row["finalised_at"] is None}


async def lock_exclusively(work: Work, webinar_ids: Iterable[UUID]) -> set[UUID]:
    """Lock the webinars' ledgers against everyone else, and return those whose outcomes are not written yet."""
    return {row["webinar_id"] for row in await _lock(work, webinar_ids, "update") if row["finalised_at"] is None}


async def _lock(work: Work, webinar_ids: Iterable[UUID], strength: str) -> Sequence[Any]:
    ids = sorted(set(webinar_ids))
    await work.connection.execute(
        "insert into ledger (webinar_id) select unnest($1::uuid[]) on conflict do nothing", ids
    )
    rows: Sequence[Any] = await work.connection.fetch(
        f"select webinar_id, finalised_at from ledger where webinar_id = any($1::uuid[]) "  # noqa: S608
        f"order by webinar_id for {strength}",
        ids,
    )
    return rows


async def keep_presences(work: Work, told: Mapping[Connection, Presence]) -> None:
    """Add what was told of connections to what is known: the latest until, the highest version, the last unseen."""
    keys = sorted(told)
    await work.connection.execute(
        """
        insert into presence (webinar_id, lead_id, instance_id, since, until, seen_version, unseen_at)
        select * from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::bigint[],
                             $7::timestamptz[])
        on conflict (webinar_id, lead_id, instance_id, since) do update
        set until = greatest(presence.until, excluded.until),
            seen_version = greatest(presence.seen_version, excluded.seen_version),
            unseen_at = greatest(presence.unseen_at, excluded.unseen_at)
        """,
        [key.webinar_id for key in keys],
        [key.lead_id for key in keys],
        [key.instance_id for key in keys],
        [key.since for key in keys],
        [told[key].until for key in keys],
        [told[key].seen_version for key in keys],
        [told[key].unseen_at for key in keys],
    )


async def keep_presses(work: Work, presses: Iterable[tuple[UUID, str, datetime]]) -> None:
    """Remember `(webinar, lead, moment)` of "finish" pressed; the fifty earliest of each lead are enough."""
    rows = sorted(set(presses))
    await work.connection.execute(
        """
        insert into session (webinar_id, lead_id, pressed_at)
        select webinar_id, lead_id, array_agg(at order by at)
        from unnest($1::uuid[], $2::text[], $3::timestamptz[]) as press (webinar_id, lead_id, at)
        group by webinar_id, lead_id order by webinar_id, lead_id collate "C"
        on conflict (webinar_id, lead_id) do update
        set pressed_at = array(
            select distinct at from unnest(session.pressed_at || excluded.pressed_at) as at order by at limit 50
        )
        where not session.pressed_at @> excluded.pressed_at
        """,
        [webinar_id for webinar_id, _, _ in rows],
        [lead_id for _, lead_id, _ in rows],
        [at for _, _, at in rows],
    )


async def open_leads(work: Work, webinar_id: UUID, *, told: Sequence[str], seen: Sequence[str]) -> list[str]:
    """Return who may have entered or completed by what was just told: `told` of all, `seen` of visible pages."""
    rows = await work.connection.fetch(
        """
        select lead_id from unnest($2::text[]) as seen (lead_id)
        where not exists (
            select from session s where s.webinar_id = $1 and s.lead_id = seen.lead_id and s.entered_at is not null
        )
        union
        select lead_id from session
        where webinar_id = $1 and completed_at is null and cardinality(pressed_at) > 0 and lead_id = any($3::text[])
        """,
        webinar_id,
        seen,
        told,
    )
    return [row["lead_id"] for row in rows]


async def all_open_leads(work: Work, webinar_id: UUID) -> list[str]:
    """Return who may have entered or completed by what was told before the webinar was known to be on air."""
    rows = await work.connection.fetch(
        """
        select lead_id from presence p
        where p.webinar_id = $1 and p.seen_version is not null and not exists (
            select from session s where s.webinar_id = $1 and s.lead_id = p.lead_id and s.entered_at is not null
        )
        union
        select lead_id from session where webinar_id = $1 and completed_at is null and cardinality(pressed_at) > 0
        """,
        webinar_id,
    )
    return [row["lead_id"] for row in rows]


async def participations(work: Work, webinar_id: UUID, lead_ids: Sequence[str]) -> list[Participation]:
    """Return the participations of those of whom anything was told."""
    if not lead_ids:
        return []
    rows = await work.connection.fetch(
        _PARTICIPATIONS + " and p.lead_id = any($2::text[])" + _GROUPED, webinar_id, lead_ids
    )
    return [_participation(row) for row in rows]


async def everyone(work: Work, webinar_id: UUID, *, slice_size: int) -> AsyncIterator[list[Participation]]:
    """Yield all participations in slices, in one order for all; what is written meanwhile does not show in them."""
    cursor = await work.connection.cursor(_PARTICIPATIONS + _GROUPED + " order by p.lead_id", webinar_id)
    while rows := await cursor.fetch(slice_size):
        yield [_participation(row) for row in rows]


def _participation(row: Any) -> Participation:
    presences = zip(row["since"], row["until"], row["seen_version"], row["unseen_at"], strict=True)
    return Participation(
        lead_id=row["lead_id"],
        presences=tuple(Presence(*presence) for presence in presences),
        pressed_at=tuple(row["pressed_at"]),
        entered_at=row["entered_at"],
        completed_at=row["completed_at"],
        completed_by=CompletedBy(row["completed_by"]) if row["completed_by"] else None,
        watched_seconds=row["watched_seconds"],
        told_version=row["told_version"],
        told_at=row["told_at"],
    )


async def add_entries(work: Work, webinar_id: UUID, entries: Mapping[str, datetime]) -> list[str]:
    """Note when leads entered; returns, sorted, those who had not entered before."""
    leads = sorted(entries)
    rows = await work.connection.fetch(
        """
        insert into session (webinar_id, lead_id, entered_at)
        select $1, * from unnest($2::text[], $3::timestamptz[])
        on conflict (webinar_id, lead_id) do update set entered_at = excluded.entered_at
        where session.entered_at is null
        returning lead_id
        """,
        webinar_id,
        leads,
        [entries[lead] for lead in leads],
    )
    return sorted(row["lead_id"] for row in rows)


async def add_completions(work: Work, webinar_id: UUID, completions: Mapping[str, Completion]) -> list[str]:
    """Note how leads who have entered completed; returns, sorted, those who had not completed before."""
    leads = sorted(completions)
    # An insert that always meets its row: unlike an update it goes by the key, and in its order, whatever the planner
    # believes about the size of the table.
    rows = await work.connection.fetch(
        """
        insert into session (webinar_id, lead_id, completed_at, completed_by)
        select $1, * from unnest($2::text[], $3::timestamptz[], $4::text[])
        on conflict (webinar_id, lead_id) do update
        set completed_at = excluded.completed_at, completed_by = excluded.completed_by, told_at = null
        where session.completed_at is null
        returning lead_id
        """,
        webinar_id,
        leads,
        [completions[lead].completed_at for lead in leads],
        [completions[lead].completed_by for lead in leads],
    )
    return sorted(row["lead_id"] for row in rows)


async def take_due_for_telling(
    work: Work, webinar_ids: Iterable[UUID], *, told_before: datetime, limit: int
) -> dict[UUID, list[str]]:
    """Lock and return, by webinar, leads whose figures may have changed and were last told before `told_before`.

    Who waits longest goes first, in whichever webinar.
    """
    rows = await work.connection.fetch(
        """
        select s.webinar_id, s.lead_id from session s
        where s.webinar_id = any($1::uuid[]) and s.entered_at is not null and (s.told_at is null or s.told_at < $2)
          and (s.told_at is null or exists (
              select from presence p
              where p.webinar_id = s.webinar_id and p.lead_id = s.lead_id and p.until > s.told_at
          ))
        order by s.told_at nulls first, s.lead_id limit $3 for update of s skip locked
        """,
        sorted(webinar_ids),
        told_before,
        limit,
    )
    due: dict[UUID, list[str]] = {}
    for row in rows:
        due.setdefault(row["webinar_id"], []).append(row["lead_id"])
    return due


async def note_told(work: Work, webinar_id: UUID, told: Mapping[str, tuple[int | None, Figures]]) -> None:
    """Note the version and figures that were told of leads, whose rows are locked; version `None`: nothing new."""
    leads = sorted(told)
    await work.connection.execute(
        """
        insert into session (webinar_id, lead_id, told_version, watched_seconds, base_seconds, told_at)
        select $1, told.*, $6 from unnest($2::text[], $3::bigint[], $4::int[], $5::int[]) as told
        on conflict (webinar_id, lead_id) do update
        set told_at = excluded.told_at, told_version = coalesce(excluded.told_version, session.told_version),
            watched_seconds = excluded.watched_seconds, base_seconds = excluded.base_seconds
        """,
        webinar_id,
        leads,
        [told[lead][0] for lead in leads],
        [told[lead][1].watched_seconds for lead in leads],
        [told[lead][1].base_seconds for lead in leads],
        work.now,
    )


async def write_outcomes(work: Work, webinar_id: UUID, outcomes: Sequence[tuple[Decision, Figures, int]]) -> None:
    """Write `(decision, final figures, version told)`; the ledger is locked exclusively."""
    await work.connection.execute(
        """
        insert into session (webinar_id, lead_id, entered_at, completed_at, completed_by, watched_seconds,
                             base_seconds, told_version, told_at)
        select $1, told.*, $9 from unnest($2::text[], $3::timestamptz[], $4::timestamptz[], $5::text[], $6::int[],
                                          $7::int[], $8::bigint[]) as told
        on conflict (webinar_id, lead_id) do update
        set entered_at = excluded.entered_at, completed_at = excluded.completed_at,
            completed_by = excluded.completed_by, watched_seconds = excluded.watched_seconds,
            base_seconds = excluded.base_seconds, told_version = excluded.told_version, told_at = excluded.told_at
        """,
        webinar_id,
        [decision.participation.lead_id for decision, _, _ in outcomes],
        [decision.entered_at for decision, _, _ in outcomes],
        [decision.completed_at for decision, _, _ in outcomes],
        [decision.completed_by for decision, _, _ in outcomes],
        [figures.watched_seconds for _, figures, _ in outcomes],
        [figures.base_seconds for _, figures, _ in outcomes],
        [version for _, _, version in outcomes],
        work.now,
    )


async def told_after(work: Work, webinar_id: UUID, lead_id: str, limit: int) -> list[tuple[UUID, str]]:
    """Return the next `(webinar, lead)` after this one, in order, of which a snapshot was told."""
    rows = await work.connection.fetch(
        """
        select webinar_id, lead_id from session
        where (webinar_id, lead_id) > ($1, $2) and told_version is not null
        order by webinar_id, lead_id limit $3
        """,
        webinar_id,
        lead_id,
        limit,
    )
    return [(row["webinar_id"], row["lead_id"]) for row in rows]
