"""Which webinar is current, what the schedule lists, who sees a draft."""

import random
from datetime import timedelta

import pytest
from contracts import CAPABILITIES, Role, WebinarStatus
from hypothesis import given
from hypothesis import strategies as st
from room_ui import domain
from room_ui.testing import NOON, later, webinar_event

HOUR = timedelta(hours=1)


def test_the_live_one_is_current_before_all_others() -> None:
    early = webinar_event("live", started_at=NOON - HOUR)
    late = webinar_event("live", started_at=NOON)
    others = [webinar_event("paused"), webinar_event("finished", finished_at=NOON), webinar_event(scheduled_at=NOON)]

    assert domain.current_webinar([late, *others, early], NOON) == early


def test_paused_goes_before_just_finished_and_that_before_the_next() -> None:
    paused = webinar_event("paused")
    finished = webinar_event("finished", finished_at=NOON)
    coming = webinar_event(scheduled_at=NOON + timedelta(minutes=5))
    now = NOON + timedelta(minutes=59)

    assert domain.current_webinar([coming, finished, paused], now) == paused
    assert domain.current_webinar([coming, finished], now) == finished
    assert domain.current_webinar([coming, finished], NOON + HOUR) == coming


def test_of_two_just_finished_the_later_is_current() -> None:
    first = webinar_event("finished", finished_at=NOON - timedelta(minutes=30))
    second = webinar_event("finished", finished_at=NOON)

    assert domain.current_webinar([second, first], NOON) == second


def test_the_next_is_the_soonest_that_is_not_cancelled_and_may_still_begin() -> None:
    gone = webinar_event(scheduled_at=NOON - HOUR, duration_minutes=60)
    cancelled = webinar_event(scheduled_at=NOON, cancelled=True)
    waiting = webinar_event(scheduled_at=NOON - timedelta(minutes=59), duration_minutes=60)
    tomorrow = webinar_event(scheduled_at=NOON + timedelta(days=1))
    draft = webinar_event("draft")

    assert domain.current_webinar([draft, tomorrow, gone, cancelled, waiting], NOON) == waiting
    assert domain.current_webinar([draft, tomorrow, gone, cancelled], NOON) == tomorrow
    assert domain.current_webinar([draft, gone, cancelled, webinar_event("archived")], NOON) is None


@given(st.randoms(use_true_random=False))
def test_the_order_in_which_webinars_are_known_does_not_matter(shuffler: random.Random) -> None:
    webinars = [webinar_event(status, webinar_id=f"{number:032x}") for number, status in enumerate(WebinarStatus, 1)]
    webinars += [webinar_event("live", webinar_id=f"{number:032x}") for number in range(20, 23)]
    expected = domain.current_webinar(webinars, NOON)
    shuffler.shuffle(webinars)

    assert domain.current_webinar(webinars, NOON) == expected


def test_the_schedule_has_what_is_on_air_on_top_and_tells_of_what_was_cancelled() -> None:
    live = webinar_event("live", started_at=NOON)
    paused = webinar_event("paused", started_at=NOON - HOUR)
    soon = webinar_event(scheduled_at=NOON + HOUR)
    cancelled = webinar_event(scheduled_at=NOON + timedelta(minutes=1), cancelled=True)
    unlisted = [webinar_event(status) for status in ("draft", "finished", "archived")]
    unlisted.append(webinar_event(scheduled_at=NOON - HOUR, duration_minutes=60))

    assert domain.schedule([soon, *unlisted, cancelled, live, paused], NOON) == [paused, live, cancelled, soon]


@pytest.mark.parametrize(("role", "sees"), [(None, False), *((role, role in {"admin", "speaker"}) for role in Role)])
def test_nobody_but_who_manages_sees_a_draft(role: Role | None, sees: bool) -> None:
    draft = webinar_event("draft")

    assert domain.is_visible_to(draft, CAPABILITIES[role]) is sees
    assert domain.is_visible_to(later(draft, status=WebinarStatus.SCHEDULED), CAPABILITIES[role])


def test_a_version_only_grows_even_when_the_clock_was_set_back() -> None:
    first = domain.newer_version(0, NOON)

    assert domain.newer_version(first, NOON) == first + 1
    assert domain.newer_version(first, NOON - HOUR) == first + 1
    assert domain.newer_version(first, NOON + HOUR) == first + 3_600_000
