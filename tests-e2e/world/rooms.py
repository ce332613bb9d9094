"""Browsers: one Chromium, a context per person and device, and the room's page as a viewer sees it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from world.caller import Caller

PHONE: Mapping[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LAPTOP: Mapping[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PATIENCE_MS = 15_000
_ELSEWHERE = re.compile(r"^https://")
_STAND_IN = "<!doctype html><title>elsewhere</title><p>Another site, as far as this machine knows.</p>"
_WATCH = """() => {
  const room = document.querySelector('[data-room]');
  window.sameDocument = true;
  window.shownAt = {};
  const note = () => { window.shownAt[room.dataset.screen] ??= Date.now(); };
  new MutationObserver(note).observe(room, {attributes: true, attributeFilter: ['data-screen']});
}"""


class Browsers:
    """Opens contexts for one test and closes them after it; other sites are played by a stand-in."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        expect.set_options(timeout=PATIENCE_MS)
        self._browser = browser
        self._base_url = base_url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        """What the pages' scripts threw."""

    def context(
        self,
        caller: Caller | None = None,
        *,
        device: Mapping[str, Any] = LAPTOP,
        instance: str | None = None,
        **options: Any,
    ) -> BrowserContext:
        """Open a browser of its own, signed in as `caller` is; `instance`: its requests go to this one of room-ui."""
        proxy = {"proxy": {"server": instance}} if instance else {}
        context = self._browser.new_context(
            base_url=self._base_url,
            locale="ru-RU",
            timezone_id="Europe/Moscow",
            service_workers="block",
            **{**device, **proxy, **options},
        )
        context.set_default_timeout(PATIENCE_MS)
        context.route(_ELSEWHERE, _play_elsewhere)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        if caller is not None:
            context.add_cookies(
                [{"name": name, "value": value, "url": self._base_url} for name, value in caller.cookies().items()]
            )
        self._contexts.append(context)
        return context

    def page(self, caller: Caller | None = None, **options: Any) -> Page:
        """Open a page in a browser of its own."""
        return self.context(caller, **options).new_page()

    def room(self, caller: Caller, webinar_id: UUID, **options: Any) -> "Room":
        """Open a webinar's room in a browser of its own."""
        return Room.open(self.page(caller, **options), webinar_id)

    def photograph(self, folder: Path) -> list[Path]:
        """Write a picture of every open page."""
        folder.mkdir(parents=True, exist_ok=True)
        taken = []
        for number, page in enumerate(page for context in self._contexts for page in context.pages):
            taken.append(folder / f"{number}.png")
            page.screenshot(path=taken[-1], full_page=True, timeout=5000)
        return taken

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        self._contexts.clear()


def _play_elsewhere(route: Route) -> None:
    route.fulfill(content_type="text/html; charset=utf-8", body=_STAND_IN)


class Room:
    """The room's page; from `open` on it must never be loaded again unless the story does so."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.root = page.locator("[data-room]")

    @classmethod
    def open(cls, page: Page, webinar_id: UUID) -> "Room":
        """Open the room and wait until its stream has come through."""
        page.goto(f"/account/webinar_room/{webinar_id}")
        room = cls(page)
        room.watch()
        return room

    def watch(self) -> None:
        """Note from now on when each screen shows, and that the page stays the same document."""
        expect(self.root).to_have_attribute("data-version", re.compile(r"\d+"))
        self.page.evaluate(_WATCH)

    def is_same_document(self) -> bool:
        """Whether the page was not loaded again since `watch`."""
        return self.page.evaluate("() => window.sameDocument === true") is True

    def expect_screen(self, screen: str) -> None:
        """Wait until the page shows `lobby`, `live`, `paused` or `finished`."""
        expect(self.root).to_have_attribute("data-screen", screen)

    def shown_at(self, screen: str) -> datetime:
        """Return when the page first showed a screen, by this machine's clock."""
        self.expect_screen(screen)
        return datetime.fromtimestamp(self.page.evaluate("name => window.shownAt[name]", screen) / 1000, UTC)

    @property
    def player(self) -> Any:
        return self.page.locator("[data-player] iframe")

    @property
    def cta(self) -> Any:
        return self.page.locator("[data-cta]")

    def finish(self) -> None:
        """Press "finish" and confirm it."""
        self.page.locator('[data-action="finish"]').click()
        self.page.locator('[data-action="finish-confirm"]').click()
        expect(self.root).to_have_attribute("data-left", "true")

    def names(self) -> list[str]:
        """Return who is on the list of participants."""
        return [text.strip() for text in self.page.locator("[data-people] .name").all_inner_texts()]

    def leave(self) -> None:
        """Close the page."""
        self.page.close()
