"""Every statement of what is settled after a restore."""

from datetime import datetime, timedelta
from uuid import UUID

from servicekit import Work
from servicekit.after_restore import rows_of

_COPIES = ("webinar", "participation", "delivery", "chat_link", "message_template")


async def outdo_versions(work: Work, version: int) -> int:
    """Give every account a version of at least this, with nothing else changed; returns how many there are."""
    return rows_of(await work.connection.execute("update account set version = greatest(version + 1, $1)", version))


async def latest_presses(work: Work, *, within: timedelta) -> list[tuple[str, UUID, datetime]]:
    """Return `(lead, webinar, moment)` of "finish" pressed at most so long before the last press."""
    rows = await work.connection.fetch(
        "select lead_id, webinar_id, at from finish where at >= (select max(at) from finish) - $1::interval "
        "order by webinar_id, lead_id",
        within,
    )
    return [(row["lead_id"], row["webinar_id"], row["at"]) for row in rows]


async def end_unused_links(work: Work) -> int:
    """End the one-time links that could still be used; returns how many there were."""
    return rows_of(
        await work.connection.execute(
            "update one_time_link set expires_at = $1 where used_at is null and expires_at > $1", work.now
        )
    )


async def open_sessions(work: Work) -> int:
    """Return how many sessions are open."""
    count: int = await work.connection.fetchval(
        "select count(*) from session where ended_at is null and expires_at > $1", work.now
    )
    return count


async def forget_copies(work: Work) -> int:
    """Delete the projections of snapshots, which come again; returns how many rows that were."""
    return sum([rows_of(await work.connection.execute(f"delete from {table}")) for table in _COPIES])  # noqa: S608
