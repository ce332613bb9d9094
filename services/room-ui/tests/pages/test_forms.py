"""The desk's form, as it comes in and as it goes out."""

import json
from uuid import uuid4

from room_ui.pages.forms import command_id, form_id, read_webinar_form, values_of
from room_ui.testing import NOON, webinar_event


def test_the_form_shows_the_local_time_of_the_webinars_zone() -> None:
    values = values_of(webinar_event(scheduled_at=NOON, time_zone="Asia/Yekaterinburg"))

    assert values["scheduled_at"] == "2026-03-02T17:00"
    assert values["poster_url"] == ""
    assert values["duration_minutes"] == "60"


def test_a_form_gives_numbers_links_and_nothing_for_empty_addresses() -> None:
    form = read_webinar_form(
        {
            "title": " How to begin ",
            "description": "one\r\ntwo",
            "duration_minutes": "45",
            "completion_percent": "many",
            "poster_url": "",
            "player_src": "https://youtu.be/dQw4w9WgXcQ",
            "scheduled_at": "2026-03-02T17:00",
            "time_zone": "Europe/Moscow",
            "csrf_token": "secret",
            "lead_id": "somebody",
            "expected_version": "7",
            "action": "publish",
        },
        page_host="rooms.example",
    )

    assert form.changes == {
        "title": "How to begin",
        "description": "one\ntwo",
        "duration_minutes": 45,
        "completion_percent": "many",
        "poster_url": None,
        "player_src": "https://www.youtube.com/embed/dQw4w9WgXcQ",
        "scheduled_at": "2026-03-02T17:00",
        "time_zone": "Europe/Moscow",
    }
    assert (form.expected_version, form.action, form.webinar_id) == (7, "publish", None)


def test_a_forged_status_reaches_core_so_that_core_refuses_it() -> None:
    form = read_webinar_form({"title": "x", "status": "live", "cta_visibility": "visible"}, page_host="")

    assert form.changes == {"title": "x", "status": "live", "cta_visibility": "visible"}


def test_broken_ids_and_versions_are_none() -> None:
    form = read_webinar_form(
        {"webinar_id": "x", "message_id": "1", "expected_version": "-1", "original": "[1"}, page_host=""
    )

    assert (form.webinar_id, form.message_id, form.expected_version, form.original) == (None, None, None, None)
    assert form_id({"message_id": "x"}) != form_id({"message_id": "x"})
    assert read_webinar_form({"original": "[" * 100_000}, page_host="").original is None


def test_edited_are_the_fields_that_differ_from_what_the_page_showed() -> None:
    shown = {"title": "Old", "cta_text": "Join"}
    form = read_webinar_form({"title": "New", "cta_text": "Join", "original": json.dumps(shown)}, page_host="")

    assert form.edited == {"title": "New"}
    assert read_webinar_form({"title": "New", "cta_text": "Join"}, page_host="").edited == {
        "title": "New",
        "cta_text": "Join",
    }


def test_a_double_click_is_one_command_and_an_edit_is_another() -> None:
    one = uuid4()

    assert command_id(one, "upsert", {"title": "a"}) == command_id(one, "upsert", {"title": "a"})
    assert command_id(one, "upsert", {"title": "a"}) != command_id(one, "upsert", {"title": "b"})
    assert command_id(one, "upsert", {"title": "a"}) != command_id(uuid4(), "upsert", {"title": "a"})
