"""A9: with any one service stopped the others go on; nothing is lost, and what waited is done when it is back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from playwright.sync_api import expect
from world.caller import Caller, error_code
from world.desk import Desk
from world.facts import COMPLETED, Facts
from world.people import Cast, Person
from world.rooms import Browsers, Room
from world.system import World
from world.telegram import Telegram

STOP_SECONDS = 10.0


@contextmanager
def stopped(world: World, service: str, *, hard: bool = False) -> Iterator[None]:
    """Be without a service: asked to end, or killed as by a crash; afterwards it is there again."""
    process = world.stack.service(service)
    began = time.monotonic()
    if hard:
        process.kill()
    else:
        process.stop()
        assert time.monotonic() - began < STOP_SECONDS, f"{service} did not end when it was asked to"
    try:
        yield
    finally:
        process.start()


class Story:
    """One webinar with a candidate in the room and a partner who invited them, both with a chat."""

    def __init__(self, world: World, browsers: Browsers, title: str) -> None:
        cast = world.cast
        self.world = world
        self.title = title
        self.partner, [self.candidate] = cast.family(1, linked=True)
        self.webinar_id: UUID = world.desk.plan(title)
        self.facts: Facts = world.facts(self.webinar_id)
        self.room: Room = browsers.room(cast.caller(self.candidate), self.webinar_id)
        self.viewer: Caller = cast.caller(self.candidate)

    def schedule_and_room_work(self) -> None:
        """Who comes now sees the schedule, and gets into the room; who is there stays there."""
        assert self.title in self.world.cast.guest().get("/webinars/").text
        state = self.viewer.get("/webinar/v1/state", params={"webinar_id": str(self.webinar_id)})
        assert (state.status_code, state.json()["status"]) == (200, "live")
        assert self.viewer.get(f"/account/webinar_room/{self.webinar_id}").status_code == 200
        self.room.expect_screen("live")
        expect(self.room.player).to_have_count(1)

    def everything_was_done_once(self) -> None:
        """Each fact once, one message each; the page was never loaded again."""
        self.room.expect_screen("finished")
        assert self.room.is_same_document()
        self.facts.wait_for_outcome(self.candidate, patience=90)
        self.facts.expect(
            self.candidate, COMPLETED, *(["cta_shown"] if self.facts.said("cta_shown", self.candidate) else [])
        )
        self.facts.wait_for_delivery(self.candidate, "attended", "sent", patience=90)
        self.facts.wait_for_delivery(self.candidate, "partner_notice", "sent", patience=90)
        for person in (self.candidate, self.partner):
            assert len(self.texts_to(person)) == 1, self.texts_to(person)

    def texts_to(self, person: Person) -> list[str]:
        telegram: Telegram = self.world.telegram
        assert person.chat_id is not None
        return telegram.texts(person.chat_id, self.title)


@pytest.mark.parametrize("service", ["tracker", "attendance", "post-webinar"])
def test_without_a_service_behind_the_room(world: World, desk: Desk, browsers: Browsers, service: str) -> None:
    story = Story(world, browsers, f"Без {service}")
    with stopped(world, service):
        started = desk.start(story.webinar_id)
        story.room.expect_screen("live")
        story.schedule_and_room_work()
        desk.show_cta(story.webinar_id)
        expect(story.room.cta).to_be_visible()
    story.facts.wait_for("client_webinar_entered", story.candidate)
    world.let_run(started, 7)
    with stopped(world, service, hard=True):
        desk.stop(story.webinar_id)
        story.room.expect_screen("finished")
        expect(story.room.cta).to_be_visible()
    story.everything_was_done_once()


def test_without_core_the_room_goes_on_and_the_desk_says_the_truth(
    world: World, desk: Desk, browsers: Browsers, cast: Cast
) -> None:
    story = Story(world, browsers, "Без Core")
    started = desk.start(story.webinar_id)
    story.room.expect_screen("live")
    with stopped(world, "core-webinar"):
        story.schedule_and_room_work()
        story.facts.wait_for("client_webinar_entered", story.candidate)
        page = browsers.page(cast.caller(cast.speaker))
        page.goto(f"/admin_webinar/{story.webinar_id}")
        page.locator('form[action$="/cta/show"] button').click()
        # Nobody answers: the page does not claim to know.
        expect(page.locator(".notice.plain[data-notice]")).to_be_visible()
    world.let_run(started, 6)
    with stopped(world, "core-webinar", hard=True):
        story.room.page.locator('[data-action="finish"]').click()
        story.room.page.locator('[data-action="finish-confirm"]').click()
        assert story.facts.wait_for("webinar_completed", story.candidate)["completed_by"] == "finish"
        assert error_code(desk.press(story.webinar_id, "stop", confirm="confirm")) in {None, "unavailable"}
    desk.press(story.webinar_id, "stop", confirm="confirm")
    world.wire.wait_for("webinar_finished", webinar_id=story.webinar_id)

    story.room.expect_screen("finished")
    assert len(world.wire.of("webinar_finished", story.webinar_id)) == 1
    story.facts.wait_for_outcome(story.candidate)
    story.facts.expect(
        story.candidate,
        COMPLETED,
        "room_finish",
        *(["cta_shown"] if story.facts.said("cta_shown", story.candidate) else []),
    )
    story.facts.wait_for_delivery(story.candidate, "attended", "sent")
    story.facts.wait_for_delivery(story.candidate, "partner_notice", "sent")
    for person in (story.candidate, story.partner):
        assert len(story.texts_to(person)) == 1


def test_without_room_ui_the_page_waits_and_mends_itself(world: World, desk: Desk, browsers: Browsers) -> None:
    story = Story(world, browsers, "Без room-ui")
    started = desk.start(story.webinar_id)
    story.room.expect_screen("live")
    story.facts.wait_for("client_webinar_entered", story.candidate)
    for hard in (False, True):
        with stopped(world, "room-ui", hard=hard):
            expect(story.room.page.locator('[data-banner="lost"]')).to_be_visible()
            expect(story.room.player).to_have_count(1)
        expect(story.room.page.locator('[data-banner="lost"]')).to_be_hidden()
        expect(story.room.root).to_have_attribute("data-viewers", "1")
    story.schedule_and_room_work()
    world.let_run(started, 7)
    desk.stop(story.webinar_id)
    story.everything_was_done_once()
