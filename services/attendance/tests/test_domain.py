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
    ("told", "watched", "base", "percent"),
    [
        (None, 0, 3600, 0),
        (None, 41 * 60, 3600, 68),
        (None, 3600, 3600, 100),
        (None, 6000, 3600, 100),
        (None, 5, 0, 0),
        (40, 3600, 3600, 40),
        (0, 600, 3600, 0),
    ],
)
def test_the_tracker_s_word_on_the_watched_part_counts_and_without_it_at_most_all_of_the_base(
    told: int | None, watched: int, base: int, percent: int
) -> None:
    assert watched_percent(told, watched, base) == percent
