"""Builders for tests."""

from datetime import UTC, datetime
from uuid import UUID

from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarEntered,
    CompletedBy,
    WebinarCompleted,
    WebinarEvent,
    WebinarStatus,
    session_id_of,
)

WEBINAR = UUID("3f0a1f7c-5f2e-4f0e-9a44-2f1d5d0a6b10")
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
STOP = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)


def completed(
    lead_id: str,
    *,
    by: CompletedBy = CompletedBy.PRESENT_AT_STOP,
    watched: int = 3600,
    base: int = 3600,
    webinar_id: UUID = WEBINAR,
) -> WebinarCompleted:
    """Return the fact that a lead has completed; `watched` and `base` in seconds."""
    return WebinarCompleted(
        lead_id=lead_id,
        webinar_id=webinar_id,
        session_id=session_id_of(lead_id, webinar_id),
        completed_at=STOP,
        completed_by=by,
        watched_seconds=watched,
        base_seconds=base,
    )


def evaluation(
    lead_id: str, *, watched: int = 60, base: int = 3600, webinar_id: UUID = WEBINAR
) -> ClientWebinarAttendanceEvaluate:
    """Return the fact that a lead entered and did not complete; `watched` and `base` in seconds."""
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead_id,
        webinar_id=webinar_id,
        session_id=session_id_of(lead_id, webinar_id),
        watched_seconds=watched,
        base_seconds=base,
    )


def entered(lead_id: str, *, when: datetime = START, webinar_id: UUID = WEBINAR) -> ClientWebinarEntered:
    """Return the fact that a lead has entered."""
    return ClientWebinarEntered(
        lead_id=lead_id, webinar_id=webinar_id, session_id=session_id_of(lead_id, webinar_id), timestamp=when
    )


def webinar(*, version: int, title: str = "How partners work") -> WebinarEvent:
    """Return a snapshot of a webinar that is live."""
    return WebinarEvent(
        webinar_id=WEBINAR,
        version=version,
        status=WebinarStatus.LIVE,
        title=title,
        created_at=START,
        owner_id="speaker",
        started_at=START,
    )
