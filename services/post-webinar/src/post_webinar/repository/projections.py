"""Webinars and accounts as their owners last told them."""

from collections.abc import Sequence
from uuid import UUID

from contracts import AccountEvent, WebinarEvent
from servicekit import Heard, Work

_WEBINARS = """
insert into webinar (webinar_id, version, title, scheduled_at, time_zone, started_at, finished_at, cta_link,
                     recording_url, recording_at)
select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::timestamptz[],
                     $7::timestamptz[], $8::text[], $9::text[], $10::timestamptz[])
on conflict (webinar_id) do update set
    version = excluded.version, title = excluded.title, scheduled_at = excluded.scheduled_at,
    time_zone = excluded.time_zone, started_at = excluded.started_at, finished_at = excluded.finished_at,
    cta_link = excluded.cta_link, recording_url = excluded.recording_url,
    recording_at = case when excluded.recording_url is null then null
                        when webinar.recording_url is null then excluded.recording_at
                        else webinar.recording_at end
where webinar.version < excluded.version
"""
_ACCOUNTS = """
insert into account (account_id, version, display_name, role, partner_id, locale, active)
select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
on conflict (account_id) do update set
    version = excluded.version, display_name = excluded.display_name, role = excluded.role,
    partner_id = excluded.partner_id, locale = excluded.locale, active = excluded.active
where account.version < excluded.version
returning account_id, active
"""


async def store_webinars(work: Work, heard: Sequence[Heard[WebinarEvent]]) -> None:
    """Keep the newest snapshot of each; a recording is there since the first snapshot that told of it."""
    events = [one.event for one in heard]
    await work.connection.execute(
        _WEBINARS,
        [event.webinar_id for event in events],
        [event.version for event in events],
        [event.title for event in events],
        [event.scheduled_at for event in events],
        [event.time_zone for event in events],
        [event.started_at for event in events],
        [event.finished_at for event in events],
        [event.cta_link for event in events],
        [event.recording_url or None for event in events],
        [one.timestamp if one.event.recording_url else None for one in heard],
    )


async def store_accounts(work: Work, events: Sequence[AccountEvent]) -> list[str]:
    """Keep the newest snapshot of each; returns those of the changed that are not active."""
    rows = await work.connection.fetch(
        _ACCOUNTS,
        [event.account_id for event in events],
        [event.version for event in events],
        [event.display_name for event in events],
        [event.role.value for event in events],
        [event.partner_id for event in events],
        [event.locale for event in events],
        [event.active for event in events],
    )
    return sorted(row["account_id"] for row in rows if not row["active"])


async def webinar_is_known(work: Work, webinar_id: UUID) -> bool:
    """Whether Core has told of the webinar."""
    return bool(await work.connection.fetchval("select exists (select from webinar where webinar_id = $1)", webinar_id))


async def account_is_active(work: Work, account_id: str) -> bool | None:
    """Whether the account is active; None when it is not known."""
    active: bool | None = await work.connection.fetchval("select active from account where account_id = $1", account_id)
    return active
