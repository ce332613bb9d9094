"""Two of every service share the work; each restarted in turn, or one killed, costs nobody anything but a moment."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from world.audience import INTERVAL_SECONDS, Audience, pressing
from world.caller import error_code
from world.desk import Desk
from world.facts import COMPLETED, NOT_COMPLETED
from world.nginx import nginx_before
from world.pairs import Pairs, two_of_each
from world.people import Person
from world.returning import Returning, distribution
from world.system import World

PEOPLE, TABS = 40, 5
GENEROUS_SECONDS = 15.0
"""For a gap on a machine that has other things to do; `bench/rolling_restart.py` measures it."""


@pytest.fixture(scope="module")
def pairs(the_world: World) -> Iterator[Pairs]:
    """Two of every service."""
    with two_of_each(the_world) as running:
        yield running


@pytest.fixture(scope="module")
def audience(the_world: World) -> list[Person]:
    """Forty signed-in people."""
    _, people = the_world.cast.family(PEOPLE)
    for person in people:
        the_world.cast.caller(person)
    return people


def test_two_of_each_share_the_work_and_do_everything_once(pairs: Pairs, world: World) -> None:
    marks = pairs.marks()
    _, people = world.cast.family(6, linked=True)
    room = Audience(pairs, "По двое", people, tabs=2)
    *staying, leaving, finishing = people
    room.start()
    for person in people:
        room.facts.wait_for("client_webinar_entered", person)
    room.run_for(3)
    room.crowd.leave(leaving.login)
    for button in ("cta/show", "cta/hide", "cta/show", "cta/hide", "cta/show"):
        answer = room.desk.press(room.webinar_id, button)
        assert (answer.status_code, error_code(answer)) == (303, None)
    room.crowd.wait_for("the call to action", lambda state: state["cta_visibility"] == "visible")
    room.run_for(7)
    answer = world.cast.caller(finishing).say("/webinar/v1/finish", {"webinar_id": str(room.webinar_id)})
    assert answer.status_code == 200
    told_by = {said.body["instance_id"] for said in world.wire.of("room_presence", room.webinar_id)}
    assert told_by == {one.name for one in pairs.instances["room-ui"]}
    room.run_for(12)
    holder = pairs.holder_of_telegram()
    holder.kill()
    room.stop()
    room.facts.wait_for_outcome(*people, patience=90)
    for person in people:
        step = "not_attended" if person is leaving else "attended"
        room.facts.wait_for_delivery(person, step, "sent", patience=90)
    assert pairs.holder_of_telegram() is not holder
    holder.start()
    shown = {"cta_shown"}
    for person in staying:
        room.facts.expect(person, COMPLETED | shown)
    room.facts.expect(leaving, NOT_COMPLETED)
    room.facts.expect(finishing, COMPLETED | shown, "room_finish")
    pairs.expect_one_row_each(room.webinar_id, people)
    for person in people:
        assert person.chat_id is not None
        assert len(world.telegram.texts(person.chat_id, "По двое")) == 1
    pairs.wait_until_both_work(marks)


def test_each_restarted_in_turn_with_two_hundred_streams(
    pairs: Pairs, world: World, audience: list[Person], capsys: pytest.CaptureFixture[str]
) -> None:
    room = Audience(pairs, "По очереди", audience, TABS)
    room.start()
    with pressing(room.desk, room.webinar_id) as unanswered:
        for one in pairs.each("room-ui"):
            pairs.restart(one)
        for some in pairs.each("core-webinar", "tracker", "attendance", "post-webinar"):
            pairs.restart(some)
    assert not unanswered, f"of the desk's commands these were not answered: {unanswered}"
    with capsys.disabled():
        sys.stdout.write(f"\nEverything restarted: {distribution(room.crowd.gaps)}\n")
    assert not room.crowd.refusals, room.crowd.refusals[:5]
    assert {gap.name for gap in room.crowd.gaps} == {person.login for person in audience}, "somebody was not moved"
    assert max(gap.seconds for gap in room.crowd.gaps) < GENEROUS_SECONDS
    room.desk.show_cta(room.webinar_id)
    room.crowd.wait_for("the call to action", lambda state: state["cta_visibility"] == "visible")
    room.stop()
    room.everybody_watched_it_all("cta_shown")
    room.nobody_was_counted_twice()


def test_one_of_two_room_uis_killed_with_two_hundred_streams(
    pairs: Pairs, world: World, audience: list[Person], capsys: pytest.CaptureFixture[str]
) -> None:
    room = Audience(pairs, "Один упал", audience, TABS)
    room.start()
    dead = pairs.instances["room-ui"][1]
    room.run_for(3)
    dead.kill()
    killed_at = world.ledger.now()
    assert room.started is not None
    room.crowd.wait_for_gaps(PEOPLE // 2 * TABS)
    with capsys.disabled():
        sys.stdout.write(f"\nOne killed: {distribution(room.crowd.gaps)}\n")
    # Until the others have forgotten what the dead one told, and beyond.
    room.run_for((killed_at - room.started.moment("started_at")).total_seconds() + 3 * INTERVAL_SECONDS + 4)
    room.crowd.wait_for("everybody still counted", lambda state: state["viewers"] == len(audience))
    assert max(gap.seconds for gap in room.crowd.gaps) < GENEROUS_SECONDS
    dead.start()
    room.stop()
    room.everybody_watched_it_all()
    room.nobody_was_counted_twice()


def test_behind_nginx_each_room_ui_restarted_in_turn(pairs: Pairs, world: World, tmp_path: Path) -> None:
    _, people = world.cast.family(6)
    with nginx_before([int(one.environment["HTTP_PORT"]) for one in pairs.instances["room-ui"]], tmp_path) as nginx:
        speaker = world.cast.another_session(world.cast.speaker, connect_to=nginx.address)
        desk = Desk(speaker, world.wire, world.planned.append)
        webinar_id = desk.plan("За nginx")
        crowd = Returning(world.background, nginx.address, webinar_id)
        for person in people:
            crowd.join(person.login, world.cast.caller(person).cookies(), tabs=2)
        crowd.wait_for("the first state", lambda state: True)
        started = desk.start(webinar_id)
        crowd.wait_for("the start", lambda state: state["status"] == "live")
        for person in people:
            caller = world.cast.another_session(person, connect_to=nginx.address)
            assert caller.say("/webinar/v1/seen", {"webinar_id": str(webinar_id)}).status_code == 200
        crowd.wait_for("everybody counted once", lambda state: state["viewers"] == len(people))
        with pressing(desk, webinar_id) as unanswered:
            for one in pairs.each("room-ui"):
                pairs.restart(one)
        assert not unanswered, f"of the desk's commands these were not answered: {unanswered}"
        assert {gap.name for gap in crowd.gaps} == {person.login for person in people}, "somebody was not moved"
        world.let_run(started, 12)
        desk.stop(webinar_id)
        crowd.wait_for("the end", lambda state: state["status"] == "finished")
        crowd.leave()
    facts = world.facts(webinar_id)
    facts.wait_for_outcome(*people, patience=90)
    pairs.expect_one_row_each(webinar_id, people)
