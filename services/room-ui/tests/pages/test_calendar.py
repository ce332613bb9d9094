"""The calendar entry: what other calendars do with it rests on a few fields."""

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar
from room_ui.pages.calendar import calendar_entry, sequence_of
from room_ui.testing import NOON, webinar_event

BASE = "https://rooms.example"


def entry_of(**fields: object) -> tuple[dict[str, Any], bytes]:
    content = calendar_entry(webinar_event(**fields), base_url=BASE, now=NOON)  # type: ignore[arg-type]
    [event] = Calendar.from_ical(content).walk("VEVENT")
    return dict(event), content


def test_it_is_in_utc_with_a_length_and_a_way_to_the_room() -> None:
    event, content = entry_of(duration_minutes=90, title="One; two, three")

    assert b"DTSTART:20260302T120000Z" in content
    assert event["DURATION"].dt == timedelta(minutes=90)
    assert event["SUMMARY"] == "One; two, three"
    assert str(event["URL"]).startswith(f"{BASE}/account/webinar_room/")
    assert str(event["UID"]).endswith("@rooms.example")
    assert event["STATUS"] == "CONFIRMED"


def test_it_never_names_player_or_chat() -> None:
    _, content = entry_of()

    assert b"player.example" not in content
    assert b"chat.example" not in content


def test_one_that_was_called_off_says_so_under_the_same_name() -> None:
    webinar = webinar_event(version=int(NOON.timestamp() * 1000))
    off = webinar.model_copy(update={"cancelled": True, "version": webinar.version + 150})
    before, after = (calendar_entry(one, base_url=BASE, now=NOON) for one in (webinar, off))

    first, second = (dict[str, Any](Calendar.from_ical(one).walk("VEVENT")[0]) for one in (before, after))
    assert first["UID"] == second["UID"]
    assert second["STATUS"] == "CANCELLED"
    assert second["SEQUENCE"] > first["SEQUENCE"]


def test_the_sequence_grows_with_the_version_and_fits_a_calendar() -> None:
    made = webinar_event()
    first = int(made.created_at.timestamp() * 1000)
    six_years = 6 * 366 * 24 * 3600 * 1000

    def sequence(version: int) -> int:
        return sequence_of(made.model_copy(update={"version": version}))

    assert sequence(first) < sequence(first + 100) < sequence(first + 250) < sequence(first + six_years) < 2**31
    assert sequence(1) == 0
    assert sequence(first + 20 * six_years) < 2**31


def test_one_without_a_time_has_no_entry() -> None:
    with pytest.raises(ValueError, match="no time"):
        calendar_entry(webinar_event("draft", scheduled_at=None), base_url=BASE, now=NOON)
