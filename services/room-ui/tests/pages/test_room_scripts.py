"""The scripts of the room, in a real browser on the real application; webinars change as Core would tell it."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import timedelta

from contracts import (
    CtaClicked,
    CtaVisibility,
    RoomFinish,
    WebinarStatus,
)
from local_stack.processes import free_ports
from playwright.async_api import Route, expect
from room_ui.rooms.state import room_state, written
from room_ui.server import room_door
from room_ui.testing import BASE_URL, NOON, Web, later, open_web, webinar_event
from servicekit.testing import Harness
from world.windows import LOOKED_AWAY, SOON, frames_of, look_away, windows_on


async def test_the_room_moves_through_its_screens_without_a_reload(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON, poster_url=None)
    next_one = webinar_event(title="The one after", scheduled_at=SOON + timedelta(days=1))
    await web.know(planned, next_one)
    candidate = await web.member(name="Anna")

    async with windows_on(web) as windows:
        window = await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}")
        page = window.page
        await expect(page.locator(".screen.lobby")).to_be_visible()
        await expect(page.locator("[data-people] .name")).to_have_text(["Anna"])
        await expect(page.locator("[data-room]")).to_have_attribute("data-viewers", "1")
        assert await frames_of(page) == []

        live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
        await web.know(live)
        await expect(page.locator('[data-room][data-screen="live"]')).to_be_visible()
        await expect(page.locator(".screen.lobby")).to_be_hidden()
        assert await frames_of(page) == ["https://player.example/embed/1", "https://chat.example/room/1"]

        paused = later(live, status=WebinarStatus.PAUSED)
        await web.know(paused)
        await expect(page.locator(".strip")).to_be_visible()

        resumed = later(paused, status=WebinarStatus.LIVE, cta_visibility=CtaVisibility.VISIBLE, cta_text="Come")
        await web.know(resumed)
        await expect(page.locator("[data-cta]")).to_have_text("Come")
        await expect(page.locator(".strip")).to_be_hidden()

        over = later(resumed, status=WebinarStatus.FINISHED, finished_at=NOON + timedelta(minutes=50))
        await web.know(over)
        await expect(page.locator(".screen.finished")).to_be_visible()
        await expect(page.locator("[data-next-title]")).to_have_text("The one after")
        await expect(page.locator("[data-cta]")).to_be_visible()
        assert await frames_of(page) == []
        assert await window.stayed()
        await page.reload()
        await expect(page.locator(".screen.finished")).to_be_visible()
        await expect(page.locator("[data-cta]")).to_be_visible()


async def test_a_link_replaced_while_live_is_shown_whatever_its_host(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        window = await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")
        player = window.page.locator("[data-player] iframe")
        await expect(player).to_have_attribute("src", "https://player.example/embed/1")

        same = later(webinar, player_src="https://player.example/embed/2")
        await web.know(same)
        await expect(player).to_have_attribute("src", "https://player.example/embed/2")

        other = later(same, player_src="https://other.example/embed/3")
        await web.know(other)
        await expect(player).to_have_attribute("src", re.compile("/frame/player"))
        inner = window.page.frame_locator("[data-player] iframe").locator("iframe")
        await expect(inner).to_have_attribute("src", "https://other.example/embed/3")
        await expect(window.page.locator("[data-chat] iframe")).to_have_attribute("src", "https://chat.example/room/1")
        assert await window.stayed()


async def test_finish_asks_is_told_once_and_leaves_a_way_back(web: Web) -> None:
    webinar = webinar_event("live", cta_visibility=CtaVisibility.VISIBLE, cta_link="javascript:alert(1)")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        await page.click('[data-action="finish"]')
        await page.click('[data-action="finish-cancel"]')
        await expect(page.locator("[data-finish-confirm]")).to_be_hidden()
        await page.click('[data-action="finish"]')
        await page.click('[data-action="finish-confirm"]')
        await expect(page.locator('[data-action="return"]')).to_be_visible()
        await expect(page.locator("[data-player] iframe")).to_have_count(0)
        await expect(page.locator("[data-room]")).to_have_attribute("data-screen", "live")

        await page.click('[data-action="return"]')
        await expect(page.locator("[data-player] iframe")).to_have_count(1)

        await expect(page.locator("[data-cta]")).to_have_attribute("href", "/account/contacts/")
        async with page.expect_popup() as popup, page.expect_response("**/cta_clicked"):
            await page.click("[data-cta]")
        await expect((await popup.value).locator("h1")).to_be_visible()

    await web.under_test.collect()
    [finish] = web.under_test.said(RoomFinish)
    assert (finish.lead_id, finish.webinar_id) == (candidate.account_id, webinar.webinar_id)
    assert len(web.under_test.said(CtaClicked)) == 1


async def test_a_button_whose_words_are_taken_away_has_the_usual_ones(web: Web) -> None:
    webinar = webinar_event("live", cta_visibility=CtaVisibility.VISIBLE, cta_text="Come")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        await expect(page.locator("[data-cta]")).to_have_text("Come")
        await web.know(later(webinar, cta_text=""))
        await expect(page.locator("[data-cta]")).to_have_text("Узнать больше")


async def test_finishing_goes_by_the_keyboard_alone_and_is_said_to_who_does_not_see_it(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        finish, meant = page.locator('[data-action="finish"]'), page.locator('[data-action="finish-confirm"]')
        announced = page.locator("[data-announce]")
        await finish.press("Enter")
        await expect(meant).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(meant).to_be_hidden()
        await expect(finish).to_be_focused()

        await page.route("**/finish", lambda route: route.abort())
        await finish.press("Enter")
        await meant.press("Enter")
        await expect(page.locator("[data-finish-error]")).to_be_visible()
        await expect(meant).to_be_focused()
        await page.unroute("**/finish")
        await meant.press("Enter")
        await expect(page.locator('[data-action="return"]')).to_be_focused()
        await expect(announced).to_have_text(re.compile("Спасибо за участие.*можно вернуться"))
        await page.keyboard.press("Enter")
        await expect(finish).to_be_focused()
        await expect(announced).to_have_text("Вебинар в эфире")


async def test_what_goes_away_under_the_keyboard_leaves_it_at_the_title(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        title = page.locator("[data-title]")
        await page.locator('[data-action="finish"]').press("Enter")
        paused = later(webinar, status=WebinarStatus.PAUSED)
        await web.know(paused)
        await expect(page.locator(".strip")).to_be_visible()
        await expect(page.locator('[data-action="finish-confirm"]')).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(title).to_be_focused()

        live = later(paused, status=WebinarStatus.LIVE)
        await web.know(live)
        await page.locator('[data-action="finish"]').press("Enter")
        await web.know(later(live, status=WebinarStatus.FINISHED, finished_at=NOON))
        await expect(page.locator(".screen.finished")).to_be_visible()
        await expect(title).to_be_focused()


async def test_a_button_that_appears_is_said_to_who_does_not_see_it(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}")).page
        announced = page.locator("[data-announce]")
        live = later(planned, status=WebinarStatus.LIVE, started_at=NOON, cta_text="Come")
        shown = later(live, cta_visibility=CtaVisibility.VISIBLE)
        await web.know(shown)
        await expect(announced).to_have_text("Вебинар в эфире. Появилась кнопка: Come")
        paused = later(shown, status=WebinarStatus.PAUSED, cta_visibility=CtaVisibility.HIDDEN)
        await web.know(paused)
        await expect(page.locator(".strip")).to_be_visible()
        await web.know(later(paused, cta_visibility=CtaVisibility.VISIBLE))
        await expect(announced).to_have_text("Появилась кнопка: Come")

        await page.reload()
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        await expect(page.locator("[data-cta]")).to_be_visible()
        await expect(announced).to_have_text("")


async def test_where_the_stream_is_held_back_the_page_asks(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    held = asyncio.Event()

    async def hold(_: Route) -> None:
        held.set()

    async with windows_on(web) as windows:
        window = await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}", stream=hold)
        async with window.page.expect_response(re.compile(r"/webinar/v1/state\?.*visible=1")):
            await held.wait()
        await web.know(later(planned, status=WebinarStatus.LIVE, started_at=NOON))
        await expect(window.page.locator('[data-room][data-screen="live"]')).to_be_visible()
        assert await window.stayed()
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        assert candidate.account_id in room.accounts_here()


async def test_a_lost_connection_is_said_and_mends_itself(harness: Harness) -> None:
    [port] = free_ports(1)
    web = await open_web(harness, http_port=port)
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()

    async with AsyncExitStack() as stack:
        async with windows_on(web, stack) as windows:
            window = await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}")
            await expect(window.page.locator("[data-people] .name")).to_have_count(1)
        await expect(window.page.locator('[data-banner="lost"]')).to_be_visible()

        await web.know(later(planned, status=WebinarStatus.LIVE, started_at=NOON))
        async with room_door(web.application, web.parts, web.broker):
            await expect(window.page.locator('[data-banner="lost"]')).to_be_hidden()
            await expect(window.page.locator('[data-room][data-screen="live"]')).to_be_visible()
            assert await window.stayed()


async def test_a_page_in_the_background_is_not_seen_when_its_stream_begins_anew(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()

    async with windows_on(web) as windows:
        path = f"/account/webinar_room/{planned.webinar_id}"
        page = (await windows.open(candidate, path, script=LOOKED_AWAY)).page
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        await page.evaluate("window.isAway = true")
        web.under_test.clock.advance(60)
        await web.know(later(planned, status=WebinarStatus.LIVE, started_at=web.parts.clock.now()))
        await expect(page.locator('[data-room][data-screen="live"]')).to_be_attached()
        async with page.expect_response(re.compile("/state/stream")):
            web.parts.rooms.close_sessions([candidate.viewer.session_id or ""])
        assert [entry.seen for entry in room.presence.here()] == [False]

        async with page.expect_response("**/webinar/v1/seen"):
            await look_away(page, is_away=False)
        assert [entry.seen for entry in room.presence.here()] == [True]


async def test_a_stream_that_has_fallen_silent_is_opened_anew(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        window = await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}", clock=True)
        await expect(window.page.locator("[data-people] .name")).to_have_count(1)
        async with window.page.expect_request(re.compile("/state/stream")):
            await window.page.clock.fast_forward(60_000)
        assert await window.stayed()


async def test_an_instance_that_is_behind_takes_no_page_back(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    await web.know(live)
    candidate = await web.member()
    behind = written(room_state(planned, viewers=0)).event(NOON).decode()
    is_behind = True

    async def answer(route: Route) -> None:
        nonlocal is_behind
        was_behind, is_behind = is_behind, False
        await (route.fulfill(content_type="text/event-stream", body=behind) if was_behind else route.continue_())

    async with windows_on(web) as windows:
        record = """
        window.screens = [];
        new MutationObserver((changes) => {
          for (const change of changes) window.screens.push(change.target.dataset.screen);
        }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-screen"] });
        """
        path = f"/account/webinar_room/{planned.webinar_id}"
        window = await windows.open(candidate, path, script=record, stream=answer)
        await expect(window.page.locator("[data-people] .name")).to_have_count(1)
        web.parts.rooms.apply(later(live, title="Newer"))
        await expect(window.page.locator("[data-title]")).to_have_text("Newer")
        assert set(await window.page.evaluate("window.screens")) <= {"live"}


async def test_who_has_finished_is_not_played_to_after_a_reload_in_a_pause(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        await page.click('[data-action="finish"]')
        await page.click('[data-action="finish-confirm"]')
        await expect(page.locator("[data-player] iframe")).to_have_count(0)
        await web.know(later(webinar, status=WebinarStatus.PAUSED))
        await expect(page.locator('[data-room][data-screen="paused"]')).to_be_attached()

        await page.reload()
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        await expect(page.locator("[data-player] iframe")).to_have_count(0)
        await expect(page.locator("[data-room]")).to_have_attribute("data-left", "true")


async def test_a_room_whose_session_was_replaced_in_another_tab_goes_on_with_the_new_one(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    token = await web.parts.accounts.new_link(candidate.account_id)

    async with windows_on(web) as windows:
        window = await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}")
        page = window.page
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        other = await window.context.new_page()
        await other.goto(f"{BASE_URL}/account/link/{token}")
        async with page.expect_response(lambda answer: "/seen" in answer.url and answer.ok):
            await other.click("form button.primary")
        await other.close()

        await web.know(later(planned, status=WebinarStatus.LIVE, started_at=NOON))
        await page.click('[data-action="finish"]')
        await page.click('[data-action="finish-confirm"]')
        await expect(page.locator('[data-action="return"]')).to_be_visible()
        assert await window.stayed()
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        assert [entry.seen for entry in room.presence.here()] == [True]

    await web.under_test.collect()
    assert [finish.lead_id for finish in web.under_test.said(RoomFinish)] == [candidate.account_id]


async def test_a_session_that_ended_is_said_with_a_way_back_in(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{webinar.webinar_id}")).page
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        await web.parts.accounts.set_active(candidate.account_id, active=False)
        await expect(page.locator('[data-banner="ended"] a')).to_be_visible()


async def test_a_poll_whose_answer_is_broken_off_is_not_the_last_one(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    polls = 0

    async def answer(route: Route) -> None:
        nonlocal polls
        polls += 1
        await (
            route.fulfill(body='{"webinar_id":', content_type="application/json") if polls == 2 else route.continue_()
        )

    async with windows_on(web) as windows:
        page = (
            await windows.open(
                candidate,
                f"/account/webinar_room/{planned.webinar_id}",
                clock=True,
                stream=lambda route: route.fulfill(body="", content_type="text/event-stream"),
            )
        ).page
        await page.route("**/webinar/v1/state?**", answer)
        for _ in range(3):
            async with page.expect_response("**/webinar/v1/state?**"):
                await page.clock.fast_forward(6_100)
        await web.know(later(planned, title="Another name"))
        await page.clock.fast_forward(6_100)
        await expect(page.locator("[data-title]")).to_have_text("Another name")
        assert polls >= 4


async def test_who_waits_where_nothing_is_planned_is_led_to_the_room(web: Web) -> None:
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, "/account/webinar_room/")).page
        await expect(page.locator('[data-error-code="no_webinar"]')).to_be_visible()
        await web.know(webinar_event(title="Planned at last", scheduled_at=SOON))
        await page.wait_for_url("**/webinar_room/*-*")
        await expect(page.locator("[data-title]")).to_have_text("Planned at last")


async def test_a_draft_looked_at_is_none_any_more_when_it_is_published(web: Web) -> None:
    draft = webinar_event("draft", scheduled_at=SOON)
    await web.know(draft)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/account/webinar_room/{draft.webinar_id}")).page
        await expect(page.locator("[data-draft]")).to_be_visible()
        await web.know(later(draft, status=WebinarStatus.SCHEDULED))
        await expect(page.locator("[data-draft]")).to_be_hidden()


async def test_a_room_whose_session_has_ended_asks_for_nothing_any_more(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, f"/account/webinar_room/{planned.webinar_id}", clock=True)).page
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        await web.parts.accounts.sign_out_everywhere(candidate.viewer, but_here=False)
        await page.clock.fast_forward(10_000)
        await expect(page.locator('[data-banner="ended"]')).to_be_visible()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.clock.run_for(60_000)
        assert asked == []
