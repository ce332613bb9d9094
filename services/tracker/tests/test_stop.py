"""When the outcomes can be written."""

from datetime import timedelta

import pytest
from tracker.domain.stop import PartReport, Wait, may_finalise
from tracker.testing import at

WAIT = Wait(least=timedelta(seconds=3), most=timedelta(seconds=30))
FINISHED = 3


def told(
    instance: str = "room-1",
    *,
    version: int = FINISHED,
    heard: float = 0,
    made: float | None = None,
    part: int = 0,
    parts: int = 1,
    round_: int = 7,
) -> PartReport:
    return PartReport(
        instance_id=instance,
        part=part,
        parts=parts,
        round=round_,
        at=at(heard if made is None else made),
        webinar_version=version,
        interval=timedelta(seconds=5),
        heard_at=at(heard),
    )


def may(*reports: PartReport, now: float, finished: float = 0, heard: float = 0) -> bool:
    """Return the answer `now` seconds after the start, where the finish was heard of at `heard`."""
    return may_finalise(
        reports, finished_version=FINISHED, finished_at=at(finished), heard_at=at(heard), now=at(now), wait=WAIT
    )


@pytest.mark.parametrize(("now", "expected"), [(0, False), (2.9, False), (3, True)])
def test_never_before_three_seconds(now: float, expected: bool) -> None:
    assert may(told(), now=now) is expected


@pytest.mark.parametrize(("now", "expected"), [(29.9, False), (30, True)])
def test_never_after_thirty_seconds(now: float, expected: bool) -> None:
    still_behind = told(version=2, heard=now)

    assert may(still_behind, now=now) is expected


def test_every_instance_is_waited_for() -> None:
    assert not may(told("room-1", heard=1), told("room-2", version=2, heard=1), now=4)
    assert may(told("room-1", heard=1), told("room-2", heard=3), now=4)


def test_an_instance_that_fell_silent_is_not_waited_for() -> None:
    gone = told("room-2", version=2, heard=-12)

    assert not may(told("room-1", heard=1), gone, now=3)
    assert may(told("room-1", heard=1), gone, now=3.1)


def test_no_instance_at_all_is_waited_for_only_the_least() -> None:
    assert may(now=3)


def test_every_part_of_a_round_is_waited_for() -> None:
    first, second = told(part=0, parts=2), told(part=1, parts=2, round_=6)

    assert not may(first, second, now=4)
    assert may(first, told(part=1, parts=2), now=4)


def test_a_part_that_an_earlier_round_had_is_not_waited_for() -> None:
    assert may(told(heard=1, round_=8), told(part=1, parts=2, round_=7, version=2, heard=-1), now=4)


def test_when_the_finish_came_late_those_are_waited_for_who_were_there_before_the_silence() -> None:
    """The broker was away for ten minutes: nobody was heard, and the finish is from the middle of it."""
    before, long_gone = told("room-1", version=2, heard=-600), told("room-2", version=2, heard=-640)

    assert not may(before, long_gone, now=5, finished=-300)
    assert not may(told("room-1", heard=6), told("room-3", version=2, heard=6), now=7, finished=-300)
    assert may(told("room-1", heard=6), long_gone, now=7, finished=-300)
    assert may(before, now=30, finished=-300)


@pytest.mark.parametrize(("now", "expected"), [(50, False), (69.9, False), (70, True)])
def test_a_backlog_that_is_being_read_keeps_the_outcomes_waiting(now: float, expected: bool) -> None:
    """The tracker was away for five minutes and reads for longer than thirty seconds what it has missed."""
    of_before_the_finish = told(version=2, made=-100, heard=40)

    assert may(of_before_the_finish, now=now, finished=-60) is expected


def test_a_backlog_without_an_end_keeps_nobody_waiting_for_ever() -> None:
    assert not may(told(version=2, made=-100, heard=599), now=599.9, finished=-60)
    assert may(told(version=2, made=-100, heard=599), now=600, finished=-60)
