"""SQL about what is told again after a restore."""

from datetime import timedelta
from uuid import UUID

from servicekit import Work
from servicekit.after_restore import rows_of


async def outdo_versions(work: Work, version: int) -> int:
    """Give all figures that were told a version of at least this; returns how many there are."""
    told = await work.connection.execute(
        "update session set told_version = greatest(told_version + 1, $1) where told_version is not null", version
    )
    return rows_of(told)


async def latest_webinars(work: Work, *, within: timedelta) -> list[tuple[UUID, bool]]:
    """Return the webinars under way, and those finalised at most so long before the last one; and whether they are.

    What was finalised earlier had long been heard by everybody when the dumps were made.
    """
    rows = await work.connection.fetch(
        """
        select l.webinar_id, l.finalised_at is not null as final from ledger l join webinar w using (webinar_id)
        where w.started_at is not null
          and (l.finalised_at is null or l.finalised_at >= (select max(finalised_at) from ledger) - $1::interval)
        order by l.webinar_id
        """,
        within,
    )
    return [(row["webinar_id"], row["final"]) for row in rows]


async def leads_who_entered(work: Work, webinar_id: UUID) -> list[str]:
    """Return, in order, who has entered a webinar."""
    rows = await work.connection.fetch(
        "select lead_id from session where webinar_id = $1 and entered_at is not null order by lead_id", webinar_id
    )
    return [row["lead_id"] for row in rows]
