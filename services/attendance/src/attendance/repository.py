"""Every SQL statement of attendance; speaks domain types, never commits, writes sorted by key."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from contracts import ClientWebinarEntered, WebinarEvent
from servicekit import Work

from attendance.domain import RULE_VERSION, Verdict

Key = tuple[UUID, str]
"""Webinar and lead."""


async def add_classifications(work: Work, verdicts: Mapping[Key, tuple[Verdict, UUID]]) -> list[Key]:
    """Write `(verdict, id of the message it is from)`; returns, sorted, those on whom there was no verdict yet."""
    rows = [verdicts[key] for key in sorted(verdicts)]
    added = await work.connection.fetch(
        """
        insert into classification (webinar_id, lead_id, session_id, attended, timestamp, reason, watched_seconds,
                                    base_seconds, watched_percent, decided_from, rule_version, classified_at)
        select *, $11, $12 from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bool[], $5::timestamptz[], $6::text[],
                                       $7::int[], $8::int[], $9::int[], $10::uuid[])
        on conflict (webinar_id, lead_id) do nothing
        returning webinar_id, lead_id
        """,
        [verdict.webinar_id for verdict, _ in rows],
        [verdict.lead_id for verdict, _ in rows],
        [verdict.session_id for verdict, _ in rows],
        [verdict.attended for verdict, _ in rows],
        [verdict.timestamp for verdict, _ in rows],
        [verdict.reason for verdict, _ in rows],
        [verdict.watched_seconds for verdict, _ in rows],
        [verdict.base_seconds for verdict, _ in rows],
        [verdict.watched_percent for verdict, _ in rows],
        [message_id for _, message_id in rows],
        RULE_VERSION,
        work.now,
    )
    return sorted((row["webinar_id"], row["lead_id"]) for row in added)


async def keep_entrances(work: Work, entrances: Iterable[ClientWebinarEntered]) -> None:
    """Keep when leads entered; the first that was told of each stands."""
    rows = sorted(entrances, key=lambda entered: (entered.webinar_id, entered.lead_id))
    await work.connection.execute(
        """
        insert into entrance (webinar_id, lead_id, session_id, entered_at)
        select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
        on conflict (webinar_id, lead_id) do nothing
        """,
        [entered.webinar_id for entered in rows],
        [entered.lead_id for entered in rows],
        [entered.session_id for entered in rows],
        [entered.timestamp for entered in rows],
    )


async def keep_webinars(work: Work, webinars: Iterable[WebinarEvent]) -> None:
    """Keep the highest version of each webinar."""
    rows = sorted(webinars, key=lambda webinar: webinar.webinar_id)
    await work.connection.execute(
        """
        insert into webinar (webinar_id, version, status, title, scheduled_at, duration_minutes, completion_percent,
                             started_at, finished_at)
        select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::int[],
                             $7::int[], $8::timestamptz[], $9::timestamptz[])
        on conflict (webinar_id) do update
        set version = excluded.version, status = excluded.status, title = excluded.title,
            scheduled_at = excluded.scheduled_at, duration_minutes = excluded.duration_minutes,
            completion_percent = excluded.completion_percent, started_at = excluded.started_at,
            finished_at = excluded.finished_at
        where webinar.version < excluded.version
        """,
        [webinar.webinar_id for webinar in rows],
        [webinar.version for webinar in rows],
        [webinar.status.value for webinar in rows],
        [webinar.title for webinar in rows],
        [webinar.scheduled_at for webinar in rows],
        [webinar.duration_minutes for webinar in rows],
        [webinar.completion_percent for webinar in rows],
        [webinar.started_at for webinar in rows],
        [webinar.finished_at for webinar in rows],
    )


async def latest_verdicts(work: Work, *, within: timedelta) -> list[Verdict]:
    """Return, in order, the verdicts of at most so long before the last one."""
    rows = await work.connection.fetch(
        """
        select lead_id, webinar_id, session_id, attended, timestamp, reason, watched_seconds, base_seconds,
               watched_percent
        from classification where classified_at >= (select max(classified_at) from classification) - $1::interval
        order by webinar_id, lead_id
        """,
        within,
    )
    return [Verdict(**dict(row)) for row in rows]
