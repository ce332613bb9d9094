"""The desk's list of webinars follows what is on air."""

import re
from datetime import timedelta

from contracts import WebinarStatus
from playwright.async_api import expect
from room_ui.testing import BASE_URL, NOON, Web, later, webinar_event
from world.windows import LOOKED_AWAY, SOON, windows_on


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
        row = page.locator(f'[data-shelf="on_air"] [data-webinar-id="{second.webinar_id}"]')
        await expect(row.locator(".badge")).to_have_text("В эфире")
        await expect(page.locator("[data-shelf]").first).to_have_attribute("data-shelf", "on_air")
        await expect(opens).to_be_focused()
        await expect(page.locator("#list-search")).to_have_value("half a wo")
        assert await page.evaluate(old) == ["The first", "A draft"]

        room = (await windows.open(candidate, f"/account/webinar_room/{second.webinar_id}")).page
        await expect(room.locator("[data-room]")).to_have_attribute("data-viewers", "1")
        await expect(row.locator(".row-viewers")).to_have_text(re.compile("1$"))

        await web.know(later(live, status=WebinarStatus.FINISHED, finished_at=NOON + timedelta(minutes=50)))
        await expect(page.locator(f'[data-shelf="past"] [data-webinar-id="{second.webinar_id}"]')).to_be_visible()
        await expect(page.locator('[data-shelf="on_air"]')).to_have_count(0)
        await expect(opens).to_have_text(re.compile("Отчёт"))
        await expect(opens).to_be_focused()
        assert await page.evaluate(old) == ["The first", "A draft"]
        assert await window.stayed()


async def test_what_core_says_is_on_the_desks_list_before_any_time_has_passed(web: Web) -> None:
    webinar = webinar_event("draft", title="The first", scheduled_at=SOON)
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/", clock=True)).page
        shelves = page.locator("[data-shelf]")
        await expect(shelves).to_have_attribute("data-shelf", "drafts")
        changed = later(webinar, title="Renamed")
        await web.know(changed)
        await expect(page.locator("h3")).to_have_text("Renamed")
        live = later(changed, status=WebinarStatus.LIVE, started_at=NOON)
        await web.know(live)
        await expect(shelves).to_have_attribute("data-shelf", "on_air")
        await expect(page.locator("[data-announce]")).to_have_text("Renamed: В эфире")
        await web.know(later(live, status=WebinarStatus.FINISHED, finished_at=NOON + timedelta(minutes=50)))
        await expect(shelves).to_have_attribute("data-shelf", "past")


async def test_the_desks_list_looks_for_its_own_page_and_search_and_only_while_it_is_seen(web: Web) -> None:
    live = webinar_event("live", title="One of May")
    await web.know(live)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(
            speaker, "/admin_webinar/?q=May", clock=True, script=f"{LOOKED_AWAY}; window.isAway = true"
        )
        page = window.page
        looks: list[str] = []
        page.on("request", lambda request: looks.append(request.url) if "x-part" in request.headers else None)
        await web.know(webinar_event("live", title="One of June"), later(live, title="Another of May"))
        await page.clock.fast_forward(60_000)
        await page.evaluate("fetch('/webinars/').then((answer) => answer.text())")
        assert looks == []

        await page.evaluate("window.isAway = false; document.dispatchEvent(new Event('visibilitychange'))")
        await expect(page.locator("[data-webinar-id] h3")).to_have_text(["Another of May"])
        assert set(looks) == {f"{BASE_URL}/admin_webinar/?q=May"}

        await web.parts.accounts.set_active(speaker.account_id, active=False)
        await page.clock.fast_forward(10_000)
        await expect(page.locator('[data-banner="ended"]')).to_be_visible()
        await expect(page.locator("[data-webinar-id] h3")).to_have_text(["Another of May"])


async def test_a_list_made_by_an_instance_that_is_behind_is_caught_up_with(web: Web) -> None:
    webinar = webinar_event(title="The first", scheduled_at=SOON)
    await web.know(webinar)
    speaker = await web.member("speaker")
    behind = (await speaker.browser.get("/admin_webinar/", headers={"x-part": "list"})).text

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/")).page
        await page.route(
            "**/admin_webinar/",
            lambda route: route.fulfill(body=behind, content_type="text/html; charset=utf-8"),
            times=4,
        )
        await web.know(later(webinar, title="Renamed"))
        await expect(page.locator("h3")).to_have_text("Renamed")
