"""Creating and changing: who may, when, which values, whose change wins."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from contracts import CAPABILITIES, Capability, ErrorCode, Role, StreamType, WebinarStatus
from core_webinar import domain
from core_webinar.domain import (
    CONTESTED,
    FRAME_HOSTS,
    SETTABLE,
    Account,
    Decision,
    Refusal,
    Surroundings,
    Upsert,
    Webinar,
)
from core_webinar.domain.upsert import FIXED_ON_AIR, OPEN_AFTER_THE_END
from core_webinar.testing import NOON, webinar

DRAFT, SCHEDULED, LIVE, PAUSED, FINISHED, ARCHIVED = WebinarStatus
YESTERDAY = NOON - timedelta(days=1)
NEW = webinar().webinar_id

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
VERA = Account("speaker-2", 1, Role.SPEAKER, "Vera", active=True)


def change(
    before: Webinar | None,
    *,
    now: datetime = YESTERDAY,
    former: dict[str, Any] | None = None,
    speaker: Account | None = VERA,
    action: str | None = None,
    expected_version: int | None = None,
    may_configure: bool = True,
    **changes: Any,
) -> Decision:
    """Return the decision on an upsert by speaker-1."""
    wish = Upsert(
        before.webinar_id if before else NEW,
        "speaker-1",
        may_configure=may_configure,
        changes=changes,
        expected_version=expected_version,
        action=action,
        may_create=before is None and expected_version in {None, 0},
    )
    return domain.upsert(before, wish, Surroundings(now, FRAME_HOSTS, speaker, former or {}))


def refusal(before: Webinar | None, **options: Any) -> tuple[ErrorCode, str | None]:
    """Return code and field of the refusal that an upsert gets."""
    with pytest.raises(Refusal) as refused:
        change(before, **options)
    return refused.value.code, refused.value.field


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


# --- values -----------------------------------------------------------------------------------------------------------

BAD_VALUES: list[tuple[str, Any]] = [
    ("title", "x" * 201),
    ("title", 5),
    ("title", ["a"]),
    ("title", "two\nlines"),
    ("title", "nul\x00"),
    ("title", "half \ud800"),
    ("description", "x" * 5001),
    ("description", {"a": 1}),
    ("description", "bell \x07"),
    ("speaker_id", "x" * 65),
    ("speaker_id", 7),
    ("time_zone", "Moscow"),
    ("time_zone", "localtime"),
    ("time_zone", "../etc/passwd"),
    ("time_zone", None),
    ("scheduled_at", "tomorrow"),
    ("scheduled_at", "2026-13-01T10:00"),
    ("scheduled_at", "2026-12-01"),
    ("scheduled_at", "0001-01-01T00:00"),
    ("scheduled_at", "9999-12-31T23:59:59Z"),
    ("scheduled_at", 1796126400),
    ("duration_minutes", 4),
    ("duration_minutes", 601),
    ("duration_minutes", 60.5),
    ("duration_minutes", True),
    ("duration_minutes", None),
    ("duration_minutes", "an hour"),
    ("duration_minutes", "²"),
    ("poster_url", "http://example.org/a.jpg"),
    ("poster_url", "javascript:alert(1)"),
    ("poster_url", "https://"),
    ("poster_url", "https://a b/c"),
    ("poster_url", "https://user:secret@example.org/"),
    ("poster_url", "https://example.org/" + "x" * 2000),
    ("poster_url", "https://[::1"),
    ("poster_url", "https://пример.example/"),
    ("poster_url", "https://example.org:99999/"),
    ("recording_url", "ftp://example.org/"),
    ("recording_url", 'https://example.org/"onload='),
    ("player_src", "https://evil.example/embed"),
    ("player_src", "https://www.youtube.com.evil.example/"),
    ("player_src", "https://www.youtube.com@evil.example/"),
    ("player_src", "https://evil.example\\@www.youtube.com/"),
    ("player_src", "https://www.youtube.com:444/"),
    ("player_src", "https://us02web.zoom.us/j/1"),
    ("chat_src", "http://www.youtube.com/live_chat"),
    ("stream_type", "radio"),
    ("stream_type", None),
    ("stream_type", ["embed"]),
    ("cta_text", "x" * 81),
    ("cta_link", "//evil.example/"),
    ("cta_link", "/\\evil.example/"),
    ("cta_link", "javascript:alert(1)"),
    ("cta_link", "http://example.org/"),
    ("cta_link", "account/contacts"),
    ("cta_link", "/" + "x" * 2000),
    ("completion_percent", 0),
    ("completion_percent", 101),
    ("overrun_minutes", 4),
    ("overrun_minutes", 721),
]


@pytest.mark.parametrize(("field", "value"), BAD_VALUES, ids=repr)
def test_a_bad_value_is_refused_with_its_field(field: str, value: Any) -> None:
    assert refusal(webinar(DRAFT), **{field: value}) == (ErrorCode.INVALID_FIELD, field)


@pytest.mark.parametrize(
    "field", ["version", "cancelled", "owner_id", "started_at", "finished_at", "on_air", "created_at"]
)
def test_what_core_sets_alone_cannot_be_set(field: str) -> None:
    assert refusal(webinar(DRAFT), **{field: "x"}) == (ErrorCode.INVALID_FIELD, field)


def test_an_unknown_action_is_refused() -> None:
    assert refusal(webinar(DRAFT), action="explode") == (ErrorCode.INVALID_FIELD, "action")


def test_a_field_that_nobody_knows_is_passed_over() -> None:
    assert not change(webinar(DRAFT), a_field_of_tomorrow="x").is_effective


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("title", "  Spaces around  ", "Spaces around"),
        ("description", "one\r\ntwo", "one\ntwo"),
        ("duration_minutes", "45", 45),
        ("poster_url", "", None),
        ("recording_url", "https://example.org/запись?x=1", "https://example.org/запись?x=1"),
        ("player_src", "https://WWW.YOUTUBE.COM:443/embed/1", "https://WWW.YOUTUBE.COM:443/embed/1"),
        ("cta_link", "/account/contacts/?a=b#c", "/account/contacts/?a=b#c"),
        ("cta_link", None, ""),
    ],
)
def test_a_good_value_is_kept_in_its_plain_form(field: str, given: Any, kept: Any) -> None:
    before = webinar(DRAFT, poster_url="https://example.org/old.jpg", cta_link="/old")
    assert getattr(change(before, **{field: given}).after, field) == kept


@pytest.mark.parametrize("host", sorted(FRAME_HOSTS))
def test_the_built_in_hosts_may_stand_in_frames(host: str) -> None:
    assert change(webinar(DRAFT), player_src=f"https://{host}/x").is_effective


def test_an_outside_platform_is_led_to_and_never_framed() -> None:
    zoom = "https://us02web.zoom.us/j/1"
    outside = change(webinar(), stream_type="zoom", player_src=zoom).after
    assert outside.stream_type is StreamType.ZOOM
    assert refusal(outside, stream_type="embed") == (ErrorCode.INVALID_FIELD, "player_src")
    assert refusal(outside, player_src="https://zoom.us.evil.example/") == (ErrorCode.INVALID_FIELD, "player_src")
    assert change(outside, stream_type="telegram", player_src="https://t.me/joinchat").is_effective


def test_an_operator_adds_frame_hosts() -> None:
    hosts = domain.frame_hosts([" Video.Example.org ", "cdn.example.org:8443", ""])
    assert hosts - FRAME_HOSTS == {"video.example.org", "cdn.example.org:8443"}
    for wrong in ("https://example.org", "a b", "*.example.org", "example.org/path"):
        with pytest.raises(ValueError, match="host name"):
            domain.frame_hosts([wrong])


# --- the platform is for who may configure ---------------------------------------------------------------------------


def test_the_platform_is_for_who_may_configure() -> None:
    assert refusal(webinar(), may_configure=False, stream_type="zoom") == (ErrorCode.FORBIDDEN, "stream_type")
    assert not change(webinar(), may_configure=False, stream_type="embed").is_effective
    assert change(None, may_configure=False, stream_type="embed", title="x").is_effective
    assert refusal(None, may_configure=False, stream_type="zoom") == (ErrorCode.FORBIDDEN, "stream_type")


# --- speakers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("active", [True, False])
def test_a_speaker_is_an_active_account_that_may_manage_webinars(role: Role, active: bool) -> None:
    named = Account("speaker-2", 1, role, "Vera", active)
    if active and Capability.WEBINAR_MANAGE in CAPABILITIES[role]:
        assert change(webinar(), speaker_id="speaker-2", speaker=named).after.speaker_id == "speaker-2"
    else:
        refused = refusal(webinar(), speaker_id="speaker-2", speaker=named)
        assert refused == (ErrorCode.INVALID_FIELD, "speaker_id")


def test_an_unknown_account_is_no_speaker_but_the_creator_is() -> None:
    assert refusal(webinar(), speaker_id="speaker-2", speaker=None) == (ErrorCode.INVALID_FIELD, "speaker_id")
    assert refusal(None, speaker_id="speaker-3", speaker=VERA) == (ErrorCode.INVALID_FIELD, "speaker_id")
    assert change(None, speaker_id="speaker-1", speaker=None, title="x").after.speaker_id == "speaker-1"
    assert change(webinar(speaker_id="speaker-2"), speaker_id="", speaker=None).after.speaker_id == "speaker-1"


def test_a_speaker_who_has_left_is_in_nobodys_way() -> None:
    present = webinar(speaker_id="speaker-2")
    assert change(present, title="x", speaker_id="speaker-2", speaker=None).after.title == "x"


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "instant"),
    [
        ("2027-01-10T19:00", "Europe/Moscow", datetime(2027, 1, 10, 16, tzinfo=UTC)),
        ("2027-01-10T19:00:30", "Europe/Moscow", datetime(2027, 1, 10, 16, 0, 30, tzinfo=UTC)),
        ("2027-01-10T19:00:00+05:00", "Europe/Moscow", datetime(2027, 1, 10, 14, tzinfo=UTC)),
        ("2027-01-10T19:00:00.25Z", "Europe/Moscow", datetime(2027, 1, 10, 19, 0, 0, 250000, tzinfo=UTC)),
        ("2027-10-31T02:30", "Europe/Berlin", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
    ],
    ids=["local", "local with seconds", "an instant", "an instant in UTC", "twice on that night: the first"],
)
def test_a_time_is_an_instant_or_local_in_its_zone(text: str, zone: str, instant: datetime) -> None:
    assert change(webinar(DRAFT), scheduled_at=text, time_zone=zone).after.scheduled_at == instant


def test_a_local_time_that_does_not_exist_is_refused() -> None:
    refused = refusal(webinar(DRAFT), scheduled_at="2027-03-28T02:30", time_zone="Europe/Berlin")
    assert refused == (ErrorCode.INVALID_FIELD, "scheduled_at")


def test_a_local_time_is_read_in_the_zone_beside_it_else_in_the_webinars_own() -> None:
    moved = change(webinar(), scheduled_at="2026-12-05T10:00").after
    assert moved.scheduled_at == datetime(2026, 12, 5, 7, tzinfo=UTC)
    moved = change(webinar(), scheduled_at="2026-12-05T10:00", time_zone="Asia/Almaty").after
    assert moved.scheduled_at == datetime(2026, 12, 5, 5, tzinfo=UTC)
    assert change(webinar(), time_zone="Asia/Almaty").after.scheduled_at == NOON


def test_a_form_that_tells_minutes_does_not_cut_seconds_off() -> None:
    second_pass = datetime(2027, 10, 31, 1, 30, 20, tzinfo=UTC)
    before = webinar(scheduled_at=second_pass, time_zone="Europe/Berlin")
    assert not change(before, scheduled_at="2027-10-31T02:30", time_zone="Europe/Berlin").is_effective


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
