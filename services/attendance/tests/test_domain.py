"""The verdict."""

import pytest
from attendance.domain import verdict_of_completion, verdict_of_evaluation, watched_percent
from attendance.testing import START, STOP, completed, evaluation
from contracts import CompletedBy


@pytest.mark.parametrize("by", CompletedBy)
def test_who_completed_attended_whatever_completed_it(by: CompletedBy) -> None:
    verdict = verdict_of_completion(completed("a", by=by))

    assert verdict.attended is True
    assert verdict.reason == by
    assert verdict.timestamp == STOP
    assert verdict.as_attended() is not None


def test_who_did_not_complete_did_not_attend() -> None:
    verdict = verdict_of_evaluation(evaluation("a"), evaluated_at=START)

    assert verdict.attended is False
    assert verdict.reason == "not_completed"
    assert verdict.timestamp == START
    assert verdict.as_attended() is None


@pytest.mark.parametrize(
    ("watched", "base", "percent"), [(0, 3600, 0), (41 * 60, 3600, 68), (3600, 3600, 100), (6000, 3600, 100), (5, 0, 0)]
)
def test_watched_percent_is_the_part_of_the_base_and_at_most_all_of_it(watched: int, base: int, percent: int) -> None:
    assert watched_percent(watched, base) == percent
