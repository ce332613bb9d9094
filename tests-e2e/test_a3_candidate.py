"""A3: a candidate waits in the lobby, sees the player at once, finishes or stays; each fact follows, once."""

import re
from datetime import timedelta

from playwright.sync_api import expect
from world.desk import EMBEDDED, Desk
from world.facts import COMPLETED
from world.line import Line
from world.people import Cast
from world.rooms import PHONE, Browsers
from world.system import World
from world.telegram import Telegram

AT_ONCE = timedelta(seconds=1)


def test_who_stays_and_who_finishes_have_attended(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, telegram: Telegram
) -> None:
    partner, [stays, finishes] = cast.family(2, linked=True)
    webinar_id = desk.plan("От лобби до спасибо", description="Расскажем всё.", cta_link="https://offers.example/1")
    facts = world.facts(webinar_id)
    rooms = {person.login: browsers.room(cast.caller(person), webinar_id) for person in (stays, finishes)}
    staying, finishing = rooms[stays.login], rooms[finishes.login]
    for room in rooms.values():
        room.expect_screen("lobby")
        expect(room.page.locator("[data-remaining]")).to_contain_text(re.compile(r"\d\d:\d\d"))
        expect(room.player).to_have_count(0)
    expect(staying.root).to_have_attribute("data-viewers", "2")

    started = desk.start(webinar_id)

    for room in rooms.values():
        expect(room.player).to_have_attribute("src", EMBEDDED)
        assert room.shown_at("live") - started.moment("started_at") < AT_ONCE
        assert room.is_same_document()
    for person in (stays, finishes):
        entered = facts.wait_for("client_webinar_entered", person)
        assert entered["webinar_type"] == "live"
        assert entered["timestamp"] >= started.body["started_at"]

    world.let_run(started, 6)
    finishing.finish()
    expect(finishing.page.get_by_text("Спасибо за участие!", exact=True)).to_be_visible()
    expect(finishing.player).to_have_count(0)
    completed = facts.wait_for("webinar_completed", finishes)
    assert (completed["completed_by"], completed["watched_seconds"] >= 5) == ("finish", True)
    # There is a way back while it is on the air.
    finishing.page.locator('[data-action="return"]').click()
    expect(finishing.player).to_have_attribute("src", EMBEDDED)

    desk.show_cta(webinar_id)
    finished = desk.stop(webinar_id)

    for room in rooms.values():
        assert room.shown_at("finished") - finished.moment("finished_at") < AT_ONCE
        assert room.is_same_document()
        expect(room.player).to_have_count(0)
        expect(room.cta).to_be_visible()
        expect(room.page.get_by_text("Спасибо всем, кто участвовал!")).to_be_visible()
    facts.wait_for_outcome(stays, finishes)
    facts.expect(stays, COMPLETED, "cta_shown")
    facts.expect(finishes, COMPLETED, "cta_shown", "room_finish")
    assert facts.wait_for("webinar_completed", stays)["completed_by"] == "present_at_stop"
    for person in (stays, finishes):
        assert facts.wait_for("client_webinar_attendance_classified", person)["attended"] is True
        assert facts.wait_for("post_webinar_route", person)["route"] == "attended"
        [one] = facts.said("client_webinar_completed", person)
        assert one.body == facts.wait_for("webinar_completed", person)
        assert one.correlation_id == str(webinar_id)

    for room in rooms.values():
        room.page.reload()
        room.expect_screen("finished")
        expect(room.cta).to_be_visible()
        expect(room.cta).to_have_attribute("href", "https://offers.example/1")
    [text] = telegram.wait_for(stays.chat_id or 0, "От лобби до спасибо")
    assert text.startswith(f"{stays.name}, ")
    assert partner.chat_id is not None
    [notice] = telegram.wait_for(partner.chat_id, "От лобби до спасибо")
    assert stays.name in notice
    assert finishes.name in notice


def test_the_call_to_action_interrupts_nothing_and_is_told_once(
    world: World, cast: Cast, desk: Desk, browsers: Browsers
) -> None:
    clicks, looks = cast.one(), cast.one()
    webinar_id = desk.plan("Кнопка", cta_link="https://offers.example/2", cta_text="За билетом")
    facts = world.facts(webinar_id)
    room, _ = (browsers.room(cast.caller(person), webinar_id) for person in (clicks, looks))
    desk.start(webinar_id)
    room.expect_screen("live")
    expect(room.cta).to_be_hidden()

    desk.show_cta(webinar_id)

    for person in (clicks, looks):
        facts.wait_for("cta_shown", person)
    expect(room.cta).to_have_text("За билетом")
    for _ in range(2):
        with room.page.expect_popup() as popup:
            room.cta.click()
        assert popup.value.url == "https://offers.example/2"
        popup.value.close()
    facts.wait_for("cta_clicked", clicks)
    room.expect_screen("live")
    expect(room.player).to_have_count(1)
    assert room.is_same_document()
    # Asked to be shown again, it is news to nobody.
    desk.press(webinar_id, "cta/hide")
    expect(room.cta).to_be_hidden()
    desk.show_cta(webinar_id)
    expect(room.cta).to_be_visible()
    facts.wait_for("client_webinar_entered", looks)
    assert facts.told_of(clicks) == {"client_webinar_entered": 1, "cta_shown": 1, "cta_clicked": 1}
    assert facts.told_of(looks) == {"client_webinar_entered": 1, "cta_shown": 1}


def test_the_room_tells_who_is_here_and_nothing_else_of_them(
    cast: Cast, desk: Desk, browsers: Browsers, world: World
) -> None:
    partner, [candidate] = cast.family(1)
    webinar_id = desk.plan("Кто здесь")
    desk.start(webinar_id)
    for one in (partner, cast.speaker):
        browsers.room(cast.caller(one), webinar_id)

    room = browsers.room(cast.caller(candidate), webinar_id, device=PHONE)

    expect(room.page.locator("[data-people] .name")).to_have_count(3)
    assert room.names() == ["Сергей Спикер", *sorted([candidate.name, partner.name])]
    expect(room.root).to_have_attribute("data-viewers", "2")
    found = cast.caller(candidate).get("/webinar/v1/participants", params={"webinar_id": str(webinar_id)})
    assert {name for one in found.json()["participants"] for name in one} == {"name", "role", "country", "host"}
    people = (candidate, partner, cast.speaker)
    assert [one.account_id for one in people if one.account_id in found.text] == []
    assert {one["name"] for one in found.json()["participants"]} == {one.name for one in people}
    searched = cast.caller(candidate).get(
        "/webinar/v1/participants", params={"webinar_id": str(webinar_id), "q": "полина"}
    )
    assert [one["name"] for one in searched.json()["participants"]] == [partner.name]


def test_the_short_addresses_lead_to_the_current_room(cast: Cast, desk: Desk) -> None:
    webinar_id = desk.plan("Сейчас в эфире")
    desk.start(webinar_id)
    viewer = cast.caller(cast.one())

    assert viewer.get("/live_room/").headers["location"] == "/account/webinar_room/"
    assert viewer.get("/account/webinar_room/").headers["location"] == f"/account/webinar_room/{webinar_id}"
    assert viewer.get("/webinar/v1/state").json()["webinar_id"] == str(webinar_id)
    desk.stop(webinar_id)
    assert viewer.get("/account/webinar_room/").headers["location"] == f"/account/webinar_room/{webinar_id}"


def test_the_state_is_told_and_asked_in_the_agreed_form(cast: Cast, desk: Desk) -> None:
    webinar_id = desk.plan("Состояние", chat_src="https://www.youtube.com/watch?v=aqz-KE-bpKQ")
    viewer = cast.caller(cast.one())
    asked = {"webinar_id": str(webinar_id)}

    lobby = viewer.get("/webinar/v1/state", params=asked)
    assert (lobby.json()["status"], lobby.json()["player_src"], lobby.json()["chat_src"]) == ("scheduled", None, None)
    unchanged = viewer.get("/webinar/v1/state", params=asked, headers={"If-None-Match": lobby.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    desk.start(webinar_id)
    live = viewer.get("/webinar/v1/state", params=asked, headers={"If-None-Match": lobby.headers["etag"]}).json()
    assert live["version"] > lobby.json()["version"]
    assert (live["status"], live["player_src"]) == ("live", EMBEDDED)
    assert live["chat_src"].startswith("https://www.youtube.com/live_chat?v=aqz-KE-bpKQ&embed_domain=")
    assert {"server_time", "viewers", "cta", "cta_visibility", "title", "started_at"} <= live.keys()


def test_a_contact_card_is_that_of_the_own_partner(cast: Cast, browsers: Browsers) -> None:
    partner, [candidate] = cast.family(1)
    page = browsers.page(cast.caller(candidate))

    page.goto("/account/contacts/")
    expect(page.get_by_role("heading", name=partner.name, exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Написать в Telegram")).to_have_attribute(
        "href", f"https://t.me/partner_{partner.login.removeprefix('p')}"
    )
    assert cast.caller(cast.one()).get("/account/contacts/").status_code == 200


def test_a_lost_connection_is_said_and_mends_itself(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    line = Line(world.background, world.base_url)
    viewer = cast.one()
    webinar_id = desk.plan("Обрыв")
    facts = world.facts(webinar_id)
    room = browsers.room(cast.caller(viewer), webinar_id, instance=line.address)
    desk.start(webinar_id)
    room.expect_screen("live")
    facts.wait_for("client_webinar_entered", viewer)

    line.cut()
    expect(room.page.locator('[data-banner="lost"]')).to_be_visible()
    desk.show_cta(webinar_id)
    line.mend()

    expect(room.page.locator('[data-banner="lost"]')).to_be_hidden()
    expect(room.cta).to_be_visible()
    assert room.is_same_document()
    desk.stop(webinar_id)
    room.expect_screen("finished")
    line.close()
    # A short break costs nobody their minutes.
    facts.wait_for_outcome(viewer)
    verdict = facts.wait_for("client_webinar_attendance_classified", viewer)
    assert verdict["watched_seconds"] >= verdict["base_seconds"] - 2
