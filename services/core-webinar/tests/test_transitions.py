"""Every transition in every state."""

from datetime import timedelta

import pytest
from contracts import CtaVisibility, ErrorCode, WebinarStatus
from core_webinar import domain
from core_webinar.domain import Refusal, Window
from core_webinar.testing import NOON, webinar

DRAFT, SCHEDULED, LIVE, PAUSED, FINISHED, ARCHIVED = WebinarStatus
SOON = NOON + timedelta(minutes=30)
LATE = NOON + timedelta(minutes=90)

STEPS = {
    "start": domain.start,
    "stop": domain.stop,
    "pause": domain.pause,
    "resume": domain.resume,
    "archive": domain.archive,
}

OUTCOMES = {
    ("start", DRAFT): ErrorCode.INVALID_START,
    ("start", SCHEDULED): LIVE,
    ("start", LIVE): "unchanged",
    ("start", PAUSED): ErrorCode.INVALID_START,
    ("start", FINISHED): ErrorCode.INVALID_RESTART,
    ("start", ARCHIVED): ErrorCode.LOCKED,
    ("stop", DRAFT): ErrorCode.INVALID_STOP,
    ("stop", SCHEDULED): ErrorCode.INVALID_STOP,
    ("stop", LIVE): FINISHED,
    ("stop", PAUSED): FINISHED,
    ("stop", FINISHED): "unchanged",
    ("stop", ARCHIVED): ErrorCode.LOCKED,
    ("pause", DRAFT): ErrorCode.INVALID_STOP,
    ("pause", SCHEDULED): ErrorCode.INVALID_STOP,
    ("pause", LIVE): PAUSED,
    ("pause", PAUSED): "unchanged",
    ("pause", FINISHED): ErrorCode.INVALID_STOP,
    ("pause", ARCHIVED): ErrorCode.LOCKED,
    ("resume", DRAFT): ErrorCode.INVALID_START,
    ("resume", SCHEDULED): ErrorCode.INVALID_START,
    ("resume", LIVE): "unchanged",
    ("resume", PAUSED): LIVE,
    ("resume", FINISHED): ErrorCode.INVALID_RESTART,
    ("resume", ARCHIVED): ErrorCode.LOCKED,
    ("archive", DRAFT): ErrorCode.INVALID_ARCHIVE,
    ("archive", SCHEDULED): ErrorCode.INVALID_ARCHIVE,
    ("archive", LIVE): ErrorCode.INVALID_ARCHIVE,
    ("archive", PAUSED): ErrorCode.INVALID_ARCHIVE,
    ("archive", FINISHED): ARCHIVED,
    ("archive", ARCHIVED): ErrorCode.LOCKED,
}


def test_the_table_speaks_of_every_step_in_every_state() -> None:
    assert set(OUTCOMES) == {(step, status) for step in STEPS for status in WebinarStatus}


@pytest.mark.parametrize(("step", "status"), OUTCOMES)
def test_a_step_leads_where_the_table_says(step: str, status: WebinarStatus) -> None:
    before, outcome = webinar(status), OUTCOMES[step, status]
    if isinstance(outcome, ErrorCode):
        with pytest.raises(Refusal) as refused:
            STEPS[step](before, LATE)
        assert refused.value.code is outcome
        return
    decision = STEPS[step](before, LATE)
    if outcome == "unchanged":
        assert decision.after == before
        assert not decision.is_effective
    else:
        assert decision.after.status is outcome
        assert decision.after.version > before.version
        assert decision.is_effective


def test_a_cancelled_webinar_does_not_start() -> None:
    with pytest.raises(Refusal) as refused:
        domain.start(webinar(SCHEDULED, cancelled=True), NOON)
    assert refused.value.code is ErrorCode.INVALID_START


@pytest.mark.parametrize("status", list(WebinarStatus))
def test_a_word_that_is_neither_start_nor_stop_is_unknown_unless_all_is_locked(status: WebinarStatus) -> None:
    with pytest.raises(Refusal) as refused:
        domain.set_status(webinar(status), "pause", NOON)
    assert refused.value.code is (ErrorCode.LOCKED if status is ARCHIVED else ErrorCode.STATUS_UNKNOWN)


def test_start_and_stop_are_the_words_of_the_command() -> None:
    live = domain.set_status(webinar(SCHEDULED), "start", NOON).after
    assert live.status is LIVE
    assert domain.set_status(live, "stop", SOON).after.status is FINISHED


def test_windows_on_air_leave_the_pauses_out() -> None:
    moments = [NOON + timedelta(minutes=minute) for minute in (0, 10, 15, 40)]
    present = domain.start(webinar(SCHEDULED), moments[0]).after
    present = domain.pause(present, moments[1]).after
    assert present.on_air == (Window(moments[0], moments[1]),)
    present = domain.resume(present, moments[2]).after
    assert present.on_air[-1] == Window(moments[2])
    present = domain.stop(present, moments[3]).after
    assert present.on_air == (Window(moments[0], moments[1]), Window(moments[2], moments[3]))
    assert (present.started_at, present.finished_at) == (moments[0], moments[3])


def test_a_stop_from_paused_opens_and_moves_no_window() -> None:
    paused = webinar(PAUSED)
    assert domain.stop(paused, LATE).after.on_air == paused.on_air


def test_the_end_is_fixed_once() -> None:
    finished = domain.stop(webinar(LIVE), SOON).after
    assert domain.stop(finished, LATE).after.finished_at == SOON
    assert domain.archive(finished, LATE).after.finished_at == SOON


def test_a_clock_that_was_read_too_early_turns_no_window_around() -> None:
    paused = webinar(PAUSED)
    end = paused.on_air[-1].end
    assert end is not None
    assert domain.resume(paused, NOON).after.on_air[-1] == Window(end)
    assert domain.stop(webinar(LIVE), NOON - timedelta(seconds=1)).after.finished_at == NOON


@pytest.mark.parametrize("status", [status for status in WebinarStatus if status is not ARCHIVED])
def test_the_call_to_action_can_be_shown_and_hidden_in_every_state(status: WebinarStatus) -> None:
    shown = domain.set_cta_visibility(webinar(status), True, SOON)
    assert shown.after.cta_visibility is CtaVisibility.VISIBLE
    assert shown.after.status is status
    again = domain.set_cta_visibility(shown.after, True, LATE)
    assert not again.is_effective
    assert domain.set_cta_visibility(shown.after, False, LATE).after.cta_visibility is CtaVisibility.HIDDEN


def test_each_showing_of_the_call_to_action_is_a_window_of_its_own() -> None:
    moments = [NOON + timedelta(minutes=minute) for minute in (-5, 10, 15, 40)]
    present = webinar(SCHEDULED)
    for visible, moment in zip((True, False, True, False), moments, strict=True):
        present = domain.set_cta_visibility(present, visible, moment).after
        assert (present.cta_windows[-1].end is None) is visible
    assert present.cta_windows == (Window(moments[0], moments[1]), Window(moments[2], moments[3]))


def test_showing_again_what_is_shown_opens_no_window() -> None:
    shown = domain.set_cta_visibility(webinar(LIVE), True, SOON).after
    assert domain.set_cta_visibility(shown, True, LATE).after.cta_windows == (Window(SOON),)


def test_a_stop_leaves_the_call_to_action_as_it_is() -> None:
    shown = domain.set_cta_visibility(webinar(LIVE), True, SOON).after
    assert domain.stop(shown, LATE).after.cta_windows == (Window(SOON),)


@pytest.mark.parametrize("visibility", list(CtaVisibility))
def test_what_was_shown_or_hidden_by_the_release_before_is_told_as_far_as_it_is_known(
    visibility: CtaVisibility,
) -> None:
    known = {
        # Shown, and hidden later: neither was written down, or only the beginning.
        CtaVisibility.VISIBLE: ((), False, ()),
        CtaVisibility.HIDDEN: ((Window(NOON),), True, (Window(NOON, SOON), Window(SOON))),
    }
    before, visible, after = known[visibility]
    stray = webinar(LIVE, cta_visibility=visibility, cta_windows=before)
    assert domain.set_cta_visibility(stray, visible, SOON).after.cta_windows == after


def test_the_call_to_action_of_an_archived_webinar_is_locked() -> None:
    with pytest.raises(Refusal) as refused:
        domain.set_cta_visibility(webinar(ARCHIVED), False, LATE)
    assert refused.value.code is ErrorCode.LOCKED


@pytest.mark.parametrize(
    ("started_after", "stops_after"),
    [(0, 120), (-40, 120), (20, 140)],
    ids=["in time", "a sound check before", "late"],
)
def test_core_stops_an_hour_past_the_planned_end(started_after: int, stops_after: int) -> None:
    live = domain.start(webinar(SCHEDULED), NOON + timedelta(minutes=started_after)).after
    assert live.automatic_stop_at == NOON + timedelta(minutes=stops_after)


def test_only_what_is_on_air_or_paused_has_an_automatic_stop() -> None:
    due = {status: webinar(status).automatic_stop_at is not None for status in WebinarStatus}
    assert {status for status, is_due in due.items() if is_due} == {LIVE, PAUSED}


def test_the_snapshot_tells_the_whole_webinar() -> None:
    shown = domain.set_cta_visibility(webinar(LIVE, player_src="https://rutube.ru/play/embed/1"), True, NOON).after
    event = domain.stop(domain.set_cta_visibility(shown, False, SOON).after, SOON).after.as_event()
    assert event.status is FINISHED
    assert event.player_src == "https://rutube.ru/play/embed/1"
    assert [(window.from_, window.to) for window in event.on_air] == [(NOON, SOON)]
    assert [(window.from_, window.to) for window in event.cta_windows] == [(NOON, SOON)]
    assert event.automatic_stop_at is None
    assert b'"from"' in event.to_json()
