"""SQL about webinars as the tracker knows them, the reports of room-ui's instances, and the stop."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from contracts import RoomPresence
from servicekit import Work

from tracker.domain.airing import Airing, Known, Versions
from tracker.domain.stop import PartReport


class Stop(NamedTuple):
    """A finished webinar whose outcomes are not written yet, when its finish was heard of, and in which trace."""

    webinar_id: UUID
    heard_at: datetime
    traceparent: str | None


async def known_webinars(work: Work, webinar_ids: Iterable[UUID]) -> dict[UUID, Known]:
    """Return those of the webinars that were heard of."""
    rows = await work.connection.fetch("select * from webinar where webinar_id = any($1::uuid[])", sorted(webinar_ids))
    return {row["webinar_id"]: Known(row["version"], _airing(row)) for row in rows}


async def airings(work: Work, webinar_ids: Iterable[UUID]) -> dict[UUID, Airing]:
    """Return plan and time on air of those of the webinars that were heard of."""
    return {webinar_id: known.airing for webinar_id, known in (await known_webinars(work, webinar_ids)).items()}


async def webinars_under_way(work: Work) -> list[UUID]:
    """Return, in order, the webinars that have started and not finished."""
    rows = await work.connection.fetch(
        "select webinar_id from webinar where started_at is not null and finished_at is null order by webinar_id"
    )
    return [row["webinar_id"] for row in rows]


def _airing(row: Any) -> Airing:
    return Airing(
        scheduled_at=row["scheduled_at"],
        duration=timedelta(minutes=row["duration_minutes"]),
        completion_percent=row["completion_percent"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        on_air=tuple(
            (datetime.fromisoformat(start), datetime.fromisoformat(to) if to else None) for start, to in row["on_air"]
        ),
        start_versions=Versions(row["version_without_start"], row["version_with_start"]),
        finish_versions=Versions(row["version_without_finish"], row["version_with_finish"]),
    )


def _on_air_json(airing: Airing) -> str:
    return json.dumps([[start.isoformat(), to.isoformat() if to else None] for start, to in airing.on_air])


async def keep_webinars(work: Work, webinars: Mapping[UUID, Known]) -> None:
    """Write webinars as they are known now; their ledgers are locked exclusively."""
    rows = sorted(webinars.items())
    airing_of = [known.airing for _, known in rows]
    await work.connection.execute(
        """
        insert into webinar (webinar_id, version, scheduled_at, duration_minutes, completion_percent, started_at,
                             finished_at, on_air, version_without_start, version_with_start, version_without_finish,
                             version_with_finish)
        select webinar_id, version, scheduled_at, duration_minutes, completion_percent, started_at, finished_at,
               on_air::jsonb, without_start, with_start, without_finish, with_finish
        from unnest($1::uuid[], $2::bigint[], $3::timestamptz[], $4::int[], $5::int[], $6::timestamptz[],
                    $7::timestamptz[], $8::text[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[])
             as told (webinar_id, version, scheduled_at, duration_minutes, completion_percent, started_at, finished_at,
                      on_air, without_start, with_start, without_finish, with_finish)
        on conflict (webinar_id) do update
        set version = excluded.version, scheduled_at = excluded.scheduled_at,
            duration_minutes = excluded.duration_minutes, completion_percent = excluded.completion_percent,
            started_at = excluded.started_at, finished_at = excluded.finished_at, on_air = excluded.on_air,
            version_without_start = excluded.version_without_start, version_with_start = excluded.version_with_start,
            version_without_finish = excluded.version_without_finish,
            version_with_finish = excluded.version_with_finish
        """,
        [webinar_id for webinar_id, _ in rows],
        [known.version for _, known in rows],
        [airing.scheduled_at for airing in airing_of],
        [airing.duration // timedelta(minutes=1) for airing in airing_of],
        [airing.completion_percent for airing in airing_of],
        [airing.started_at for airing in airing_of],
        [airing.finished_at for airing in airing_of],
        [_on_air_json(airing) for airing in airing_of],
        [airing.start_versions.without for airing in airing_of],
        [airing.start_versions.with_ for airing in airing_of],
        [airing.finish_versions.without for airing in airing_of],
        [airing.finish_versions.with_ for airing in airing_of],
    )


async def keep_reports(work: Work, reports: Iterable[RoomPresence]) -> None:
    """Remember that these reports were heard: of each part of each instance the last one."""
    newest: dict[tuple[UUID, str, int], RoomPresence] = {}
    for report in reports:
        key = (report.webinar_id, report.instance_id, report.part)
        if key not in newest or report.at >= newest[key].at:
            newest[key] = report
    rows = [newest[key] for key in sorted(newest)]
    await work.connection.execute(
        """
        insert into report (webinar_id, instance_id, part, parts, round, at, webinar_version, interval_seconds,
                            heard_at)
        select *, $9 from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::timestamptz[],
                                 $7::bigint[], $8::int[])
        on conflict (webinar_id, instance_id, part) do update
        set parts = excluded.parts, round = excluded.round, at = excluded.at,
            webinar_version = excluded.webinar_version, heard_at = greatest(report.heard_at, excluded.heard_at),
            interval_seconds = greatest(report.interval_seconds, excluded.interval_seconds)
        where report.at <= excluded.at
        """,
        [row.webinar_id for row in rows],
        [row.instance_id for row in rows],
        [row.part for row in rows],
        [row.parts for row in rows],
        [row.round for row in rows],
        [row.at for row in rows],
        [row.webinar_version for row in rows],
        [row.interval_seconds for row in rows],
        work.now,
    )


async def reports(work: Work, webinar_id: UUID) -> list[PartReport]:
    """Return the last reports heard of this webinar."""
    rows = await work.connection.fetch("select * from report where webinar_id = $1", webinar_id)
    return [
        PartReport(
            instance_id=row["instance_id"],
            part=row["part"],
            parts=row["parts"],
            round=row["round"],
            at=row["at"],
            webinar_version=row["webinar_version"],
            interval=timedelta(seconds=row["interval_seconds"]),
            heard_at=row["heard_at"],
        )
        for row in rows
    ]


async def intervals(work: Work, webinar_id: UUID) -> list[timedelta]:
    """Return the longest presence interval of each part that was reported of this webinar."""
    rows = await work.connection.fetch("select interval_seconds from report where webinar_id = $1", webinar_id)
    return [timedelta(seconds=row["interval_seconds"]) for row in rows]


async def add_stops(work: Work, traces: Mapping[UUID, str | None], *, due_at: datetime) -> None:
    """Have the outcomes of these webinars looked at from `due_at` on; one that waits already keeps its time.

    `traces`: by webinar the `traceparent` of what tells of the finish.
    """
    ids = sorted(traces)
    await work.connection.execute(
        "insert into stop (webinar_id, heard_at, due_at, traceparent) select webinar_id, $3, $4, traceparent "
        "from unnest($1::uuid[], $2::text[]) as told (webinar_id, traceparent) on conflict do nothing",
        ids,
        [traces[webinar_id] for webinar_id in ids],
        work.now,
        due_at,
    )


async def take_due_stop(work: Work, *, again_at: datetime) -> Stop | None:
    """Return a stop that is due, and have it looked at again at `again_at`, whatever becomes of it until then."""
    row = await work.connection.fetchrow(
        """
        update stop set due_at = $2
        where webinar_id = (
            select webinar_id from stop where due_at <= $1 order by due_at limit 1 for update skip locked
        )
        returning webinar_id, heard_at, traceparent
        """,
        work.now,
        again_at,
    )
    return Stop(row["webinar_id"], row["heard_at"], row["traceparent"]) if row else None


async def look_again(work: Work, webinar_id: UUID, *, due_at: datetime) -> None:
    """Have a stop looked at again."""
    await work.connection.execute("update stop set due_at = $2 where webinar_id = $1", webinar_id, due_at)


async def forget_stop(work: Work, webinar_id: UUID) -> None:
    """Look at a stop no more."""
    await work.connection.execute("delete from stop where webinar_id = $1", webinar_id)


async def close_ledger(work: Work, webinar_id: UUID) -> None:
    """Note that the outcomes of this webinar are written."""
    await work.connection.execute(
        "update ledger set finalised_at = $2 where webinar_id = $1 and finalised_at is null", webinar_id, work.now
    )
    await forget_stop(work, webinar_id)


async def finalised(work: Work, webinar_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of the webinars whose outcomes are written."""
    rows = await work.connection.fetch(
        "select webinar_id from ledger where webinar_id = any($1::uuid[]) and finalised_at is not null",
        sorted(webinar_ids),
    )
    return {row["webinar_id"] for row in rows}
