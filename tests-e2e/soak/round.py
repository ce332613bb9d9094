"""One round of the loop: planned, started, watched, stopped at the desk in a browser; then everybody's outcome."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from playwright.sync_api import Page, expect
from world.rooms import Room
from world.streams import Crowd
from world.system import World

from soak.parts import Member, Part

LEAVE_AFTER, STOP_AFTER = 4.0, 13.0
"""Seconds on the air: who has left by the first had less than the minimum, and the stop is far from it."""


@dataclass(frozen=True)
class Played:
    """A round that was played; `seconds` from the planning to the last message sent."""

    number: int
    webinar_id: UUID
    title: str
    seconds: float


def play(world: World, number: int, members: Sequence[Member], speaker: Page, viewer: Page) -> Played:
    """Play one round with the speaker's and a viewer's browser, and everybody else on a stream."""
    began = time.monotonic()
    title = f"Круг {number}."
    webinar_id = world.desk.plan(title, cta_link="https://offers.example/soak")
    facts = world.facts(webinar_id)
    by_part = {part: [member.person for member in members if member.part is part] for part in Part}
    [watcher] = by_part[Part.WATCHES_IN_A_BROWSER]
    crowd = Crowd(world.background, world.base_url, webinar_id)
    crowd.join(
        {
            member.person.login: world.cast.caller(member.person).cookies()
            for member in members
            if member.person is not watcher
        }
    )
    room = Room.open(viewer, webinar_id)
    room.expect_screen("lobby")

    press(speaker, webinar_id, "start")
    [started] = world.wire.wait_for("webinar_started", webinar_id=webinar_id)
    room.expect_screen("live")
    for member in members:
        # As their pages' scripts do when the webinar goes on the air.
        if member.person is not watcher:
            answer = world.cast.caller(member.person).say("/webinar/v1/seen", {"webinar_id": str(webinar_id)})
            assert answer.status_code == 200, answer.text
    for person in by_part[Part.LEAVES]:
        facts.wait_for("client_webinar_entered", person)
    world.let_run(started, LEAVE_AFTER)
    crowd.leave(*(person.login for person in by_part[Part.LEAVES]))
    press(speaker, webinar_id, "cta/show")
    expect(room.cta).to_be_visible()
    with viewer.expect_popup() as popup:
        room.cta.click()
    popup.value.close()
    world.let_run(started, LEAVE_AFTER + 4)
    for person in by_part[Part.FINISHES]:
        answer = world.cast.caller(person).say("/webinar/v1/finish", {"webinar_id": str(webinar_id)})
        assert answer.status_code == 200, answer.text
    crowd.leave(*(person.login for person in by_part[Part.FINISHES]))
    world.let_run(started, STOP_AFTER)
    press(speaker, webinar_id, "stop")
    room.expect_screen("finished")
    assert room.is_same_document()
    crowd.wait_for(lambda stream: stream.first("finished") is not None)
    crowd.leave()

    facts.wait_for_outcome(*(member.person for member in members))
    for member in members:
        step = "not_attended" if member.part is Part.LEAVES else "attended"
        facts.wait_for_delivery(member.person, step, "sent", patience=60)
    return Played(number, webinar_id, title, time.monotonic() - began)


def press(page: Page, webinar_id: UUID, button: str) -> None:
    """Press a button of the desk's page, and confirm where it asks."""
    page.goto(f"/admin_webinar/{webinar_id}")
    page.locator(f'form[action$="/{button}"] button').click()
    expect(page.locator(".notice.good, [data-confirm]").first).to_be_visible()
    if page.locator("[data-confirm]").count():
        page.locator('button[value="confirm"]').click()
        expect(page.locator(".notice.good").first).to_be_visible()
