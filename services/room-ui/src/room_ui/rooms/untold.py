"""Reports that the broker did not take, kept where another instance finds them should this one be killed."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts import RoomPresence
from servicekit import Database


@dataclass(frozen=True, slots=True)
class Kept:
    """The last report of one instance on one room, in its parts."""

    instance_id: str
    webinar_id: UUID
    round: int
    reports: Sequence[RoomPresence]


class Untold:
    """The table `untold_presence`: one row for each instance and room, until somebody has told it.

    A report tells facts about the past, so it does no harm that two instances tell the same one, or an old one late.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, reports: Sequence[RoomPresence]) -> None:
        """Keep a report, given in its parts, in place of the last one of its instance and room."""
        first = reports[0]
        await self._database.pool.execute(
            """
            insert into untold_presence (webinar_id, instance_id, round, reports) values ($1, $2, $3, $4)
            on conflict (webinar_id, instance_id)
            do update set round = excluded.round, reports = excluded.reports
            where excluded.round > untold_presence.round
            """,
            first.webinar_id,
            first.instance_id,
            first.round,
            [report.model_dump(mode="json", by_alias=True) for report in reports],
        )

    async def next(self) -> Kept | None:
        """Return one that is kept, of whatever instance; None when there is none."""
        row = await self._database.pool.fetchrow(
            "select webinar_id, instance_id, round, reports from untold_presence order by round limit 1"
        )
        if row is None:
            return None
        reports = [RoomPresence.model_validate(report) for report in row["reports"]]
        return Kept(row["instance_id"], row["webinar_id"], row["round"], reports)

    async def forget(self, kept: Kept) -> None:
        """It was told; a newer one of the same instance and room stays."""
        await self._database.pool.execute(
            "delete from untold_presence where webinar_id = $1 and instance_id = $2 and round <= $3",
            kept.webinar_id,
            kept.instance_id,
            kept.round,
        )
