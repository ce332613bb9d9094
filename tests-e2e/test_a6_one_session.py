"""A6: two tabs, a phone, a reconnect, a second instance are one session; hosts leave no trace."""

from datetime import UTC, datetime

from playwright.sync_api import expect
from world.desk import Desk
from world.facts import COMPLETED
from world.people import Cast
from world.rooms import PHONE, Browsers, Room
from world.system import World


def test_tabs_devices_and_instances_are_one_session(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    second = world.stack.add_instance("room-ui")
    try:
        other_instance = f"http://127.0.0.1:{second.environment['HTTP_PORT']}"
        _, [candidate] = cast.family(1)
        webinar_id = desk.plan("Одна сессия")
        facts = world.facts(webinar_id)
        laptop = browsers.context(cast.caller(candidate))
        tabs = [Room.open(laptop.new_page(), webinar_id) for _ in range(2)]
        phone = browsers.room(cast.another_session(candidate), webinar_id, device=PHONE, instance=other_instance)
        started = desk.start(webinar_id)
        for room in (*tabs, phone):
            room.expect_screen("live")
            # On both instances one viewer.
            expect(room.root).to_have_attribute("data-viewers", "1")
        facts.wait_for("client_webinar_entered", candidate)
        told_by = {
            said.body["instance_id"]
            for said in world.wire.wait_for("room_presence", 2, webinar_id=webinar_id)
            if any(entry["account_id"] == candidate.account_id for entry in said.body["entries"])
        }
        assert len(told_by) == 2, told_by

        # A reconnect: one tab goes, the other is loaded again.
        tabs[0].leave()
        tabs[1].page.reload()
        tabs[1].expect_screen("live")
        world.let_run(started, 8)
        finished = desk.stop(webinar_id)
        for room in (tabs[1], phone):
            room.expect_screen("finished")

        facts.wait_for_outcome(candidate)
        facts.expect(candidate, COMPLETED)
        verdict = facts.wait_for("client_webinar_attendance_classified", candidate)
        on_air = (finished.moment("finished_at") - started.moment("started_at")).total_seconds()
        assert on_air - 3 <= verdict["watched_seconds"] <= on_air
        assert verdict["base_seconds"] <= on_air
        [final] = world.wire.wait_for(
            "participation_event", webinar_id=webinar_id, where=lambda body: bool(body.get("final"))
        )
        assert final.body["watched_seconds"] == verdict["watched_seconds"]
        assert all(datetime.fromisoformat(one["to"]) <= datetime.now(UTC) for one in final.body["windows"])
    finally:
        second.stop()


def test_hosts_leave_no_trace(world: World, cast: Cast, desk: Desk, browsers: Browsers) -> None:
    candidate = cast.one()
    webinar_id = desk.plan("Ведущие не в счёт")
    facts = world.facts(webinar_id)
    viewer = browsers.room(cast.caller(candidate), webinar_id)
    hosts = [browsers.room(cast.caller(host), webinar_id) for host in (cast.speaker, cast.admin)]
    started = desk.start(webinar_id)
    for room in (viewer, *hosts):
        room.expect_screen("live")
        expect(room.root).to_have_attribute("data-viewers", "1")
    desk.show_cta(webinar_id)
    for room in hosts:
        expect(room.cta).to_be_visible()
        expect(room.page.locator('[data-action="finish"]')).to_have_count(0)
    with hosts[0].page.expect_popup():
        hosts[0].cta.click()
    for host in (cast.speaker, cast.admin):
        for path in ("finish", "cta_clicked"):
            answer = cast.caller(host).say(f"/webinar/v1/{path}", {"webinar_id": str(webinar_id)})
            assert answer.status_code == 403
    world.let_run(started, 6)
    desk.stop(webinar_id)

    facts.wait_for_outcome(candidate)
    facts.expect(candidate, COMPLETED, "cta_shown")
    for host in (cast.speaker, cast.admin):
        facts.expect_no_trace(host)
