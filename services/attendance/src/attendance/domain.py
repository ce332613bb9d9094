"""The verdict on one lead in one webinar."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarAttendanceEvaluate,
    UserAttended,
    WebinarCompleted,
)

RULE_VERSION = 1
"""Completed: attended. Entered and not completed: not attended."""

NOT_COMPLETED = "not_completed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a lead attended a webinar, since when that holds, why, and the figures behind it."""

    lead_id: str
    webinar_id: UUID
    session_id: UUID
    attended: bool
    timestamp: datetime
    reason: str
    watched_seconds: int
    base_seconds: int
    watched_percent: int

    def as_classified(self) -> ClientWebinarAttendanceClassified:
        """Return the verdict as the fact that is announced."""
        return ClientWebinarAttendanceClassified(
            lead_id=self.lead_id,
            webinar_id=self.webinar_id,
            attended=self.attended,
            timestamp=self.timestamp,
            reason=self.reason,
            watched_seconds=self.watched_seconds,
            base_seconds=self.base_seconds,
            watched_percent=self.watched_percent,
            rule_version=RULE_VERSION,
        )

    def as_attended(self) -> UserAttended | None:
        """Return the conversion fact; `None` for who did not attend."""
        if not self.attended:
            return None
        return UserAttended(lead_id=self.lead_id, webinar_id=self.webinar_id, timestamp=self.timestamp)


def watched_percent(told: int | None, watched_seconds: int, base_seconds: int) -> int:
    """Return the watched part of the base in whole percent, 0 to 100.

    The tracker tells it; without its word it is at most what all seconds watched make of the base, an early sound
    check among them.
    """
    if told is not None:
        return told
    if base_seconds <= 0:
        return 0
    return min(100, watched_seconds * 100 // base_seconds)


def verdict_of_completion(completed: WebinarCompleted) -> Verdict:
    """Return the verdict on who has completed: attended, from the moment of completing."""
    return Verdict(
        lead_id=completed.lead_id,
        webinar_id=completed.webinar_id,
        session_id=completed.session_id,
        attended=True,
        timestamp=completed.completed_at,
        reason=completed.completed_by.value,
        watched_seconds=completed.watched_seconds,
        base_seconds=completed.base_seconds,
        watched_percent=watched_percent(completed.watched_percent, completed.watched_seconds, completed.base_seconds),
    )


def verdict_of_evaluation(evaluation: ClientWebinarAttendanceEvaluate, *, evaluated_at: datetime) -> Verdict:
    """Return the verdict on who entered and did not complete; `evaluated_at` is when the tracker said so."""
    return Verdict(
        lead_id=evaluation.lead_id,
        webinar_id=evaluation.webinar_id,
        session_id=evaluation.session_id,
        attended=False,
        timestamp=evaluated_at,
        reason=NOT_COMPLETED,
        watched_seconds=evaluation.watched_seconds,
        base_seconds=evaluation.base_seconds,
        watched_percent=watched_percent(
            evaluation.watched_percent, evaluation.watched_seconds, evaluation.base_seconds
        ),
    )
