"""The scripts of the schedule, in a real browser on the real application."""

import asyncio
import re
from datetime import timedelta

from contracts import (
    WebinarStatus,
)
from playwright.async_api import Route, expect
from room_ui.rooms.state import schedule_of
from room_ui.testing import NOON, Web, later, webinar_event
from world.windows import SOON, windows_on


class Behind:
    """An instance that is behind the one that tells: it answers with the cards as they were."""

    @staticmethod
    async def now(web: Web) -> "Behind":
        return Behind((await web.browser().get("/webinars/", headers={"x-part": "cards"})).text)

    def __init__(self, cards: str) -> None:
        self._cards = cards

    async def answer(self, route: Route) -> None:
        await route.fulfill(body=self._cards, content_type="text/html; charset=utf-8")


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


async def test_a_stream_ahead_of_the_instance_that_is_asked_is_caught_up_with(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)
    behind = await Behind.now(web)

    async with windows_on(web) as windows:
        window = await windows.open(None, "/webinars/")
        await window.page.route("**/webinars/", behind.answer, times=1)
        changed = later(planned, description="It came on the short way.")
        async with window.page.expect_response("**/webinars/"):
            web.parts.rooms.apply(changed)
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
            await expect(page.locator("[data-remaining]")).to_have_text("1 день")
            await expect(page.locator("[data-past]")).to_be_hidden()
            await page.clock.fast_forward(timedelta(days=1, seconds=40) // timedelta(milliseconds=1))
            await expect(page.locator("[data-past]")).to_be_visible()
            await expect(page.locator("[data-until]")).to_be_hidden()


async def test_an_instance_that_is_behind_takes_no_schedule_back(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    behind = schedule_of([planned], {}, NOON).written.event(NOON).decode()
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
    behind = await Behind.now(web)

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/", clock=True)).page
        await page.route("**/webinars/", behind.answer)
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
        await page.clock.fast_forward(3_000)
        await expect(page.locator("h2")).to_have_text("And again")


async def test_what_is_told_to_be_on_air_is_so_on_cards_of_an_instance_that_is_behind(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)
    behind = await Behind.now(web)

    async with windows_on(web) as windows:
        page = (await windows.open(None, "/webinars/")).page
        await page.route("**/webinars/", behind.answer)
        await page.evaluate("document.querySelector('.webinar').dataset.former = ''")
        web.parts.rooms.apply(later(planned, title="Another", status=WebinarStatus.LIVE, started_at=NOON))
        await expect(page.locator('.webinar:not([data-former])[data-status="live"] h2')).to_have_text("The first")


async def test_the_keyboard_stays_where_it_was_when_the_schedule_changes(web: Web) -> None:
    first, second = (webinar_event(title=title, scheduled_at=SOON) for title in ("The first", "The second"))
    await web.know(first, second)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, "/webinars/")).page
        way_in = page.locator(f'[data-webinar-id="{second.webinar_id}"] .button.primary')
        await way_in.focus()
        renamed = later(second, title="Renamed")
        await web.know(renamed)
        await expect(page.get_by_role("heading", name="Renamed")).to_be_visible()
        await expect(way_in).to_be_focused()
        await web.know(later(renamed, status=WebinarStatus.LIVE, started_at=NOON))
        await expect(page.locator("h2").first).to_have_text("Renamed")
        await expect(way_in).to_be_focused()


async def test_nothing_is_made_anew_between_pressing_and_letting_go(web: Web) -> None:
    planned = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(planned)
    candidate = await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(candidate, "/webinars/")).page
        await page.locator(".webinar .button.primary").hover()
        await page.mouse.down()
        async with page.expect_response("**/webinars/"):
            await web.know(later(planned, title="Renamed"))
        await page.evaluate("fetch('/webinars/').then((answer) => answer.text())")
        await expect(page.locator("h2")).to_have_text("The first")
        await page.mouse.up()
        await page.wait_for_url("**/webinar_room/**")
