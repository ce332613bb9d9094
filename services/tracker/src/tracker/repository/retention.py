"""SQL about what is kept of a webinar that is long over: who watched when, not each connection behind it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import CompletedBy
from servicekit import Work
from servicekit.retention import SLICE, delete_slice

from tracker.domain.participation import Figures
from tracker.domain.windows import Window

_OF_UNSTARTED = """
webinar_id in (select l.webinar_id from ledger l left join webinar w on w.webinar_id = l.webinar_id
               where l.finalised_at is null and w.started_at is null)
"""


async def take_finalised(work: Work, *, before: datetime) -> UUID | None:
    """Lock and return the webinar that was finalised first of those that still have connections, before a moment."""
    found: UUID | None = await work.connection.fetchval(
        """
        select webinar_id from ledger l
        where l.finalised_at < $1 and exists (select from presence p where p.webinar_id = l.webinar_id)
        order by l.finalised_at limit 1 for update of l skip locked
        """,
        before,
    )
    return found


async def leads_with_connections(work: Work, webinar_id: UUID, limit: int) -> list[str]:
    """Return some of those of whom connections are kept."""
    rows = await work.connection.fetch(
        "select distinct lead_id from presence where webinar_id = $1 order by lead_id limit $2", webinar_id, limit
    )
    return [row["lead_id"] for row in rows]


async def keep_windows_alone(
    work: Work, webinar_id: UUID, leads: Sequence[str], figures: Mapping[str, Figures]
) -> None:
    """Write what these leads watched, where any was told, and delete their connections."""
    watched = sorted(figures)
    await work.connection.execute(
        """
        update session set windows = kept.windows::jsonb
        from unnest($2::text[], $3::text[]) as kept (lead_id, windows)
        where session.webinar_id = $1 and session.lead_id = kept.lead_id
        """,
        webinar_id,
        watched,
        [_windows_json(figures[lead].windows) for lead in watched],
    )
    await work.connection.execute(
        "delete from presence where webinar_id = $1 and lead_id = any($2::text[])", webinar_id, leads
    )


async def kept_alone(
    work: Work, webinar_id: UUID, leads: Sequence[str]
) -> dict[str, tuple[Figures, CompletedBy | None, int]]:
    """Return figures, completion and version told of those whose connections are forgotten."""
    rows = await work.connection.fetch(
        """
        select lead_id, windows, watched_seconds, base_seconds, completed_by, told_version from session
        where webinar_id = $1 and lead_id = any($2::text[]) and windows is not null
        """,
        webinar_id,
        leads,
    )
    return {row["lead_id"]: (_figures(row), _completed_by(row["completed_by"]), row["told_version"]) for row in rows}


async def forget_reports(work: Work, *, before: datetime) -> bool:
    """Delete reports on webinars finalised before a moment, once no connection needs their intervals."""
    deleted = await delete_slice(
        work,
        "report",
        """
        webinar_id in (select l.webinar_id from ledger l where l.finalised_at < $1
                       and not exists (select from presence p where p.webinar_id = l.webinar_id))
        """,
        before,
    )
    return len(deleted) == SLICE


async def forget_lobbies(work: Work, *, before: datetime) -> bool:
    """Delete what was told before a moment of the rooms of webinars that have not started."""
    connections = await delete_slice(work, "presence", f"until < $1 and {_OF_UNSTARTED}", before)
    reports = await delete_slice(work, "report", f"heard_at < $1 and {_OF_UNSTARTED}", before)
    return SLICE in {len(connections), len(reports)}


def _windows_json(windows: Sequence[Window]) -> str:
    pairs = ", ".join(f'["{window.start.isoformat()}", "{window.end.isoformat()}"]' for window in windows)
    return f"[{pairs}]"


def _figures(row: Any) -> Figures:
    windows = tuple(Window(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in row["windows"])
    watched, base = row["watched_seconds"], row["base_seconds"]
    return Figures(windows, watched, base, min(100, watched * 100 // base) if base else 0)


def _completed_by(word: str | None) -> CompletedBy | None:
    return CompletedBy(word) if word else None
