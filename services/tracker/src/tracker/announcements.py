"""Domain outcomes as the events that tell of them."""

from datetime import datetime
from uuid import UUID

from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    CompletedBy,
    ParticipationEvent,
    WatchedWindow,
    WebinarCompleted,
    session_id_of,
)

from tracker.domain.participation import Completion, Figures


def entered(webinar_id: UUID, lead_id: str, moment: datetime) -> ClientWebinarEntered:
    """Return the fact that a lead has entered."""
    return ClientWebinarEntered(
        lead_id=lead_id, webinar_id=webinar_id, session_id=session_id_of(lead_id, webinar_id), timestamp=moment
    )


def completed(
    webinar_id: UUID, lead_id: str, completion: Completion
) -> tuple[ClientWebinarCompleted, WebinarCompleted]:
    """Return the two facts that a lead has completed, the same in both forms."""
    first = ClientWebinarCompleted(
        lead_id=lead_id,
        webinar_id=webinar_id,
        session_id=session_id_of(lead_id, webinar_id),
        completed_at=completion.completed_at,
        completed_by=completion.completed_by,
        watched_seconds=completion.figures.watched_seconds,
        base_seconds=completion.figures.base_seconds,
        watched_percent=completion.figures.watched_percent,
    )
    return first, WebinarCompleted(**dict(first))


def evaluation(webinar_id: UUID, lead_id: str, figures: Figures) -> ClientWebinarAttendanceEvaluate:
    """Return the fact that a lead entered and never completed."""
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead_id,
        webinar_id=webinar_id,
        session_id=session_id_of(lead_id, webinar_id),
        watched_seconds=figures.watched_seconds,
        base_seconds=figures.base_seconds,
        watched_percent=figures.watched_percent,
    )


def progress(
    webinar_id: UUID, lead_id: str, figures: Figures, *, completed_by: CompletedBy | None, version: int, final: bool
) -> ParticipationEvent:
    """Return the snapshot of a participation."""
    return ParticipationEvent(
        lead_id=lead_id,
        webinar_id=webinar_id,
        version=version,
        watched_seconds=figures.watched_seconds,
        base_seconds=figures.base_seconds,
        windows=tuple(WatchedWindow(from_=window.start, to=window.end) for window in figures.windows),
        completed_by=completed_by,
        final=final,
    )
