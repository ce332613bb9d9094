"""Houses in the background, and a browser that walks through them."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from room_ui.viewer import LOCALE_COOKIE
from servicekit.testing import services_under_test, template_databases_on
from world.background import Background

from pages.houses import SITE, House, open_house
from pages.states import State

PATIENCE_MS = 15_000
PHONE: Mapping[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
WIDE: Mapping[str, Any] = {"viewport": {"width": 1440, "height": 900}}
ELSEWHERE = Path(__file__).parent / "elsewhere"
"""What other sites answer, by a word in the address; any other shows a chat."""


@dataclass
class OpenHouse:
    """A house that is served at this moment, and the way to change what is in it."""

    house: House
    background: Background

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something happen in the house, and wait for it."""
        self.background.run(work)


class Street:
    """Opens houses on a PostgreSQL server, one at a time: a house is closed when another one is asked for."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._background = Background()
        self._last = ExitStack()
        self._last.callback(self._background.close)
        self._templates = self._last.enter_context(template_databases_on(database_url))
        self._open: tuple[tuple[str, str], ExitStack, OpenHouse] | None = None

    def house(self, name: str, locale: str) -> OpenHouse:
        """Return the house of that name in a language; freshly furnished unless it is the one that is open."""
        if self._open is None or self._open[0] != (name, locale):
            self.leave()
            stack = ExitStack()
            self._open = ((name, locale), stack, stack.enter_context(self._kept(name, locale)))
        return self._open[2]

    @contextmanager
    def _kept(self, name: str, locale: str) -> Iterator[OpenHouse]:
        """Keep a house open in one task: what was entered there has to be left there."""
        opened: asyncio.Future[House] = self._background.run(_future())
        over = asyncio.Event()

        async def keep() -> None:
            try:
                async with (
                    services_under_test(self._database_url, self._templates) as harness,
                    open_house(harness, name, locale) as house,
                ):
                    opened.set_result(house)
                    await over.wait()
            except BaseException as error:
                if not opened.done():
                    opened.set_exception(error)
                raise

        keeping = asyncio.run_coroutine_threadsafe(keep(), self._background.loop)
        yield OpenHouse(self._background.run(_outcome(opened), 60), self._background)
        self._background.loop.call_soon_threadsafe(over.set)
        keeping.result(30)

    def leave(self) -> None:
        """Close the house that is open: the next one is furnished anew, whatever was done in this one."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def close(self) -> None:
        """Close what is open and drop what was made."""
        self.leave()
        self._last.close()


async def _future() -> "asyncio.Future[House]":
    return asyncio.get_running_loop().create_future()


async def _outcome(opened: "asyncio.Future[House]") -> House:
    return await opened


class Walker:
    """Opens states in a browser; other sites are played by stand-ins, and nothing moves that need not."""

    def __init__(self, browser: Browser, street: Street) -> None:
        expect.set_options(timeout=PATIENCE_MS)
        self._browser = browser
        self._street = street
        self.complaints: list[str] = []
        """What the pages' scripts threw, or were forbidden by the pages' policy."""

    @contextmanager
    def context(
        self, house: House, who: str | None, *, slow: Callable[[Route], None] | None = None, **options: Any
    ) -> Iterator[BrowserContext]:
        """Open a browser of its own, signed in as somebody of the house; `slow` meets pictures and fonts first."""
        context = self._browser.new_context(
            # The site's own name for everybody, whatever the port: every request goes to the house.
            base_url=SITE,
            proxy={"server": f"http://127.0.0.1:{house.port}"},
            locale={"ru": "ru-RU", "en": "en-GB"}[house.locale],
            timezone_id="Europe/Moscow",
            service_workers="block",
            **{"reduced_motion": "reduce", **WIDE, **options},
        )
        try:
            context.set_default_timeout(PATIENCE_MS)
            context.route(lambda address: address.startswith("https://"), _play_elsewhere)
            if slow is not None:
                context.route(re.compile(r"\.(svg|woff2)(\?|$)"), slow)
            context.on("weberror", lambda error: self.complaints.append(f"{error.page}: {error.error}"))
            context.add_cookies([{"name": LOCALE_COOKIE, "value": house.locale, "url": SITE}])
            if who is not None:
                name, value = house.members[who].cookie.split("=", 1)
                context.add_cookies([{"name": name, "value": value, "url": SITE}])
            yield context
        finally:
            # What is on its way still, and slow, is let go.
            context.unroute_all(behavior="ignoreErrors")
            context.close()

    @contextmanager
    def visit(self, state: State, locale: str, *, stands_still: bool = False, **options: Any) -> Iterator[Page]:
        """Open a state's page and bring it into the state; `stands_still`: the page's clock, too."""
        opened = self._street.house(state.house, locale)
        with self.context(opened.house, state.who, **options) as context:
            page = context.new_page()
            page.on("console", self._listen_to(state))
            if stands_still:
                page.clock.set_fixed_time(opened.house.web.parts.clock.now())
            if state.path:
                answer = page.goto(opened.house.address(state.path))
                assert answer is not None
                assert answer.status == state.status, f"{state.name}: {answer.status} instead of {state.status}"
            if state.steps is not None:
                state.steps(page, opened)
            expect(page.locator(state.ready).first).to_be_visible()
            names = opened.house.names_in(state.path, state.who)
            if stands_still and names is not None:
                expect(page.locator("[data-people] .name")).to_have_count(names)
            # Where a form was sent, the words may be there before the stylesheet is.
            page.wait_for_load_state("load")
            page.evaluate("() => document.fonts.ready")
            yield page

    def _listen_to(self, state: State) -> Callable[[Any], None]:
        def listen(said: Any) -> None:
            if "Content Security Policy" in said.text:
                self.complaints.append(f"{state.name}: {said.text}")

        return listen


def _play_elsewhere(route: Route) -> None:
    stand_ins = sorted(ELSEWHERE.iterdir())
    default = ELSEWHERE / "chat.html"
    route.fulfill(path=next((file for file in stand_ins if file.stem in route.request.url), default))
