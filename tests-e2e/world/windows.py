"""Browser windows on one served room-ui, each of one person, that note what their scripts complain of."""

import functools
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from local_stack.chromium import chromium
from playwright.async_api import Browser, BrowserContext, Page, Route, async_playwright, expect
from room_ui.server import room_door
from room_ui.testing import BASE_URL, NOON, Member, Web

SOON = NOON + timedelta(hours=1)


expect.set_options(timeout=15_000)

_program = functools.cache(chromium)
"""Looked for once: each of the ways that it tries takes a moment."""


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
        arguments = [
            f"--host-resolver-rules=MAP rooms.localhost 127.0.0.1:{port}",
            *["--no-sandbox"] * (os.geteuid() == 0),
        ]
        browser = await playwright.chromium.launch(executable_path=_program(), args=arguments)
        browsers.push_async_callback(browser.close)
        windows = Windows(browser)
        yield windows
        assert [complaint for window in windows.opened for complaint in window.complaints] == []


async def frames_of(page: Page) -> list[str]:
    found: list[str] = await page.evaluate("[...document.querySelectorAll('iframe')].map((frame) => frame.src)")
    return found


LOOKED_AWAY = """
Object.defineProperty(document, "visibilityState", { get: () => (window.isAway ? "hidden" : "visible") });
"""


async def look_away(page: Page, *, is_away: bool = True) -> None:
    """Look at another page, or come back from it."""
    await page.evaluate(f"window.isAway = {int(is_away)}; document.dispatchEvent(new Event('visibilitychange'))")
