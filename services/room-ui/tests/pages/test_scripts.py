"""The pages' scripts in a real browser, on the real application; webinars change as Core would tell it."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    ChatLinkEvent,
    ClientWebinarEntered,
    CommandError,
    CommandReply,
    CoreWebinarUpsert,
    CtaClicked,
    CtaVisibility,
    ErrorCode,
    MessageTemplateEvent,
    MessageTemplateSet,
    ParticipationEvent,
    PostWebinarDelivery,
    RoomFinish,
    Step,
    WatchedWindow,
    WebinarStatus,
    session_id_of,
)
from contracts.message_texts import DEFAULT_TEXTS
from local_stack.chromium import chromium
from local_stack.processes import free_ports
from playwright.async_api import Browser, BrowserContext, Dialog, Page, Route, async_playwright, expect
from room_ui.rooms.state import public_schedule, room_state, written
from room_ui.server import room_door
from room_ui.testing import BASE_URL, NOON, Member, Web, later, open_web, webinar_event
from servicekit import CommandUnanswered
from servicekit.testing import Harness

SOON = NOON + timedelta(hours=1)
expect.set_options(timeout=15_000)


@dataclass
class Window:
    """A browser window of one person; `complaints` is what its pages' scripts have thrown or were forbidden."""

    context: BrowserContext
    page: Page
    complaints: list[str]

    async def stays(self) -> None:
        """Leave a mark in the page that a reload would wipe away."""
        await self.page.evaluate("window.mark = 'still here'")

    async def stayed(self) -> bool:
        return bool(await self.page.evaluate("window.mark === 'still here'"))


class Windows:
    """Opens windows on a served application."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.opened: list[Window] = []

    async def open(
        self,
        member: Member | None,
        path: str,
        *,
        stream: Callable[[Route], Awaitable[None]] | None = None,
        script: str = "",
        clock: bool = False,
        zone: str = "Europe/Moscow",
    ) -> Window:
        """Open a window; `stream` answers the page's event stream, `script` runs before those of the page.

        `clock`: the test can put the page's clock forward. `zone`: where the person is.
        """
        context = await self._browser.new_context(locale="ru-RU", timezone_id=zone)
        if member is not None:
            name, value = member.cookie.split("=", 1)
            await context.add_cookies([{"name": name, "value": value, "url": BASE_URL}])
        # Nothing outside answers here; an empty page stands for every player and chat.
        await context.route(re.compile(r"^https://"), lambda route: route.fulfill(body="<p>outside</p>"))
        await context.add_init_script(script)
        page = await context.new_page()
        if clock:
            await page.clock.install()
        if stream is not None:
            await page.route(re.compile(r"/webinar/v1/\w+/stream"), stream)
        window = Window(context, page, [])
        page.on("pageerror", lambda error: window.complaints.append(str(error)))
        page.on(
            "console",
            lambda said: window.complaints.append(said.text) if "Content Security Policy" in said.text else None,
        )
        self.opened.append(window)
        await page.goto(f"{BASE_URL}{path}")
        await window.stays()
        return window


@asynccontextmanager
async def windows_on(web: Web, outer: AsyncExitStack | None = None) -> AsyncIterator[Windows]:
    """Serve the application and open windows on it; with `outer`, the windows stay open when the server is gone."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(room_door(web.application, web.parts, web.broker))
        browsers = outer or stack
        playwright = await browsers.enter_async_context(async_playwright())
        # Chromium does not sandbox itself for root.
        arguments = [f"--host-resolver-rules=MAP rooms.test 127.0.0.1:{port}", *["--no-sandbox"] * (os.geteuid() == 0)]
        # As behind https: locks and the like are for secure pages alone.
        arguments.append(f"--unsafely-treat-insecure-origin-as-secure={BASE_URL}")
        browser = await playwright.chromium.launch(executable_path=chromium(), args=arguments)
        browsers.push_async_callback(browser.close)
        windows = Windows(browser)
        yield windows
        assert [complaint for window in windows.opened for complaint in window.complaints] == []


async def frames_of(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("[...document.querySelectorAll('iframe')].map((frame) => frame.src)")
    return found


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


LOOKED_AWAY = """
Object.defineProperty(document, "visibilityState", { get: () => (window.isAway ? "hidden" : "visible") });
"""


async def look_away(page: Page, *, is_away: bool = True) -> None:
    """Look at another page, or come back from it."""
    await page.evaluate(f"window.isAway = {int(is_away)}; document.dispatchEvent(new Event('visibilitychange'))")


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


async def test_all_tabs_of_a_browser_share_one_stream_and_it_outlives_the_tab_that_has_it(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path)).page
        await expect(first.locator("[data-people] .name")).to_have_count(1)
        second = await first.context.new_page()
        await second.goto(f"{BASE_URL}{path}")
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        await expect(second.locator("[data-people] .name")).to_have_count(1)
        renamed = later(planned, title="Another name")
        await web.know(renamed)
        for page in (first, second):
            await expect(page.locator("[data-title]")).to_have_text("Another name")
        assert len(room.hub.connections) == 1

        await second.close()
        live = later(renamed, status=WebinarStatus.LIVE, started_at=NOON)
        await web.know(live)
        await expect(first.locator('[data-room][data-screen="live"]')).to_be_visible()
        await expect(first).to_have_title("● Another name")
        assert len(room.hub.connections) == 1


async def test_where_streams_are_held_back_one_tab_asks_for_all_though_nothing_changes(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"
    asked = re.compile(r"/webinar/v1/state\?")

    async def hold(_: Route) -> None:
        """Let it wait for ever."""

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path, stream=hold, clock=True)).page
        await expect(first.locator("[data-people] .name")).to_have_count(0)
        second = await first.context.new_page()
        await second.route(re.compile("/state/stream"), hold)
        await second.goto(f"{BASE_URL}{path}")
        for pause in (5_000, 6_000):
            async with second.expect_response(asked):
                await second.clock.fast_forward(pause)
        await expect(second.locator("[data-room]")).to_have_attribute("data-viewers", "1")
        answers: list[int] = []
        second.on("response", lambda answer: answers.append(answer.status) if asked.search(answer.url) else None)
        taken: list[str] = []
        first.on("request", lambda request: taken.append(request.url) if "/state" in request.url else None)

        lost = [page.locator('[data-banner="lost"]') for page in (first, second)]
        await second.route(asked, lambda route: route.abort())
        async with second.expect_event("requestfailed"):
            await second.clock.fast_forward(6_000)
        await second.clock.fast_forward(2_500)
        for banner in lost:
            await expect(banner).to_be_visible()
        await second.unroute(asked)
        async with second.expect_response(asked):
            await second.clock.fast_forward(6_000)
        for banner in lost:
            await expect(banner).to_be_hidden()
        for _ in range(8):
            async with second.expect_response(asked):
                await second.clock.fast_forward(6_000)
        assert taken == []
        assert answers == [304] * 9


async def test_without_locks_every_tab_has_a_stream_of_its_own(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"
    without = "Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });"

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path, script=without)).page
        second = await first.context.new_page()
        await second.goto(f"{BASE_URL}{path}")
        for page in (first, second):
            await expect(page.locator("[data-people] .name")).to_have_count(1)
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        assert len(room.hub.connections) == 2
        await web.know(later(planned, title="Another name"))
        for page in (first, second):
            await expect(page.locator("[data-title]")).to_have_text("Another name")


async def test_the_tab_that_is_looked_at_has_the_stream(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"
    streams = re.compile("/state/stream")

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path, script=LOOKED_AWAY)).page
        await expect(first.locator("[data-people] .name")).to_have_count(1)
        second = await first.context.new_page()
        await second.add_init_script("window.isAway = true")
        opened: list[Page] = []
        first.context.on(
            "request", lambda request: opened.append(request.frame.page) if streams.search(request.url) else None
        )
        await second.goto(f"{BASE_URL}{path}")
        await expect(second.locator("[data-people] .name")).to_have_count(1)
        renamed = later(planned, title="Another name")
        await web.know(renamed)
        await expect(second.locator("[data-title]")).to_have_text("Another name")
        assert opened == []

        await look_away(first)
        async with second.expect_request(streams):
            await look_away(second, is_away=False)
        await web.know(later(renamed, title="A third one"))
        for page in (first, second):
            await expect(page.locator("[data-title]")).to_have_text("A third one")
        assert opened == [second]
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        assert len(room.hub.connections) == 1


async def test_a_tab_that_goes_to_another_page_hands_the_stream_on_and_has_one_when_it_comes_back(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"
    streams = re.compile("/state/stream")

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path)).page
        await expect(first.locator("[data-people] .name")).to_have_count(1)
        second = await first.context.new_page()
        await second.goto(f"{BASE_URL}{path}")
        await expect(second.locator("[data-people] .name")).to_have_count(1)
        # As for a page that the browser keeps as it is; a browser that is driven keeps none.
        moved = "window.dispatchEvent(new PageTransitionEvent('{}', {{ persisted: true }}))"
        async with first.expect_request(streams):
            await second.evaluate(moved.format("pagehide"))
        renamed = later(planned, title="Another name")
        await web.know(renamed)
        await expect(first.locator("[data-title]")).to_have_text("Another name")

        async with second.expect_request(streams):
            await second.evaluate(moved.format("pageshow"))
        await web.know(later(renamed, title="A third one"))
        for page in (first, second):
            await expect(page.locator("[data-title]")).to_have_text("A third one")
        room = await web.parts.rooms.room(planned.webinar_id, candidate.viewer)
        assert len(room.hub.connections) == 1


async def test_only_the_tab_that_has_the_stream_tells_the_others(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()
    path = f"/account/webinar_room/{planned.webinar_id}"

    async with windows_on(web) as windows:
        first = (await windows.open(candidate, path)).page
        second, listener = [await first.context.new_page() for _ in range(2)]
        await second.goto(f"{BASE_URL}{path}")
        await listener.goto(f"{BASE_URL}/account/")
        channel = f"/webinar/v1/state?webinar_id={planned.webinar_id}"
        await listener.evaluate(
            """(channel) => {
            window.heard = [];
            window.channel = new BroadcastChannel(channel);
            window.channel.onmessage = (event) => window.heard.push(event.data.state?.title);
            }""",
            channel,
        )
        for page in (first, second):
            await expect(page.locator("[data-room]")).to_have_attribute("data-viewers", "1")
        await web.know(later(planned, title="Another name"))
        for page in (first, second):
            await expect(page.locator("[data-title]")).to_have_text("Another name")
        await listener.wait_for_function("window.heard.includes('Another name')")
        await asyncio.sleep(0.5)
        assert (await listener.evaluate("window.heard")).count("Another name") == 1


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


async def test_the_schedule_changes_by_itself(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/")
        card = window.page.locator(f'[data-webinar-id="{planned.webinar_id}"]')
        await expect(card.locator("[data-remaining]")).to_have_text(re.compile(r"^(01:00:00|59:\d\d)$"))
        live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
        await web.know(live)
        await expect(card.get_by_text("Сейчас в эфире")).to_be_visible()
        await web.know(later(live, title="Another name"), webinar_event(title="The second", scheduled_at=SOON))
        await expect(window.page.locator("h2")).to_have_text(["Another name", "The second"])
        assert await window.stayed()


async def test_what_goes_on_air_moves_to_the_top_of_the_schedule(web: Web) -> None:
    first = webinar_event(title="The first", scheduled_at=SOON)
    second = webinar_event(title="The second", scheduled_at=SOON + timedelta(hours=1))
    await web.know(first, second)

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/")
        await expect(window.page.locator("h2")).to_have_text(["The first", "The second"])
        await web.know(later(second, status=WebinarStatus.LIVE, started_at=NOON))
        await expect(window.page.locator("h2")).to_have_text(["The second", "The first"])
        await expect(window.page.locator("[data-announce]")).to_have_text("The second: Сейчас в эфире")
        assert await window.stayed()


async def test_a_schedule_whose_stream_was_refused_comes_back(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)
    refusals = 0

    async def refuse_once(route: Route) -> None:
        nonlocal refusals
        refusals += 1
        await (route.fulfill(status=503) if refusals == 1 else route.continue_())

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/", stream=refuse_once)
        async with window.page.expect_response(lambda answer: "stream" in answer.url and answer.status == 200):
            pass
        await web.know(later(planned, title="Another name"))
        await expect(window.page.locator("h2")).to_have_text(["Another name"])
        assert await window.stayed()


async def test_a_change_between_the_page_and_its_stream_is_shown(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)
    changed = asyncio.Event()

    async def open_after_the_change(route: Route) -> None:
        await changed.wait()
        await route.continue_()

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/", stream=open_after_the_change)
        await expect(window.page.locator("h2")).to_have_text(["The first"])
        await web.know(later(planned, title="Another name"))
        changed.set()
        await expect(window.page.locator("h2")).to_have_text(["Another name"])
        assert await window.stayed()


async def test_a_stream_ahead_of_the_projection_is_caught_up_with(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/")
        changed = later(planned, description="It came on the short way.")
        async with window.page.expect_response("**/webinars/"):
            web.parts.rooms.apply(changed)
        await expect(window.page.get_by_text(changed.description)).to_be_hidden()
        await web.know(changed)
        await expect(window.page.get_by_text(changed.description)).to_be_visible()


async def test_days_and_times_on_the_schedule_are_those_of_who_reads_it(web: Web) -> None:
    # Noon of the test is 15:00 in Moscow, where the reader is, and 22:00 in Vladivostok.
    far = {"time_zone": "Asia/Vladivostok"}
    await web.know(
        webinar_event(title="Featured", scheduled_at=NOON + timedelta(hours=1)),
        webinar_event(title="Today", scheduled_at=NOON + timedelta(hours=1, minutes=30), **far),
        webinar_event(title="Tomorrow there", scheduled_at=NOON + timedelta(hours=2, minutes=30), **far),
        webinar_event(title="Tomorrow", scheduled_at=NOON + timedelta(days=1, hours=1), **far),
        webinar_event(title="Next year", scheduled_at=NOON + timedelta(days=365), **far),
    )

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/")).page
        days = ["сегодня, 2 марта", "завтра, 3 марта", "вторник, 2 марта 2027 г."]
        await expect(page.locator("[data-day]")).to_have_text(days)
        await expect(page.locator(".day-name + .webinar h2")).to_have_text(["Today", "Tomorrow", "Next year"])
        await expect(page.locator(".clock")).to_have_text(["16:00", "16:30", "17:30", "16:00", "15:00"])
        await expect(page.locator(".zone").last).to_have_text("Москва, стандартное время")
        await expect(page.locator(".webinar:not(:has([data-own-zone]:not([hidden]))) h2")).to_have_text(["Featured"])

        await web.know(webinar_event(title="One more", scheduled_at=NOON + timedelta(days=1, hours=2), **far))
        await expect(page.locator("h2")).to_have_count(6)
        await expect(page.locator("[data-day]")).to_have_text(days)


async def test_what_is_on_air_stands_under_a_heading_of_its_own(web: Web) -> None:
    on_air = [webinar_event("live", title=title) for title in ("One", "Two")]
    await web.know(*on_air, webinar_event(title="To come", scheduled_at=SOON))

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/")).page
        await expect(page.locator(".zone").last).to_have_text("Москва, стандартное время")
        await expect(page.locator("[data-day]")).to_have_text(["Сейчас в эфире", "сегодня, 2 марта"])


async def test_what_is_called_off_or_over_is_so_on_the_schedule(web: Web) -> None:
    first, second = [
        webinar_event(title=title, scheduled_at=SOON + timedelta(hours=hours))
        for hours, title in enumerate(("The first", "The second"))
    ]
    await web.know(first, second)

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/")
        page = window.page
        await web.know(later(second, cancelled=True))
        await expect(page.locator('[data-status="cancelled"] h2')).to_have_text("The second")
        await expect(page.locator("[data-announce]")).to_have_text("The second: Отменён")
        await web.know(later(first, status=WebinarStatus.FINISHED, started_at=NOON, finished_at=NOON))
        await expect(page.locator("h2")).to_have_text(["The second"])
        assert await window.stayed()


async def test_a_webinar_that_is_due_waits_for_its_speaker(web: Web) -> None:
    planned = webinar_event(scheduled_at=NOON + timedelta(days=1, seconds=30))
    await web.know(planned)
    candidate = await web.member()

    async with windows_on(web) as windows:
        for path in ("/webinars/", f"/account/webinar_room/{planned.webinar_id}"):
            page = (await windows.open(candidate, path, clock=True)).page
            await expect(page.locator("[data-remaining]")).to_have_text(re.compile(r"^1 день 00:00:[0-3]\d$"))
            await expect(page.locator("[data-past]")).to_be_hidden()
            await page.clock.fast_forward(timedelta(days=1, seconds=40) // timedelta(milliseconds=1))
            await expect(page.locator("[data-past]")).to_be_visible()
            await expect(page.locator("[data-until]")).to_be_hidden()


async def test_an_instance_that_is_behind_takes_no_schedule_back(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    behind = written(public_schedule([planned], {}, NOON)).event(NOON).decode()
    live = later(planned, title="New", status=WebinarStatus.LIVE, started_at=NOON)
    await web.know(live)
    answered = False

    async def answer(route: Route) -> None:
        nonlocal answered
        was_answered, answered = answered, True
        await (route.continue_() if was_answered else route.fulfill(content_type="text/event-stream", body=behind))

    async with windows_on(web) as windows:
        record = """
        window.statuses = [];
        new MutationObserver((changes) => {
          for (const change of changes) window.statuses.push(change.target.dataset.status);
        }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-status"] });
        """
        page = (await windows.open(None, "/webinars/", stream=answer, script=record)).page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/webinars/") else None)
        async with page.expect_response(lambda answer: "stream" in answer.url and "text/event" in str(answer.headers)):
            pass
        await web.know(later(live, title="Newer"))
        await expect(page.locator("h2")).to_have_text("Newer")
        assert await page.evaluate("window.statuses") == []
        assert len(asked) == 1


async def test_a_schedule_that_cannot_be_caught_up_with_is_not_asked_for_ever(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/", clock=True)).page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/webinars/") else None)

        async def next_try() -> None:
            before = len(asked)
            await page.clock.fast_forward(3_000)
            for _ in range(80):
                if len(asked) == before:
                    await asyncio.sleep(0.05)

        web.parts.rooms.apply(later(planned, title="It came on the short way"))
        for _ in range(4):
            await next_try()
        assert len(asked) == 3

        await page.route("**/webinars/", lambda route: route.abort())
        web.parts.rooms.apply(later(later(planned), title="And again"))
        for _ in range(5):
            await next_try()
        assert len(asked) >= 8
        await page.unroute("**/webinars/")
        await web.know(later(later(planned), title="And again"))
        await page.clock.fast_forward(3_000)
        await expect(page.locator("h2")).to_have_text("And again")


async def test_what_is_told_to_be_on_air_is_so_on_cards_that_are_made_from_a_projection_behind(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/")).page
        await page.evaluate("document.querySelector('.webinar').dataset.former = ''")
        web.parts.rooms.apply(later(planned, title="Another", status=WebinarStatus.LIVE, started_at=NOON))
        await expect(page.locator('.webinar:not([data-former])[data-status="live"] h2')).to_have_text("The first")


async def test_the_desks_list_follows_and_keeps_focus_words_and_what_has_not_changed(web: Web) -> None:
    first, second = (webinar_event(title=title, scheduled_at=SOON) for title in ("The first", "The second"))
    await web.know(first, second, webinar_event("draft", title="A draft"))
    speaker, candidate = await web.member("speaker"), await web.member()

    async with windows_on(web) as windows:
        window = await windows.open(speaker, "/admin_webinar/", clock=True)
        page = window.page
        rows = "[...document.querySelectorAll('[data-webinar-id]')]"
        await page.fill("#list-search", "half a wo")
        await page.evaluate(f"for (const row of {rows}) row.isOld = true")
        old = f"{rows}.filter((row) => row.isOld).map((row) => row.querySelector('h3').innerText)"
        opens = page.locator(f'[data-webinar-id="{second.webinar_id}"] .row-actions a').first
        await opens.focus()
        live = later(second, status=WebinarStatus.LIVE, started_at=NOON)
        await web.know(live)
        await page.clock.fast_forward(31_000)
        row = page.locator(f'[data-shelf="on_air"] [data-webinar-id="{second.webinar_id}"]')
        await expect(row.locator(".badge")).to_have_text("В эфире")
        await expect(page.locator("[data-shelf]").first).to_have_attribute("data-shelf", "on_air")
        await expect(opens).to_be_focused()
        await expect(page.locator("#list-search")).to_have_value("half a wo")
        assert await page.evaluate(old) == ["The first", "A draft"]

        room = (await windows.open(candidate, f"/account/webinar_room/{second.webinar_id}")).page
        await expect(room.locator("[data-room]")).to_have_attribute("data-viewers", "1")
        await expect(row.locator(".row-viewers")).to_have_text(re.compile("0$"))
        await page.clock.fast_forward(4_100)
        await expect(row.locator(".row-viewers")).to_have_text(re.compile("1$"))

        await web.know(later(live, status=WebinarStatus.FINISHED, finished_at=NOON + timedelta(minutes=50)))
        await page.clock.fast_forward(4_100)
        await expect(page.locator(f'[data-shelf="past"] [data-webinar-id="{second.webinar_id}"]')).to_be_visible()
        await expect(page.locator('[data-shelf="on_air"]')).to_have_count(0)
        await expect(opens).to_have_text(re.compile("Отчёт"))
        await expect(opens).to_be_focused()
        assert await page.evaluate(old) == ["The first", "A draft"]
        assert await window.stayed()


async def test_the_desks_list_looks_for_its_own_page_and_search_and_only_while_it_is_seen(web: Web) -> None:
    live = webinar_event("live", title="One of May")
    await web.know(live)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, "/admin_webinar/?q=May", clock=True, script=LOOKED_AWAY)
        page = window.page
        looks: list[str] = []
        page.on("request", lambda request: looks.append(request.url) if "x-part" in request.headers else None)
        await page.evaluate("window.isAway = true")
        await web.know(webinar_event("live", title="One of June"), later(live, title="Another of May"))
        await page.clock.fast_forward(60_000)
        await page.evaluate("fetch('/webinars/').then((answer) => answer.text())")
        assert looks == []

        await page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator("[data-webinar-id] h3")).to_have_text(["Another of May"])
        assert looks == [f"{BASE_URL}/admin_webinar/?q=May"]

        await web.parts.accounts.set_active(speaker.account_id, active=False)
        async with page.expect_response("**/account/login/**"):
            await page.clock.fast_forward(4_100)
        await expect(page.locator("[data-webinar-id] h3")).to_have_text(["Another of May"])


async def test_a_password_can_be_looked_at_and_is_hidden_again_before_it_is_sent(web: Web) -> None:
    async with windows_on(web) as windows:
        page = (await windows.open(None, "/account/login/")).page
        password = page.locator('[name="password"]')
        await page.fill('[name="login"]', "anna")
        await password.fill("a secret")
        await page.get_by_role("button", name="Показать").click()
        await expect(password).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Скрыть").click()
        await expect(password).to_have_attribute("type", "password")
        await page.get_by_role("button", name="Показать").click()
        await page.evaluate("document.forms[0].addEventListener('submit', (event) => event.preventDefault())")
        await password.press("Enter")
        await expect(password).to_have_attribute("type", "password")


async def test_a_text_is_shown_as_it_reads_while_it_is_typed_and_words_go_where_the_caret_is(web: Web) -> None:
    admin = await web.member("admin")
    text = "Привет!"
    await web.under_test.receive(MessageTemplateEvent(step=Step.ATTENDED, locale="ru", version=1, text=text))

    async with windows_on(web) as windows:
        window = await windows.open(admin, "/admin_webinar/messages/")
        form = window.page.locator("#attended-ru")
        await form.locator("textarea").evaluate("(text) => text.setSelectionRange(6, 6)")
        await form.locator("[data-insert='{name}']").click()
        await expect(form.locator("textarea")).to_have_value("Привет{name}!")
        await expect(form.locator("[data-preview-text]")).to_have_text("ПриветАнна!")
        await form.locator("textarea").press_sequentially(" {nmae}")
        await expect(form.locator("[data-preview-problem]")).to_contain_text("{nmae}")
        await form.locator("[data-original]").click()
        await expect(form.locator("textarea")).to_have_value(DEFAULT_TEXTS[Step.ATTENDED, "ru"])
        await expect(form.locator("[data-preview-problem]")).to_have_count(0)
        await expect(form.locator("[data-original]")).to_be_disabled()
        await expect(form.locator('[name="show"]')).to_be_hidden()
        assert await window.stayed()
        assert web.commands.sent == []
        await form.get_by_role("button", name="Сохранить").click()
        await expect(window.page.locator("[data-notice]")).to_have_text("Текст сохранён.")
        [(command, _, _)] = web.commands.sent
        assert command == MessageTemplateSet(step="attended", locale="ru", text=DEFAULT_TEXTS[Step.ATTENDED, "ru"])


async def test_the_contact_card_shows_itself_while_it_is_written(web: Web) -> None:
    partner = await web.member("partner", name="Boris")

    async with windows_on(web) as windows:
        window = await windows.open(partner, "/account/")
        card = window.page.locator("#card-preview")
        await window.page.fill('[name="note"]', "Звоните <b>")
        await expect(card).to_contain_text("Звоните <b>")
        await window.page.fill('[name="link"]', "javascript:alert(1)")
        await window.page.fill('[name="telegram"]', "@boris_p")
        await expect(card.locator("a")).to_have_attribute("href", "https://t.me/boris_p")
        assert await window.stayed()
    account = await web.parts.accounts.get(partner.account_id)
    assert account is not None
    assert account.contact.note is None


@asynccontextmanager
async def invited_to_telegram(web: Web, place: str) -> AsyncIterator[tuple[Member, Window]]:
    """Open the page that invites a candidate to link Telegram: the account, or the lobby of a room."""
    candidate = await web.member()
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    path = f"/account/webinar_room/{planned.webinar_id}" if place == "room" else "/account/"
    web.commands.answer = CommandReply(ok=True, address="https://t.me/our_bot?start=abc", expires_at=SOON)
    async with windows_on(web) as windows:
        yield candidate, await windows.open(candidate, path, script=LOOKED_AWAY, clock=True)


in_both_places = pytest.mark.parametrize("place", ["account", "room"])


@in_both_places
async def test_telegram_is_linked_without_leaving_the_page(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        page = window.page
        await page.get_by_role("button", name="Привязать Telegram").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        await expect(page.locator("[data-telegram-link]")).to_be_focused()
        async with page.expect_response("**/account/telegram/"):
            await page.clock.fast_forward(4_000)
        await expect(page.locator(".qr svg")).to_be_visible()

        await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
        await page.clock.fast_forward(4_000)
        await expect(page.locator('[data-telegram="linked"]')).to_be_visible()
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.get_by_role("button", name="Привязать другой Telegram")).to_be_focused()
        assert await window.stayed()


@in_both_places
async def test_a_square_that_has_had_its_time_gives_way_to_the_button(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (_, window):
        page = window.page
        button = page.get_by_role("button", name="Привязать Telegram")
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        async with page.expect_response("**/account/telegram/"):
            await page.clock.fast_forward(14 * 60_000)
        await expect(page.locator(".qr svg")).to_be_visible()
        await page.clock.fast_forward(60_000)
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.get_by_text("Срок той ссылки вышел")).to_be_visible()
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_without_a_network_linking_telegram_says_so_and_stays(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (_, window):
        page = window.page
        button = page.get_by_role("button", name="Привязать Telegram")
        await page.route("**/account/telegram/", lambda route: route.abort())
        await button.click()
        await expect(page.locator("[data-telegram-error]")).to_be_visible()
        await page.unroute("**/account/telegram/")
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_telegram_is_linked_by_whoever_has_signed_in_meanwhile(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        page = window.page
        token = await web.parts.accounts.new_link(candidate.account_id)
        other = await window.context.new_page()
        await other.goto(f"{BASE_URL}/account/link/{token}")
        await other.click("form button.primary")
        await other.wait_for_url(re.compile("/webinar_room/"))
        await page.get_by_role("button", name="Привязать Telegram").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_linking_telegram_when_the_session_has_ended_leads_to_the_sign_in_and_back(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        path = window.page.url.removeprefix(BASE_URL)
        await web.parts.accounts.sign_out_everywhere(candidate.viewer, but_here=False)
        await window.page.get_by_role("button", name="Привязать Telegram").click()
        await expect(window.page.locator('form:has([name="password"]) [name="next"]')).to_have_value(path)


async def test_the_square_for_another_telegram_stays_until_one_comes_back(web: Web) -> None:
    async with invited_to_telegram(web, "account") as (candidate, window):
        page = window.page
        await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
        await page.reload()
        await page.get_by_role("button", name="Привязать другой Telegram").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        for _ in range(2):
            async with page.expect_response("**/account/telegram/"):
                await page.clock.fast_forward(4_000)
        await look_away(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.clock.run_for(9_000)
        assert asked == []
        await expect(page.locator(".qr svg")).to_be_visible()
        await look_away(page, is_away=False)
        await page.clock.fast_forward(1_500)
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.locator('[data-telegram="linked"]')).to_be_visible()


async def test_a_link_to_sign_in_is_copied_by_a_button(web: Web) -> None:
    admin, member = await web.member("admin"), await web.member(name="Anna")

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/people/{member.account_id}")).page
        await page.get_by_role("button", name="Ссылка для входа").click()
        link = page.locator("[data-one-time-link]")
        await page.locator("[data-copy]").click()
        await expect(page.locator("[data-copy]")).to_have_text("Скопировано")
        await page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
        await page.locator("main > textarea").press("ControlOrMeta+v")
        await expect(page.locator("main > textarea")).to_have_value(await link.input_value())


async def sent_by(page: Page, selector: str, *before: str) -> int:
    """Press a button once for each of `before`, a script that runs first, and return how many forms were sent.

    None of them is answered before the last press.
    """
    sent = 0
    answered = asyncio.Event()

    async def hold(route: Route) -> None:
        nonlocal sent
        if route.request.method == "POST":
            sent += 1
            await answered.wait()
        await route.continue_()

    await page.route("**", hold)
    # By the page itself: from outside nothing is done to a page while another one is on its way.
    pressing = f"document.querySelector({json.dumps(selector)}).click()"
    for place, script in enumerate(before):
        await page.evaluate(f"() => {{ setTimeout(() => {{ {script}; {pressing}; }}, {500 + place * 400}); }}")
    await asyncio.sleep(1 + len(before) * 0.4)
    answered.set()
    return sent


async def test_an_import_pressed_twice_is_done_once_and_its_links_are_shown(web: Web) -> None:
    admin = await web.member("admin")
    content = b"login,name,role\nanna,Anna,candidate\n"

    async with windows_on(web) as windows:
        page = (await windows.open(admin, "/admin_webinar/people-import/")).page
        await page.set_input_files('[name="file"]', {"name": "a.csv", "mimeType": "text/csv", "buffer": content})
        await page.locator("form:has([name=file]) button").click()
        await expect(page.locator('[name="confirm"]')).to_be_visible()

        assert await sent_by(page, '[name="confirm"]', "", "") == 1
        await expect(page.locator('[data-made="1"] [data-one-time-link]')).to_have_count(1)


@pytest.mark.parametrize(
    "again",
    [
        "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
        # It may have been stopped, which a page is not told.
        "const now = performance.now(); performance.now = () => now + 15000",
    ],
)
async def test_a_form_can_be_sent_again_by_who_comes_back_or_has_waited(web: Web, again: str) -> None:
    admin, anna = await web.member("admin"), await web.member()
    button = f'form[action="/admin_webinar/people/{anna.account_id}/link"] button'

    async with windows_on(web) as windows:
        page = (await windows.open(admin, "/admin_webinar/people/")).page
        assert await sent_by(page, button, "", "", again) == 2
        await expect(page.locator("[data-one-time-link]")).to_have_count(1)


async def test_a_form_held_back_by_what_is_typed_elsewhere_can_be_sent_at_once(web: Web) -> None:
    admin, anna = await web.member("admin"), await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/people/{anna.account_id}")).page
        stays = [True, False]
        page.on("dialog", lambda dialog: dialog.dismiss() if stays.pop(0) else dialog.accept())
        # Typed as a person does: otherwise a browser asks nobody.
        await page.locator('[name="name"]').press_sequentially("Typed")

        assert await sent_by(page, 'form[action$="/link"] button', "", "") == 1
        await expect(page.locator("[data-one-time-link]")).to_have_count(1)


async def test_a_page_that_got_no_answer_comes_back_by_itself(web: Web) -> None:
    candidate = await web.member()

    async with windows_on(web) as windows:
        window = await windows.open(candidate, "/webinars/", clock=True)
        await web.parts.database.close()
        await window.page.goto(f"{BASE_URL}/account/")
        await expect(window.page.locator("[data-retry]")).to_be_visible()
        await web.parts.database.open()
        await window.page.clock.fast_forward(11_000)
        await expect(window.page.locator(".profile h1")).to_have_text(candidate.viewer.display_name)


async def test_the_desk_never_throws_away_what_was_typed(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(later(planned), title="Typed"))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await web.know(later(planned, cta_text="Theirs"))
        await expect(page.locator("[data-changed]")).to_be_visible()
        assert await window.stayed()
        await expect(page.locator('[name="title"]')).to_have_value("Typed")

        await page.dblclick('[name="action"][value="publish"]')
        await expect(page.locator("[data-notice]")).to_be_visible()
        assert len({message_id for _, _, message_id in web.commands.sent}) == 1

        await window.stays()
        await web.know(later(later(later(planned)), status=WebinarStatus.LIVE, started_at=NOON))
        await expect(page.locator('[data-desk][data-status="live"]')).to_be_visible()
        await expect(page.locator("[data-elapsed]")).to_be_visible()


async def test_the_desk_warns_by_itself_when_the_planned_time_is_over(web: Web) -> None:
    # The server's clock stands still at noon in this test; the page's own goes on from there.
    webinar = webinar_event("live", automatic_stop_at=NOON + timedelta(minutes=60, seconds=2))
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.get_by_text("Запланированное время вышло.")).to_be_visible()


async def test_the_desk_follows_a_draft_too(web: Web) -> None:
    draft = webinar_event("draft", title="Old")
    await web.know(draft)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{draft.webinar_id}")).page
        await expect(page.locator("h1")).to_have_text("Old")
        await web.know(later(draft, title="Saved after all"))
        await expect(page.locator("h1")).to_have_text("Saved after all")


async def test_the_desk_says_that_the_session_has_ended(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await web.parts.accounts.set_active(speaker.account_id, active=False)
        await expect(page.locator('[data-banner="ended"] a')).to_be_visible()


async def test_what_is_unfolded_in_the_report_stays_so_while_news_come_in(web: Web) -> None:
    anna, speaker = await web.member(name="Anna"), await web.member("speaker")
    webinar = webinar_event("finished")
    lead: dict[str, Any] = {"lead_id": anna.account_id, "webinar_id": webinar.webinar_id}
    half_past = NOON + timedelta(minutes=30)
    await web.know(webinar)
    await web.under_test.receive(
        ClientWebinarEntered(**lead, session_id=session_id_of(**lead), timestamp=NOON),
        ParticipationEvent(
            **lead,
            version=1,
            watched_seconds=1800,
            base_seconds=3600,
            windows=(WatchedWindow(from_=NOON, to=half_past),),
            final=True,
        ),
    )

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}", clock=True)).page
        await page.locator("[data-lead] summary").click()
        await page.locator("h1").click()
        planned = PostWebinarDelivery(
            **lead, delivery_id=uuid4(), version=1, recipient="candidate", step="attended", state="held", attempts=0
        )
        await web.under_test.receive(planned)
        await page.clock.fast_forward(5_000)
        await expect(page.locator('[data-followup-state="held"]')).to_be_visible()
        await expect(page.locator(".windows")).to_be_visible()
        await expect(page.locator("[data-lead] [data-delivery-state]")).to_have_count(0)

        await page.locator("[data-lead] summary").click()
        await page.locator("h1").click()
        await page.clock.fast_forward(5_000)
        await expect(page.locator('[data-lead] [data-delivery-state="held"]')).to_be_visible()


@pytest.mark.parametrize(
    ("zone", "words"),
    [("Europe/Moscow", ""), ("Asia/Vladivostok", "; в 15:00 на ваших часах было 22:00")],
    ids=["in the webinar's zone", "elsewhere"],
)
async def test_the_report_tells_a_host_elsewhere_what_their_clock_showed(web: Web, zone: str, words: str) -> None:
    anna, speaker = await web.member(name="Anna"), await web.member("speaker")
    webinar = webinar_event("finished")
    lead: dict[str, Any] = {"lead_id": anna.account_id, "webinar_id": webinar.webinar_id}
    await web.know(webinar)
    await web.under_test.receive(ClientWebinarEntered(**lead, session_id=session_id_of(**lead), timestamp=NOON))

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}", zone=zone)).page
        caption = page.locator(".report caption")
        await expect(caption).to_have_text(f"Время: Москва, стандартное время{words}", use_inner_text=True)


async def test_what_one_host_does_is_on_the_others_desk_and_takes_nothing_away(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    one, other = await web.member("speaker"), await web.member("speaker")
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    path = f"/admin_webinar/{planned.webinar_id}"

    async with windows_on(web) as windows:
        acts, watches = await windows.open(one, path), await windows.open(other, path)
        await watches.page.fill('[name="title"]', "Typed meanwhile")
        web.commands.answer = CommandReply(ok=True, webinar=live)
        await acts.page.click('form[action$="/start"] button')
        await expect(acts.page.locator("[data-said] .notice.good")).to_have_text(re.compile("Начали"))
        for window in (acts, watches):
            await expect(window.page.locator('[data-desk][data-status="live"]')).to_be_attached()
            await expect(window.page.locator('[data-console="live"]')).to_be_visible()
            await expect(window.page.locator(".page-head .badge")).to_have_text("В эфире")
        await expect(watches.page.locator("[data-said]")).to_have_text(re.compile("Начали"))

        web.commands.answer = CommandReply(ok=True, webinar=later(live, cta_visibility=CtaVisibility.VISIBLE))
        await acts.page.click('form[action$="/cta/show"] button')
        await expect(watches.page.locator('[data-cta-state="visible"]')).to_be_visible()
        await expect(watches.page.locator("[data-said]")).to_have_text("Кнопка показана в комнате.")
        await expect(watches.page.locator("[data-said]")).to_have_attribute("role", "status")

        await expect(watches.page.locator('[name="title"]')).to_have_value("Typed meanwhile")
        await expect(watches.page.locator('[name="scheduled_at"]')).to_be_disabled()
        assert await acts.stayed()
        assert await watches.stayed()


async def test_fields_that_were_left_alone_follow_and_those_that_both_typed_are_asked_about(web: Web) -> None:
    planned = webinar_event(title="Old", cta_text="Old button", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.fill('[name="title"]', "Mine")
        await web.know(later(planned, cta_text="Their button"))
        await expect(page.locator('[name="cta_text"]')).to_have_value("Their button")
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        await expect(page.locator('[data-webinar-form] [name="expected_version"]')).to_have_value("2")
        await web.know(later(later(planned), cta_text="Their button", title="Theirs"))
        await expect(page.locator("h1")).to_have_text("Theirs")
        # The title was typed into by both: Core is to see that.
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        await expect(page.locator('[data-webinar-form] [name="expected_version"]')).to_have_value("2")


async def test_a_press_shows_at_once_that_it_works_and_is_one_command(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.route("**/cta/show", hold)
        button = page.locator('form[action$="/cta/show"] button')
        await button.dblclick()
        await expect(button).to_be_disabled()
        await expect(button).to_have_text("Минутку…")
        await expect(button.locator(".spinner")).to_be_visible()
        web.commands.answer = CommandReply(ok=True, webinar=later(webinar, cta_visibility=CtaVisibility.VISIBLE))
        answer.set()
        await expect(page.locator('[data-cta-state="visible"]')).to_be_visible()
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_a_button_pressed_while_another_is_at_work_waits_for_its_turn(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.route("**/cta/show", hold)
        await page.click('form[action$="/cta/show"] button')
        stop = page.locator('form[action$="/stop"] button')
        await stop.click()
        await expect(stop).to_be_disabled()
        web.commands.answer = CommandReply(ok=True, webinar=later(webinar, cta_visibility=CtaVisibility.VISIBLE))
        answer.set()
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        await expect(page.locator('[data-cta-state="visible"]')).to_have_count(1)
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_a_press_that_does_not_get_through_is_said_and_can_be_repeated(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await page.route("**/cta/show", lambda route: route.abort())
        await page.click('form[action$="/cta/show"] button')
        await expect(page.locator("[data-refused] [role=alert]")).to_be_visible()
        await expect(page.locator('form[action$="/cta/show"] button')).to_be_enabled()
        await expect(page.locator('form[action$="/cta/show"] button')).to_have_text("Показать")


async def test_stop_asks_in_the_page_and_goes_on_to_messages_and_report(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    over = later(webinar, status=WebinarStatus.FINISHED, finished_at=NOON)

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.click('form[action$="/stop"] button')
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-confirm]")).to_have_count(0)
        assert web.commands.sent == []

        web.commands.answer = CommandReply(ok=True, webinar=over)
        await page.click('form[action$="/stop"] button')
        await page.click('button[value="confirm"]')
        await expect(page.locator("[data-followups]")).to_be_visible()
        await expect(page.locator("[data-report]")).to_be_visible()
        await expect(page.locator("[data-people-box]")).to_have_count(0)
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_who_enters_appears_on_the_console_by_itself(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker, anna = await web.member("speaker"), await web.member(name="Anna")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await expect(page.locator("[data-page-health]")).to_have_attribute("data-page-health", "open")
        await page.fill("[data-people-search]", "typed")
        await web.under_test.receive(
            ClientWebinarEntered(
                lead_id=anna.account_id,
                webinar_id=webinar.webinar_id,
                session_id=session_id_of(anna.account_id, webinar.webinar_id),
                timestamp=NOON,
            )
        )
        await expect(page.locator("[data-live-part=entrants] .name")).to_have_text("Anna")
        await expect(page.locator("[data-people-search]")).to_have_value("typed")
        assert await window.stayed()


async def test_leaving_with_something_typed_is_asked_about_and_never_after_saving(web: Web) -> None:
    planned = webinar_event(title="Old")
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="New"))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        asked: list[str] = []

        async def refuse(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        page.on("dialog", refuse)
        await page.fill('[name="title"]', "New")
        await expect(page.locator("[data-unsaved-mark]")).to_be_visible()
        await page.click(".crumbs a")
        await expect(page.locator("dialog[data-unsaved]")).to_be_visible()
        await page.click("[data-stay]")
        await expect(page.locator("dialog[data-unsaved]")).to_be_hidden()
        await page.evaluate("location.assign('/webinars/')")
        assert await window.stayed()
        assert asked == ["beforeunload"]

        await page.fill('[name="title"]', "Old")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()
        await page.fill('[name="title"]', "New")
        await page.click('[data-form-actions] [value="publish"]')
        await expect(page.locator("[data-notice]")).to_be_visible()
        await page.click(".crumbs a")
        await expect(page.locator("[data-shelf]").first).to_be_visible()
        assert asked == ["beforeunload"]

        await page.go_back()
        await page.fill('[name="title"]', "Newer still")
        await page.click(".crumbs a")
        await page.click("[data-leave]")
        await expect(page.locator("[data-shelf]").first).to_be_visible()
        assert asked == ["beforeunload"]


async def test_the_form_says_what_a_time_is_here_and_how_far_away(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/new")).page
        await expect(page.locator('[name="time_zone"]')).to_have_value("Europe/Moscow")
        # The page goes by the server's clock, which stands at noon of 2 March.
        await page.fill('[name="time_zone"]', "Asia/Yekaterinburg")
        await page.fill('[name="scheduled_at"]', "2026-03-05T19:00")
        await expect(page.locator("[data-when-time]")).to_have_text("четверг, 5 марта в 17:00")
        await expect(page.locator("[data-when-from-now]")).to_have_text("через 3 дня")
        await expect(page.locator("[data-when-past]")).to_be_hidden()

        await page.fill('[name="scheduled_at"]', "2026-03-01T19:00")
        await expect(page.locator("[data-when-past]")).to_be_visible()
        await page.fill('[name="time_zone"]', "Europe/Berlin")
        await page.fill('[name="scheduled_at"]', "2026-03-29T02:30")
        await expect(page.locator("[data-when-gap]")).to_be_visible()
        await page.fill('[name="scheduled_at"]', "2026-10-25T02:30")
        await expect(page.locator("[data-when-time]")).to_have_text("воскресенье, 25 октября в 03:30")
        await page.fill('[name="time_zone"]', "Europe/Nowhere")
        await expect(page.locator("[data-when-no-zone]")).to_be_visible()
        await page.click("[data-use-zone] button")
        await expect(page.locator('[name="time_zone"]')).to_have_value("Europe/Moscow")
        await expect(page.locator("[data-use-zone]")).to_be_hidden()


async def test_links_and_pictures_are_previewed_while_they_are_typed(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/new")).page
        await page.fill('[name="player_src"]', "https://www.youtube.com/@channel/live")
        await expect(page.locator('[data-link="refused"]')).to_be_visible()
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()

        await page.fill('[name="player_src"]', "https://youtu.be/dQw4w9WgXcQ")
        await expect(page.locator('[data-link="changed"]')).to_be_visible()
        await page.click('[data-preview="player"] summary')
        inner = page.frame_locator('[data-preview="player"] iframe').frame_locator("iframe")
        await expect(inner.locator("p")).to_have_text("outside")

        await page.fill('[name="poster_url"]', "https://posters.example/none.png")
        await expect(page.locator('[data-poster-words="wrong"]')).to_be_visible()
        await page.fill('[name="cta_text"]', "Come along")
        await expect(page.locator("[data-cta-preview]")).to_have_text("Come along")


async def test_calling_off_asks_in_the_page_and_saves_nothing_that_was_typed(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, cancelled=True))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Half typed")
        await page.click('[data-console] button[value="cancel"]')
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        assert web.commands.sent == []
        await page.click('button[value="confirm"]')
        await expect(page.locator('[data-console="cancelled"]')).to_be_visible()
        await expect(page.locator("[data-said]")).to_have_text(re.compile("Отменено"))
        await expect(page.locator('[name="title"]')).to_have_value("Half typed")
        await expect(page.locator('[data-form-actions] button[value="restore"]')).to_be_visible()
        assert await window.stayed()
    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert command.changes == {}


async def sign_in_again(web: Web, window: Window, member: Member) -> None:
    """Give the browser another session of the account, as signing in in another tab does."""
    async with web.parts.database.work() as work:
        header = await web.parts.sessions.begin(work.connection, member.account_id, work.now)
    name, value = header.decode().split(";")[0].split("=", 1)
    await window.context.add_cookies([{"name": name, "value": value, "url": BASE_URL}])


async def look_again(page: Page) -> None:
    """Come back to the tab."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_a_new_webinar_outlives_the_session_that_it_was_typed_in(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, "/admin_webinar/new")
        page = window.page
        made = webinar_event(webinar_id=UUID(await page.locator('[name="webinar_id"]').input_value()))
        web.commands.answer = CommandReply(ok=True, webinar=made)
        await page.fill('[name="title"]', "Typed for long")
        await web.parts.accounts.sign_out(speaker.viewer)
        await page.click('[name="action"][value="publish"]')
        way_in = page.locator('[data-banner="ended"] a')
        await expect(way_in).to_be_focused()
        await expect(way_in).to_have_attribute("target", "_blank")
        await expect(page.locator('[name="title"]')).to_have_value("Typed for long")
        assert await window.stayed()
        assert web.commands.sent == []

        await sign_in_again(web, window, speaker)
        await page.click('[name="action"][value="publish"]')
        await page.wait_for_url(f"{BASE_URL}/admin_webinar/{made.webinar_id}*")
        await expect(page.locator("[data-notice]")).to_be_visible()
    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert command.changes["title"] == "Typed for long"


async def test_a_page_whose_session_was_replaced_saves_and_presses_at_the_first_try(web: Web) -> None:
    planned = webinar_event(title="Old")
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await sign_in_again(web, window, speaker)
        web.commands.answer = CommandReply(ok=True, webinar=live)
        await page.click('form[action$="/start"] button')
        await expect(page.locator('[data-console="live"]')).to_be_visible()
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        assert await window.stayed()

        await sign_in_again(web, window, speaker)
        web.commands.answer = CommandReply(ok=True, webinar=later(live, title="Typed"))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
    assert len(web.commands.sent) == 2


async def test_the_desk_goes_on_by_itself_after_signing_in_in_another_tab(web: Web) -> None:
    planned = webinar_event(title="Old")
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await web.parts.accounts.sign_out(speaker.viewer)
        await expect(page.locator('[data-banner="ended"]')).to_be_visible()
        await page.click('[data-console] button[value="cancel"]')
        await expect(page.locator('[data-banner="ended"] a')).to_be_focused()
        await look_again(page)
        await sign_in_again(web, window, speaker)
        await look_again(page)
        await expect(page.locator('[data-banner="ended"]')).to_be_hidden()
        await web.know(later(planned, cta_text="Theirs"))
        await expect(page.locator('[name="cta_text"]')).to_have_value("Theirs")
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        assert await window.stayed()


async def test_a_desk_that_is_closed_to_somebody_does_not_say_that_the_session_has_ended(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async def close(route: Route) -> None:
        await route.fulfill(status=404)

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await page.route(re.compile(r"/webinar/v1/state"), close)
        web.parts.rooms.close_sessions([speaker.viewer.session_id or ""])
        await expect(page.locator('[data-banner="gone"]')).to_be_visible()
        await expect(page.locator('[data-banner="ended"]')).to_be_hidden()


async def test_what_is_wrong_with_a_form_is_said_in_the_page_that_it_was_typed_in(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    error = CommandError(code=ErrorCode.INVALID_FIELD, field="duration_minutes", message="words for a log")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await page.fill('[name="duration_minutes"]', "3")
        web.commands.answer = CommandReply(ok=False, error=error)
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("#e-duration_minutes")).to_be_visible()
        await expect(page.locator('[name="duration_minutes"]')).to_be_focused()
        await expect(page.locator("[data-refused] [role=alert]")).to_be_visible()

        web.commands.answer = CommandUnanswered("slow")
        await page.fill('[name="duration_minutes"]', "30")
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("[data-said]")).to_have_text(re.compile("Пока неизвестно, сохранилось ли это"))
        await expect(page.locator("[data-said]")).to_be_focused()
        await expect(page.locator("#e-duration_minutes")).to_have_count(0)
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        await expect(page.locator("[data-unsaved-mark]")).to_be_visible()
        assert await window.stayed()

        web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="Typed", duration_minutes=30))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()


async def test_a_conflict_is_shown_in_the_page_and_saving_again_puts_ones_own_in_its_place(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    theirs = later(planned, title="Theirs")
    await web.know(planned)
    speaker = await web.member("speaker")
    conflict = CommandError(code=ErrorCode.VERSION_CONFLICT, field="title", message="words for a log")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.fill('[name="title"]', "Mine")
        await web.know(theirs)
        await expect(page.locator("h1")).to_have_text("Theirs")
        web.commands.answer = CommandReply(ok=False, error=conflict)
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("#e-title")).to_contain_text("Сейчас там: Theirs")
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        web.commands.answer = CommandReply(ok=True, webinar=later(theirs, title="Mine"))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Mine")
    commands = [command for command, _, _ in web.commands.sent if isinstance(command, CoreWebinarUpsert)]
    assert [command.expected_version for command in commands] == [1, 2]


async def test_a_save_that_was_broken_off_can_be_repeated(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="Typed"))
    asked = asyncio.Event()

    async def hold(route: Route) -> None:
        if asked.is_set() or route.request.method == "GET":
            await route.continue_()
        asked.set()

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.route(f"**/admin_webinar/{planned.webinar_id}", hold)
        await page.fill('[name="title"]', "Typed")
        await page.click("[data-form-actions] .primary", no_wait_after=True)
        await asked.wait()
        await page.evaluate("window.stop()")
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
    assert len(web.commands.sent) == 1


async def test_after_a_question_the_keyboard_goes_on_where_it_was_asked(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        stop = page.locator('form[action$="/stop"] button').first
        for leave in ("[data-close]", None):
            await stop.focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
            await (page.focus(leave) if leave else page.focus('button[value="confirm"]'))
            await page.keyboard.press("Enter" if leave else "Escape")
            await expect(page.locator("dialog[open]")).to_have_count(0)
            await expect(stop).to_be_focused()
    assert web.commands.sent == []


async def test_a_speaker_who_came_after_the_page_is_shown_in_the_form(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        other = await web.member("speaker", name="Somebody new")
        await web.know(later(planned, speaker_id=other.account_id))
        await expect(page.locator('[name="speaker_id"]')).to_have_value(other.account_id)
        await expect(page.locator('[name="speaker_id"] option:checked')).to_have_text("Somebody new")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()


async def test_a_preview_ends_with_its_link_and_with_the_room_that_it_was_for(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON, chat_src=None)
    await web.know(planned)
    admin = await web.member("admin")

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/{planned.webinar_id}")).page
        frame = page.locator('[data-preview="player"] iframe')
        await page.click('[data-preview="player"] summary')
        await expect(frame).to_have_count(1)
        await page.fill('[name="player_src"]', "")
        await expect(frame).to_have_count(0)
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()

        await page.fill('[name="player_src"]', "https://player.example/embed/1")
        await expect(page.locator('[data-link="kept"]')).to_be_visible()
        await expect(frame).to_have_count(1)
        await web.know(later(planned, stream_type="zoom"))
        await expect(page.locator('[name="stream_type"]')).to_have_value("zoom")
        await expect(frame).to_have_count(0)
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()
        await expect(page.locator('[data-link="kept"]')).to_have_count(0)


async def test_a_press_of_another_button_of_the_mouse_holds_nothing_up(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await page.hover("h1")
        await page.mouse.down(button="right")
        await web.know(later(planned, title="New"))
        await expect(page.locator("h1")).to_have_text("New")


async def test_the_link_to_the_room_is_copied_at_the_desk_however_often(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}?done=publish", clock=True)
        page = window.page
        assert page.url == f"{BASE_URL}/admin_webinar/{planned.webinar_id}"
        button = page.locator("[data-copy]")
        for _ in range(2):
            await button.click()
            await expect(button).to_have_text("Скопировано")
        await expect(page.locator("[data-announce]")).to_have_text("Скопировано")
        await page.clock.fast_forward(5_000)
        await expect(button).to_have_text("Скопировать")
        await web.know(later(planned, title="Another"))
        await expect(page.locator("h1")).to_have_text("Another")
        await expect(button).to_be_visible()
