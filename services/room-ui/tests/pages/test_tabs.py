"""One stream for all tabs of a browser, and its going over from one to another."""

import asyncio
import re

from contracts import (
    WebinarStatus,
)
from playwright.async_api import Page, Route, expect
from room_ui.testing import BASE_URL, NOON, Web, later, webinar_event
from world.windows import LOOKED_AWAY, SOON, look_away, windows_on


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


async def test_a_page_whose_session_was_replaced_goes_on_hearing_when_it_is_looked_at_again(web: Web) -> None:
    planned = webinar_event(title="Planned", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}", script=LOOKED_AWAY)
        page = window.page
        await web.parts.accounts.sign_out_everywhere(speaker.viewer, but_here=False)
        await expect(page.locator('[data-banner="ended"]')).to_be_visible(timeout=30_000)
        await look_away(page)
        token = await web.parts.accounts.new_link(speaker.account_id)
        other = await window.context.new_page()
        await other.goto(f"{BASE_URL}/account/link/{token}")
        await other.click("form button.primary")
        await other.wait_for_url("**/admin_webinar/")
        await other.close()
        renamed = planned
        for name in ("Another name", "A third one", "A fourth one"):
            await look_away(page, is_away=False)
            await expect(page.locator('[data-banner="ended"]')).to_be_hidden()
            await look_away(page)
            renamed = later(renamed, title=name)
            await web.know(renamed)
            await expect(page.locator("h1")).to_have_text(name)
