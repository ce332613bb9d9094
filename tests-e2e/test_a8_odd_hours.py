"""A8: late, twice, by two at once, never stopped; two on one day, two at once; moved and called off."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import icalendar
from playwright.sync_api import expect
from world.caller import error_code
from world.desk import Desk, from_now, local_time
from world.facts import COMPLETED
from world.people import Cast
from world.rooms import Browsers
from world.system import World
from world.wire import Wire


def test_started_and_stopped_twice_by_two_at_once(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, wire: Wire
) -> None:
    desks = [desk, world.desk_of(cast.one("speaker"))]
    candidate = cast.one()
    webinar_id = desk.plan("Двое за пультом")
    facts = world.facts(webinar_id)
    room = browsers.room(cast.caller(candidate), webinar_id)

    def press_by_both(button: str) -> list[int]:
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda one: one.press(webinar_id, button, confirm="confirm"), desks))
        return [answer.status_code for answer in answers]

    assert press_by_both("start") == [303, 303]
    assert press_by_both("start") == [303, 303]
    [started] = wire.wait_for("webinar_started", webinar_id=webinar_id)
    room.expect_screen("live")
    world.let_run(started, 6)
    assert press_by_both("stop") == [303, 303]
    assert press_by_both("stop") == [303, 303]
    room.expect_screen("finished")

    facts.wait_for_outcome(candidate)
    facts.expect(candidate, COMPLETED)
    assert len(wire.of("webinar_started", webinar_id)) == len(wire.of("webinar_finished", webinar_id)) == 1
    events = {said.body["version"]: said.body for said in wire.of("webinar_event", webinar_id)}
    assert [event["status"] for _, event in sorted(events.items())] == ["scheduled", "live", "finished"]
    assert len({event["started_at"] for event in events.values()}) == 2


def test_a_late_start_is_waited_for(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    webinar_id = desk.plan("Опоздали", ahead=timedelta(0))
    schedule = browsers.page()
    schedule.goto("/webinars/")
    room = browsers.room(cast.caller(cast.one()), webinar_id)

    card = schedule.locator(f'[data-webinar-id="{webinar_id}"]')
    expect(card.get_by_text("Ждём спикера")).to_be_visible()
    expect(room.page.get_by_text("Ждём спикера")).to_be_visible()
    desk.start(webinar_id)
    room.expect_screen("live")
    expect(card).to_have_attribute("data-status", "live")


def test_one_that_is_never_stopped_stops_by_itself(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, wire: Wire
) -> None:
    candidate = cast.one()
    webinar_id = desk.plan("Забыли остановить")
    facts = world.facts(webinar_id)
    room = browsers.room(cast.caller(candidate), webinar_id)
    started = desk.start(webinar_id)
    page = browsers.page(cast.caller(cast.speaker))
    page.goto(f"/admin_webinar/{webinar_id}")
    stops_at = page.locator("[data-automatic-stop]")
    before = datetime.fromisoformat(stops_at.get_attribute("data-automatic-stop") or "")
    page.locator('[name="overrun_minutes"]').click()
    expect(stops_at).to_have_attribute("data-automatic-stop", (before + timedelta(hours=1)).isoformat())
    world.let_run(started, 6)

    # Three hours pass for Core alone.
    moved = "update webinar set automatic_stop_at = now() where webinar_id = $1 returning true"
    assert world.ledger.value("core-webinar", moved, webinar_id)

    [finished] = wire.wait_for("webinar_finished", webinar_id=webinar_id)
    assert finished.body["context"]["source"] == "system"
    room.expect_screen("finished")
    facts.wait_for_outcome(candidate)
    facts.expect(candidate, COMPLETED)
    assert desk.press(webinar_id, "stop", confirm="confirm").status_code == 303
    assert error_code(desk.press(webinar_id, "start", confirm="confirm")) == "webinar_state_invalid_restart"
    assert len(wire.of("webinar_finished", webinar_id)) == 1


def test_two_live_at_once_stay_apart(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    people = {"Утренний": cast.one(), "Вечерний": cast.one()}
    ids = {title: desk.plan(title, cta_text=f"Кнопка: {title}") for title in people}
    rooms = {title: browsers.room(cast.caller(person), ids[title]) for title, person in people.items()}

    first = desk.start(ids["Утренний"])
    rooms["Утренний"].expect_screen("live")
    rooms["Вечерний"].expect_screen("lobby")
    desk.start(ids["Вечерний"])
    rooms["Вечерний"].expect_screen("live")
    desk.show_cta(ids["Вечерний"])
    expect(rooms["Вечерний"].cta).to_have_text("Кнопка: Вечерний")
    expect(rooms["Утренний"].cta).to_be_hidden()
    world.let_run(first, 6)
    desk.stop(ids["Утренний"])
    rooms["Утренний"].expect_screen("finished")
    rooms["Вечерний"].expect_screen("live")
    expect(rooms["Вечерний"].root).to_have_attribute("data-viewers", "1")
    world.facts(ids["Утренний"]).wait_for_outcome(people["Утренний"])
    assert world.facts(ids["Вечерний"]).told_of(people["Вечерний"]).keys() == {"client_webinar_entered", "cta_shown"}
    desk.stop(ids["Вечерний"])
    for room in rooms.values():
        room.expect_screen("finished")
        assert room.is_same_document()

    for title, person in people.items():
        facts = world.facts(ids[title])
        facts.wait_for_outcome(person)
        facts.expect(person, COMPLETED, *(["cta_shown"] if title == "Вечерний" else []))
        assert facts.wait_for("post_webinar_route", person)["route"] == "attended"
    for title, person in (("Утренний", people["Вечерний"]), ("Вечерний", people["Утренний"])):
        world.facts(ids[title]).expect_no_trace(person)


def test_moved_and_called_off_is_said_everywhere(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    webinar_id = desk.plan("Переносы", ahead=timedelta(hours=1))
    guest = cast.guest()
    schedule = browsers.page()
    schedule.goto("/webinars/")
    card = schedule.locator(f'[data-webinar-id="{webinar_id}"]')
    room = browsers.room(cast.caller(cast.one()), webinar_id)

    def calendar() -> Any:
        [entry] = icalendar.Calendar.from_ical(guest.get(f"/webinars/{webinar_id}.ics").text).walk("VEVENT")
        return entry

    first = calendar()
    moved_to = from_now(timedelta(hours=26))
    answer = desk.save("publish", webinar_id=webinar_id, scheduled_at=local_time(moved_to), time_zone="Europe/Moscow")
    assert answer.status_code == 303

    for place in (card.locator("time"), room.page.locator("[data-starts]")):
        expect(place).to_have_attribute("datetime", re.compile(moved_to.strftime("%Y-%m-%dT%H:%M")))
    # A day and a bit: the countdown counts days, too.
    expect(card.locator("[data-remaining]")).to_contain_text("1 день")
    second = calendar()
    assert second.decoded("dtstart") == moved_to
    assert second.decoded("sequence") > first.decoded("sequence")
    assert second["uid"] == first["uid"]

    assert desk.save("cancel", webinar_id=webinar_id, confirm="confirm").status_code == 303
    expect(card).to_have_attribute("data-status", "cancelled")
    expect(card.get_by_text("Этот вебинар отменён.")).to_be_visible()
    expect(room.root).to_have_attribute("data-cancelled", "true")
    expect(room.page.get_by_text("Этот вебинар отменён.")).to_be_visible()
    third = calendar()
    assert str(third["status"]) == "CANCELLED"
    assert third.decoded("sequence") > second.decoded("sequence")
    listed = guest.get("/webinar/v1/webinars").json()["webinars"]
    assert [one["cancelled"] for one in listed if one["webinar_id"] == str(webinar_id)] == [True]

    assert desk.save("restore", webinar_id=webinar_id).status_code == 303
    expect(card).to_have_attribute("data-status", "scheduled")
    expect(room.root).to_have_attribute("data-cancelled", "false")
    assert str(calendar()["status"]) == "CONFIRMED"
    assert room.is_same_document()
