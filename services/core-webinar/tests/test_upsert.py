"""Creating and changing: in which states, in which order of refusals, and whose change wins."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from contracts import ErrorCode, WebinarStatus
from core_webinar.domain import CONTESTED, SETTABLE
from core_webinar.domain.upsert import FIXED_ON_AIR, OPEN_AFTER_THE_END
from core_webinar.testing import NOON, YESTERDAY, change, refusal, webinar

DRAFT, SCHEDULED, LIVE, PAUSED, FINISHED, ARCHIVED = WebinarStatus

OTHER_VALUES: dict[str, Any] = {
    "title": "Another title",
    "description": "Two\nlines",
    "speaker_id": "speaker-2",
    "time_zone": "Asia/Almaty",
    "scheduled_at": "2026-12-03T10:00:00Z",
    "duration_minutes": 90,
    "poster_url": "https://example.org/poster.jpg",
    "recording_url": "https://example.org/recording",
    "stream_type": "zoom",
    "player_src": "https://www.youtube.com/embed/1",
    "chat_src": "https://www.youtube.com/live_chat?v=1",
    "cta_text": "Come along",
    "cta_link": "/account/contacts/",
    "completion_percent": 50,
    "overrun_minutes": 120,
}


def test_the_other_values_speak_of_every_field() -> None:
    assert set(OTHER_VALUES) == set(SETTABLE)


# --- creating ---------------------------------------------------------------------------------------------------------


def test_a_new_webinar_is_a_draft_of_its_creator_with_the_defaults() -> None:
    decision = change(None, title="How to begin")
    created = decision.after
    assert (created.status, created.owner_id, created.speaker_id) == (DRAFT, "speaker-1", "speaker-1")
    assert (created.duration_minutes, created.completion_percent, created.overrun_minutes) == (60, 70, 60)
    assert created.version == int(YESTERDAY.timestamp() * 1000)
    assert created.created_at == YESTERDAY
    assert set(created.field_versions) == set(CONTESTED)
    assert decision.is_effective
    assert decision.before is None


def test_a_new_webinar_can_be_published_at_once() -> None:
    created = change(None, title="How to begin", scheduled_at="2026-12-01T12:00:00Z", action="publish").after
    assert (created.status, created.scheduled_at) == (SCHEDULED, NOON)


def test_a_webinar_that_is_not_there_is_not_made_by_a_change() -> None:
    assert refusal(None, expected_version=7, title="x") == (ErrorCode.NOT_FOUND, None)


def test_what_was_never_published_is_not_cancelled() -> None:
    assert refusal(webinar(DRAFT), action="cancel") == (ErrorCode.INVALID_FIELD, "action")
    assert refusal(None, action="cancel") == (ErrorCode.INVALID_FIELD, "action")


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [LIVE, PAUSED, FINISHED])
@pytest.mark.parametrize("action", ["publish", "cancel"])
def test_what_is_on_air_or_over_does_not_go_back(status: WebinarStatus, action: str) -> None:
    assert refusal(webinar(status), action=action) == (ErrorCode.INVALID_REWIND, None)


@pytest.mark.parametrize("status", list(WebinarStatus))
@pytest.mark.parametrize("field", ["status", "cta_visibility"])
def test_an_upsert_changes_neither_status_nor_visibility(status: WebinarStatus, field: str) -> None:
    code = ErrorCode.LOCKED if status is ARCHIVED else ErrorCode.STATUS_MUTATION_FORBIDDEN
    assert refusal(webinar(status), **{field: "live"}) == (code, None)
    assert refusal(None, **{field: "live"}) == (ErrorCode.STATUS_MUTATION_FORBIDDEN, None)


@pytest.mark.parametrize("field", SETTABLE)
@pytest.mark.parametrize("status", list(WebinarStatus))
def test_a_field_changes_in_just_the_states_that_leave_it_open(status: WebinarStatus, field: str) -> None:
    before = webinar(status)
    options = {field: OTHER_VALUES[field]}
    if status is ARCHIVED:
        assert refusal(before, **options) == (ErrorCode.LOCKED, None)
    elif (status in {LIVE, PAUSED} and field in FIXED_ON_AIR) or (
        status is FINISHED and field not in OPEN_AFTER_THE_END
    ):
        assert refusal(before, **options) == (ErrorCode.FIELD_LOCKED, field)
    else:
        after = change(before, **options).after
        assert getattr(after, field) != getattr(before, field)
        assert after.status is status
        assert after.field_versions[field] == after.version


@pytest.mark.parametrize("status", list(WebinarStatus)[:-1])
def test_sending_everything_back_unchanged_changes_nothing(status: WebinarStatus) -> None:
    before = webinar(status)
    values = {name: getattr(before, name) for name in SETTABLE}
    values["scheduled_at"] = "2026-12-01T15:00"
    decision = change(before, action="draft", expected_version=1, **values)
    assert decision.after == before
    assert not decision.is_effective


def test_cancel_and_restore_are_a_mark_on_a_scheduled_webinar() -> None:
    cancelled = change(webinar(), action="cancel").after
    assert (cancelled.cancelled, cancelled.status) == (True, SCHEDULED)
    assert not change(cancelled, action="cancel").is_effective
    restored = change(cancelled, action="restore").after
    assert restored.cancelled is False
    assert not change(restored, action="restore").is_effective
    assert change(cancelled, action="publish", title="x").after.cancelled is True


def test_a_published_webinar_keeps_its_title_and_time() -> None:
    assert refusal(webinar(), title="  ") == (ErrorCode.INVALID_FIELD, "title")
    assert refusal(webinar(), scheduled_at=None) == (ErrorCode.INVALID_FIELD, "scheduled_at")
    assert change(webinar(DRAFT), title="", scheduled_at="").after.scheduled_at is None


def test_publishing_needs_title_and_time() -> None:
    assert refusal(webinar(DRAFT, title=""), action="publish") == (ErrorCode.INVALID_FIELD, "title")
    assert refusal(webinar(DRAFT, scheduled_at=None), action="publish") == (ErrorCode.INVALID_FIELD, "scheduled_at")


def test_nothing_is_published_into_the_past() -> None:
    late = NOON + timedelta(minutes=1)
    assert refusal(webinar(DRAFT), action="publish", now=late) == (ErrorCode.INVALID_FIELD, "scheduled_at")
    assert refusal(webinar(), scheduled_at="2026-11-29T12:00:00Z") == (ErrorCode.INVALID_FIELD, "scheduled_at")
    assert change(webinar(DRAFT), action="publish", now=NOON + timedelta(seconds=59)).after.status is SCHEDULED
    assert change(webinar(), title="Still to come", now=late, action="publish").after.title == "Still to come"
    assert change(webinar(DRAFT), scheduled_at="2026-11-29T12:00:00Z").is_effective


def test_the_automatic_stop_can_be_put_off_while_live() -> None:
    live = webinar(LIVE)
    later = change(live, overrun_minutes=120, now=NOON + timedelta(minutes=110)).after
    assert live.automatic_stop_at is not None
    assert later.automatic_stop_at == live.automatic_stop_at + timedelta(hours=1)


def test_an_upsert_does_not_stop_what_is_live() -> None:
    live = change(webinar(LIVE), overrun_minutes=240, now=NOON + timedelta(minutes=10)).after
    past = NOON + timedelta(minutes=120)

    assert refusal(live, overrun_minutes=30, now=past) == (ErrorCode.INVALID_FIELD, "overrun_minutes")
    assert change(live, overrun_minutes=61, now=past).is_effective


def test_what_is_restored_has_to_lie_ahead() -> None:
    cancelled = change(webinar(), action="cancel", now=NOON + timedelta(days=1)).after
    late = NOON + timedelta(days=2)

    assert refusal(cancelled, action="restore", now=late) == (ErrorCode.INVALID_FIELD, "scheduled_at")
    moved = change(cancelled, action="restore", now=late, scheduled_at=(late + timedelta(days=1)).isoformat()).after
    assert not moved.cancelled


def test_an_empty_speaker_is_the_creator_whoever_saves() -> None:
    of_another = replace(webinar(), owner_id="speaker-9", speaker_id="speaker-2")

    assert change(of_another, speaker_id="", speaker=None).after.speaker_id == "speaker-9"


# --- order and versions -----------------------------------------------------------------------------------------------


def test_refusals_come_in_the_agreed_order() -> None:
    """Each wish is wrong in every later way too."""
    wrong: dict[str, Any] = {
        "stream_type": "zoom",
        "may_configure": False,
        "status": "live",
        "action": "publish",
        "expected_version": 1,
        "title": "x" * 201,
    }
    assert refusal(None, **wrong) == (ErrorCode.FORBIDDEN, "stream_type")
    assert refusal(webinar(ARCHIVED), **wrong) == (ErrorCode.FORBIDDEN, "stream_type")
    wrong["may_configure"] = True
    assert refusal(None, **wrong) == (ErrorCode.NOT_FOUND, None)
    assert refusal(webinar(ARCHIVED), **wrong) == (ErrorCode.LOCKED, None)
    assert refusal(webinar(LIVE), **wrong) == (ErrorCode.STATUS_MUTATION_FORBIDDEN, None)
    del wrong["status"]
    assert refusal(webinar(LIVE), **wrong) == (ErrorCode.INVALID_REWIND, None)
    wrong["action"] = "explode"
    assert refusal(webinar(LIVE), **wrong) == (ErrorCode.VERSION_CONFLICT, "title")
    wrong["expected_version"] = 1000
    assert refusal(webinar(LIVE), **wrong) == (ErrorCode.INVALID_FIELD, "action")
    del wrong["action"]
    for odd in ("abc", -1, 2**63, True, [1]):
        there, archived = (
            refusal(one, **wrong | {"expected_version": odd}) for one in (webinar(LIVE), webinar(ARCHIVED))
        )
        assert (there, archived) == ((ErrorCode.INVALID_FIELD, "expected_version"), (ErrorCode.LOCKED, None))
    assert refusal(webinar(FINISHED), **wrong) == (ErrorCode.FIELD_LOCKED, "title")
    assert refusal(webinar(LIVE), **wrong) == (ErrorCode.INVALID_FIELD, "title")


def test_two_people_editing_different_fields_both_succeed() -> None:
    read = webinar()
    first = change(read, expected_version=read.version, title="Mine").after
    both = change(first, expected_version=read.version, description="Yours", former={"title": read.title}).after
    assert (both.title, both.description) == ("Mine", "Yours")


def test_two_people_editing_the_same_field_do_not_overwrite_each_other() -> None:
    read = webinar()
    first = change(read, expected_version=read.version, title="Mine").after
    former = {"title": read.title}
    conflict = refusal(first, expected_version=read.version, title="Yours", former=former)
    assert conflict == (ErrorCode.VERSION_CONFLICT, "title")
    assert not change(first, expected_version=read.version, title="Mine", former=former).is_effective
    assert change(first, expected_version=first.version, title="Yours").after.title == "Yours"
    assert change(first, title="Yours").after.title == "Yours"


def test_a_form_that_sends_everything_back_changes_only_what_was_edited_in_it() -> None:
    read = webinar()
    values = {name: getattr(read, name) for name in SETTABLE} | {"scheduled_at": "2026-12-01T15:00"}
    first = change(
        read, expected_version=read.version, **values | {"title": "Mine", "scheduled_at": "2026-12-02T15:00"}
    )
    former = {"title": read.title, "scheduled_at": read.scheduled_at}
    both = change(first.after, expected_version=read.version, former=former, **values | {"description": "Yours"}).after
    assert (both.title, both.description) == ("Mine", "Yours")
    assert both.scheduled_at == NOON + timedelta(days=1)


def test_a_form_read_before_the_webinar_existed_overwrites_nothing() -> None:
    present = webinar()
    assert not change(present, expected_version=0, title=present.title).is_effective
    assert refusal(present, expected_version=0, title="Another") == (ErrorCode.VERSION_CONFLICT, "title")


def test_a_cancel_does_not_undo_a_restore_that_its_asker_has_not_seen() -> None:
    read = webinar()
    restored = change(change(read, action="cancel").after, action="restore").after
    former = {"cancelled": False}
    conflict = refusal(restored, action="cancel", expected_version=read.version, former=former)
    assert conflict == (ErrorCode.VERSION_CONFLICT, "cancelled")


# --- the audit trail --------------------------------------------------------------------------------------------------


def test_changes_tell_field_before_and_after() -> None:
    before = webinar()
    changes = change(before, title="Another", action="cancel").changes
    assert [(each.field, each.before, each.after) for each in changes] == [
        ("title", "How to begin", "Another"),
        ("cancelled", False, True),
    ]


def test_a_new_webinar_tells_what_it_was_made_with() -> None:
    changes = {each.field: each for each in change(None, title="New").changes}
    assert changes["title"].after == "New"
    assert changes["status"].after is DRAFT
    assert "poster_url" not in changes
    assert all(each.before is None for each in changes.values())
