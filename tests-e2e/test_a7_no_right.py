"""A7: a candidate gets nothing done at the desk; a made-up `lead_id` changes nothing."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect
from world.caller import error_code
from world.desk import Desk
from world.people import Cast
from world.rooms import Browsers
from world.system import World
from world.wire import Wire


@pytest.mark.parametrize("role", ["candidate", "partner"])
def test_the_desk_is_closed_to_who_has_no_right(cast: Cast, desk: Desk, wire: Wire, role: str) -> None:
    webinar_id = desk.plan("Чужой пульт")
    person = cast.one(role)
    caller = cast.caller(person)
    one = f"/admin_webinar/{webinar_id}"

    for page in ("/admin_webinar/", "/admin_webinar/new", one, "/admin_webinar/people/", "/admin_webinar/messages/"):
        answer = caller.get(page)
        assert (answer.status_code, error_code(answer)) == (403, "forbidden"), page
    buttons = ("start", "stop", "cta/show", "cta/hide", "followups/hold", "followups/cancel", "overrun")
    for path in ("/admin_webinar/new", one, *(f"{one}/{button}" for button in buttons)):
        answer = caller.post(path, action="publish", title="Моё", confirm="confirm")
        assert (answer.status_code, error_code(answer)) == (403, "forbidden"), path
    switch = caller.post(f"/admin_webinar/people/{cast.speaker.account_id}/deactivate")
    assert (switch.status_code, error_code(switch)) == (403, "forbidden")

    assert [said.topic for said in wire.story_of(webinar_id)] == ["core_webinar_upsert", "webinar_event"]


def test_a_speaker_manages_no_accounts_and_no_texts(cast: Cast) -> None:
    caller = cast.caller(cast.speaker)

    for path in ("/admin_webinar/people/", "/admin_webinar/people/new", "/admin_webinar/messages/"):
        answer = caller.get(path)
        assert (answer.status_code, error_code(answer)) == (403, "forbidden"), path


def test_a_partner_sees_the_report_of_their_own_candidates_alone(
    world: World, cast: Cast, desk: Desk, browsers: Browsers
) -> None:
    partner, [own] = cast.family(1)
    _, [others] = cast.family(1)
    webinar_id = desk.plan("Чьи кандидаты")
    for person in (own, others):
        browsers.room(cast.caller(person), webinar_id)
    started = desk.start(webinar_id)
    world.let_run(started, 6)
    desk.stop(webinar_id)
    world.facts(webinar_id).wait_for_outcome(own, others)
    for person in (own, others):
        world.facts(webinar_id).expect(person, set(world.facts(webinar_id).told_of(person)))

    report = cast.caller(partner).get("/account/candidates/").text

    assert own.name in report
    assert others.name not in report
    desks = desk.caller.get(f"/admin_webinar/{webinar_id}").text
    assert own.name in desks
    assert others.name in desks


def test_a_made_up_lead_id_changes_nothing(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    victim, liar = cast.one(), cast.one()
    webinar_id = desk.plan("Чужое имя")
    facts = world.facts(webinar_id)
    room = browsers.room(cast.caller(liar), webinar_id)
    started = desk.start(webinar_id)
    desk.show_cta(webinar_id)
    facts.wait_for("client_webinar_entered", liar)
    caller = cast.caller(liar)
    caller.client.cookies.set("lead_id", victim.account_id)
    made_up = dict.fromkeys(("lead_id", "account_id", "user_id", "session_id", "leadId"), victim.account_id) | {
        "webinar_id": str(webinar_id)
    }

    for path in ("seen", "finish", "cta_clicked"):
        answer = caller.client.post(
            f"/webinar/v1/{path}",
            params=made_up,
            json=made_up,
            headers={"X-CSRF-Token": caller.token, "X-Lead-Id": victim.account_id},
        )
        assert answer.status_code == 200, answer.text
    assert caller.get("/webinar/v1/state", params=made_up | {"visible": "1"}).status_code == 200
    expect(room.root).to_have_attribute("data-viewers", "1")
    world.let_run(started, 6)
    desk.stop(webinar_id)

    facts.wait_for_outcome(liar)
    facts.expect_no_trace(victim)
    facts.wait_for("cta_clicked", liar)
    facts.wait_for("room_finish", liar)


def test_who_has_gone_is_not_let_in_again(cast: Cast, desk: Desk, world: World) -> None:
    webinar_id = desk.plan("Выход")
    person = cast.one()
    caller, phone = cast.caller(person), cast.another_session(person)
    asked = {"webinar_id": str(webinar_id)}
    kept = caller.cookies()
    assert caller.get("/webinar/v1/state", params=asked).status_code == 200

    assert caller.post("/account/logout/").status_code == 303
    again = cast.guest()
    again.client.cookies.update(kept)
    assert error_code(again.get("/webinar/v1/state", params=asked)) == "unauthenticated"
    assert phone.get("/webinar/v1/state", params=asked).status_code == 200

    with phone.client.stream("GET", "/webinar/v1/state/stream", params=asked, timeout=15) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("data:"))
        cast.switch(person, on=False)
        # The stream of who is switched off ends, within ten seconds.
        assert not [line for line in lines if line.startswith("data:") and "paused" in line]
    assert error_code(phone.get("/webinar/v1/state", params=asked)) == "unauthenticated"
    token_id = uuid4()
    assert person.link
    used = cast.guest().get(person.link.replace(world.base_url, ""), params={"again": str(token_id)})
    assert used.status_code == 410
