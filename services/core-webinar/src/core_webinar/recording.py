"""Making decisions true: the row, the audit trail and what is announced, in one transaction."""

from collections.abc import Sequence
from typing import Any

from contracts import WebinarFinished, WebinarStarted
from servicekit import Obeyed, Work

from core_webinar import repository
from core_webinar.domain import Authorship, Decision


async def record(work: Work, decisions: Sequence[Decision], by: Authorship, cause: Obeyed[Any] | None = None) -> None:
    """Store and announce what the decisions change; those that change nothing leave no trace."""
    effective = [decision for decision in decisions if decision.is_effective]
    if not effective:
        return
    await repository.store(work, effective, by)
    for decision in effective:
        _announce(work, decision, by, cause)


def _announce(work: Work, decision: Decision, by: Authorship, cause: Obeyed[Any] | None) -> None:
    webinar = decision.after
    # A webinar's messages carry its id from its start on, and before that the id of the command that led to them.
    own_id = str(webinar.webinar_id)
    correlation_id = own_id if cause is None or webinar.started_at else str(cause.message_id)
    work.announce(webinar.as_event(), cause=cause, correlation_id=correlation_id)
    context = by.as_context()
    if decision.started and webinar.started_at:
        started = WebinarStarted(webinar_id=webinar.webinar_id, started_at=webinar.started_at, context=context)
        work.announce(started, cause=cause, correlation_id=own_id)
    if decision.finished and webinar.finished_at:
        finished = WebinarFinished(webinar_id=webinar.webinar_id, finished_at=webinar.finished_at, context=context)
        work.announce(finished, cause=cause, correlation_id=own_id)
