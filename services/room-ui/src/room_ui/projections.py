"""Writing what the other services tell: set-based, the newest version stays, twice changes nothing.

The kit hands batches over sorted by meaning key, one message per key: rows are locked in one order, and no statement
meets the same row twice.
"""

import json
from collections.abc import Sequence

from contracts import (
    ChatLinkEvent,
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CtaClicked,
    CtaShown,
    MessageTemplateEvent,
    ParticipationEvent,
    PostWebinarDelivery,
    WebinarEvent,
)
from servicekit import Work


async def keep_webinars(work: Work, events: Sequence[WebinarEvent]) -> None:
    await work.connection.execute(
        """
        insert into webinar (webinar_id, version, status, cancelled, scheduled_at, started_at, finished_at,
                             duration_minutes, speaker_id, snapshot)
        select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::bool[], $5::timestamptz[], $6::timestamptz[],
                             $7::timestamptz[], $8::int[], $9::text[], $10::jsonb[])
        on conflict (webinar_id) do update
        set version = excluded.version, status = excluded.status, cancelled = excluded.cancelled,
            scheduled_at = excluded.scheduled_at, started_at = excluded.started_at,
            finished_at = excluded.finished_at, duration_minutes = excluded.duration_minutes,
            speaker_id = excluded.speaker_id, snapshot = excluded.snapshot
        where webinar.version < excluded.version
        """,
        [event.webinar_id for event in events],
        [event.version for event in events],
        [event.status.value for event in events],
        [event.cancelled for event in events],
        [event.scheduled_at for event in events],
        [event.started_at for event in events],
        [event.finished_at for event in events],
        [event.duration_minutes for event in events],
        [event.speaker_id for event in events],
        [event.model_dump(mode="json", by_alias=True) for event in events],
    )


async def keep_entered(work: Work, events: Sequence[ClientWebinarEntered]) -> None:
    await work.connection.execute(
        """
        insert into entered (webinar_id, lead_id, session_id, entered_at)
        select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[])
        on conflict (webinar_id, lead_id) do nothing
        """,
        [event.webinar_id for event in events],
        [event.lead_id for event in events],
        [event.session_id for event in events],
        [event.timestamp for event in events],
    )


async def keep_classifications(work: Work, events: Sequence[ClientWebinarAttendanceClassified]) -> None:
    await work.connection.execute(
        """
        insert into classification (webinar_id, lead_id, attended, classified_at, reason, watched_seconds,
                                    base_seconds, watched_percent, rule_version)
        select * from unnest($1::uuid[], $2::text[], $3::bool[], $4::timestamptz[], $5::text[], $6::int[], $7::int[],
                             $8::int[], $9::int[])
        on conflict (webinar_id, lead_id) do nothing
        """,
        [event.webinar_id for event in events],
        [event.lead_id for event in events],
        [event.attended for event in events],
        [event.timestamp for event in events],
        [event.reason for event in events],
        [event.watched_seconds for event in events],
        [event.base_seconds for event in events],
        [event.watched_percent for event in events],
        [event.rule_version for event in events],
    )


async def keep_participations(work: Work, events: Sequence[ParticipationEvent]) -> None:
    await work.connection.execute(
        """
        insert into participation (webinar_id, lead_id, version, watched_seconds, base_seconds, completed_by, final,
                                   windows)
        select webinar_id, lead_id, version, watched_seconds, base_seconds, completed_by, final, windows::jsonb
        from unnest($1::uuid[], $2::text[], $3::bigint[], $4::int[], $5::int[], $6::text[], $7::bool[], $8::text[])
             as told(webinar_id, lead_id, version, watched_seconds, base_seconds, completed_by, final, windows)
        on conflict (webinar_id, lead_id) do update
        set version = excluded.version, watched_seconds = excluded.watched_seconds,
            base_seconds = excluded.base_seconds, completed_by = excluded.completed_by, final = excluded.final,
            windows = excluded.windows
        where participation.version < excluded.version
        """,
        [event.webinar_id for event in events],
        [event.lead_id for event in events],
        [event.version for event in events],
        [event.watched_seconds for event in events],
        [event.base_seconds for event in events],
        [event.completed_by.value if event.completed_by else None for event in events],
        [event.final for event in events],
        # As text: an array of lists would be taken for an array of two dimensions.
        [json.dumps(event.model_dump(mode="json", by_alias=True)["windows"]) for event in events],
    )


async def keep_deliveries(work: Work, events: Sequence[PostWebinarDelivery]) -> None:
    await work.connection.execute(
        """
        insert into delivery (delivery_id, version, webinar_id, lead_id, recipient, step, state, attempts, reason,
                              due_at)
        select * from unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::int[], $9::text[], $10::timestamptz[])
        on conflict (delivery_id) do update
        set version = excluded.version, state = excluded.state, attempts = excluded.attempts,
            reason = excluded.reason, due_at = excluded.due_at
        where delivery.version < excluded.version
        """,
        [event.delivery_id for event in events],
        [event.version for event in events],
        [event.webinar_id for event in events],
        [event.lead_id for event in events],
        [event.recipient.value for event in events],
        [event.step.value for event in events],
        [event.state.value for event in events],
        [event.attempts for event in events],
        [event.reason for event in events],
        [event.due_at for event in events],
    )


async def keep_chat_links(work: Work, events: Sequence[ChatLinkEvent]) -> None:
    await work.connection.execute(
        """
        insert into chat_link (account_id, version, linked, blocked)
        select * from unnest($1::text[], $2::bigint[], $3::bool[], $4::bool[])
        on conflict (account_id) do update
        set version = excluded.version, linked = excluded.linked, blocked = excluded.blocked
        where chat_link.version < excluded.version
        """,
        [event.account_id for event in events],
        [event.version for event in events],
        [event.linked for event in events],
        [event.blocked for event in events],
    )


async def keep_templates(work: Work, events: Sequence[MessageTemplateEvent]) -> None:
    await work.connection.execute(
        """
        insert into message_template (step, locale, version, text)
        select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
        on conflict (step, locale) do update set version = excluded.version, text = excluded.text
        where message_template.version < excluded.version
        """,
        [event.step.value for event in events],
        [event.locale for event in events],
        [event.version for event in events],
        [event.text for event in events],
    )


async def keep_cta(work: Work, kind: str, events: Sequence[CtaShown] | Sequence[CtaClicked]) -> None:
    """`kind`: `shown` or `clicked`. What this service itself has announced is there already."""
    await work.connection.execute(
        """
        insert into cta (webinar_id, lead_id, kind, at)
        select webinar_id, lead_id, $4, at from unnest($1::uuid[], $2::text[], $3::timestamptz[])
             as given(webinar_id, lead_id, at)
        on conflict (webinar_id, lead_id, kind) do nothing
        """,
        [event.webinar_id for event in events],
        [event.lead_id for event in events],
        [event.at for event in events],
        kind,
    )
