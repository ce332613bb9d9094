"""Which values a webinar takes: text, numbers, addresses, platforms, speakers, times."""

from datetime import UTC, datetime
from typing import Any

import pytest
from contracts import CAPABILITIES, Capability, ErrorCode, Role, StreamType, WebinarStatus
from core_webinar import domain
from core_webinar.domain import FRAME_HOSTS, Account
from core_webinar.testing import NOON, VERA, change, refusal, webinar

DRAFT = WebinarStatus.DRAFT

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
    ("poster_url", "https://-example.org/"),
    ("player_src", "https://ｙoutube.com/embed/1"),
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
        ("poster_url", "https://my_bucket.пример.рф/a.jpg", "https://my_bucket.пример.рф/a.jpg"),
        ("cta_link", "https://вебинар.рф:8443/", "https://вебинар.рф:8443/"),
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
