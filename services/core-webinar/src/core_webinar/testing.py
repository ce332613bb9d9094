"""Builders for tests: webinars in every state, commands, accounts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contracts import (
    CAPABILITIES,
    AccountEvent,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    Role,
    StatusContext,
    WebinarStatus,
)
from servicekit import Actor

from core_webinar.domain import CONTESTED, Webinar, Window

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
"""A Tuesday in winter, when Moscow is three hours ahead of UTC."""

ADMIN = Actor("admin-1", CAPABILITIES[Role.ADMIN])
SPEAKER = Actor("speaker-1", CAPABILITIES[Role.SPEAKER])
COLLEAGUE = Actor("speaker-2", CAPABILITIES[Role.SPEAKER])
CANDIDATE = Actor("candidate-1", CAPABILITIES[Role.CANDIDATE])


def webinar(status: WebinarStatus = WebinarStatus.SCHEDULED, **changes: Any) -> Webinar:
    """Return a webinar in that state, planned for noon and running since, as far as the state says so."""
    version = changes.pop("version", 1000)
    started = status not in {WebinarStatus.DRAFT, WebinarStatus.SCHEDULED}
    ended = status in {WebinarStatus.FINISHED, WebinarStatus.ARCHIVED}
    end = NOON + timedelta(minutes=60 if ended else 20)
    windows = (Window(NOON, None if status is WebinarStatus.LIVE else end),) if started else ()
    plain = Webinar(
        webinar_id=uuid4(),
        version=version,
        created_at=NOON - timedelta(days=7),
        owner_id=SPEAKER.account_id,
        speaker_id=SPEAKER.account_id,
        status=status,
        title="How to begin",
        scheduled_at=NOON,
        time_zone="Europe/Moscow",
        started_at=NOON if started else None,
        finished_at=end if ended else None,
        on_air=windows,
        field_versions=dict.fromkeys(CONTESTED, version),
    )
    return replace(plain, **changes)


def upsert_command(webinar_id: UUID | None = None, **said: Any) -> CoreWebinarUpsert:
    """Return the command with these fields beside `webinar_id`, `expected_version` and `action`."""
    return CoreWebinarUpsert.model_validate({"webinar_id": webinar_id, **said})


def status_command(webinar_id: UUID, word: str, reason: str | None = None) -> CoreWebinarSetStatus:
    """Return `start`, `stop` or another word."""
    return CoreWebinarSetStatus(webinar_id=webinar_id, status=word, context=StatusContext(source="desk", reason=reason))


def cta_command(webinar_id: UUID, visible: bool) -> CoreWebinarSetCtaVisibility:
    """Return the command that shows or hides the call to action."""
    return CoreWebinarSetCtaVisibility(webinar_id=webinar_id, visible=visible, context=StatusContext(source="desk"))


def account_event(account_id: str = "speaker-2", role: Role = Role.SPEAKER, **changes: Any) -> AccountEvent:
    """Return an active account of that role."""
    return AccountEvent(**{"account_id": account_id, "role": role, "display_name": "Vera", "version": 1} | changes)
