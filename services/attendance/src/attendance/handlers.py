"""What attendance does with what it hears."""

from collections.abc import Iterable, Sequence
from typing import Any

from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarEntered,
    WebinarCompleted,
    WebinarEvent,
)
from servicekit import Heard, Router, Work

from attendance import repository
from attendance.domain import Verdict, verdict_of_completion, verdict_of_evaluation

router = Router("attendance")
router.needs_snapshots(WebinarEvent, "webinar")


@router.hears(WebinarCompleted)
async def classify_completed(completions: Sequence[Heard[WebinarCompleted]], work: Work) -> None:
    """Classify the leads who have completed."""
    await _classify(work, ((verdict_of_completion(heard.event), heard) for heard in completions))


@router.hears(ClientWebinarAttendanceEvaluate)
async def classify_incomplete(evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
    """Classify the leads who entered and did not complete."""
    verdicts = ((verdict_of_evaluation(heard.event, evaluated_at=heard.timestamp), heard) for heard in evaluations)
    await _classify(work, verdicts)


async def _classify(work: Work, verdicts: Iterable[tuple[Verdict, Heard[Any]]]) -> None:
    """Write and announce verdicts; a lead has one verdict on a webinar, the first."""
    first: dict[repository.Key, tuple[Verdict, Heard[Any]]] = {}
    for verdict, heard in verdicts:
        first.setdefault((verdict.webinar_id, verdict.lead_id), (verdict, heard))
    rows = {key: (verdict, heard.message_id) for key, (verdict, heard) in first.items()}
    for key in await repository.add_classifications(work, rows):
        verdict, cause = first[key]
        work.announce(verdict.as_classified(), cause=cause)
        attended = verdict.as_attended()
        if attended is not None:
            work.announce(attended, cause=cause)


@router.hears(ClientWebinarEntered)
async def keep_entrances(entrances: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
    """Keep when leads entered, as evidence of the verdict."""
    await repository.keep_entrances(work, [heard.event for heard in entrances])


@router.hears(WebinarEvent)
async def keep_webinars(webinars: Sequence[Heard[WebinarEvent]], work: Work) -> None:
    """Keep plan and time on air of webinars, as evidence of the verdict."""
    await repository.keep_webinars(work, [heard.event for heard in webinars])
