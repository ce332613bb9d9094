"""How soon a new webinar is on every open page: POST sent → its title shown, on the schedule and on a desk's list.

`python -m bench.schedule_latency` (with this folder's parent on the path): 200 guests who hold the schedule's stream
and ask for its cards as its script does, one real browser on the schedule and one on another host's list; ten rounds.
Prints p50, p95 and the worst; exits with 1 when a p95 is a second or more.
"""

import asyncio
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from local_stack.chromium import chromium
from playwright.sync_api import Page, expect, sync_playwright
from world.rooms import Browsers
from world.system import World

from bench.latency import Times, measured

SPREAD_SECONDS = 0.6
"""Within that time the script of the schedule asks, at random."""
_WATCH = """(selector) => {
  window.shownAt = {};
  const note = () => {
    for (const title of document.querySelectorAll(selector)) window.shownAt[title.textContent.trim()] ??= Date.now();
  };
  note();
  new MutationObserver(note).observe(document.body, { childList: true, subtree: true });
}"""


class Guests:
    """Visitors of the schedule without a browser: a stream each, and a connection on which they ask."""

    def __init__(self, base_url: str, count: int) -> None:
        parts = urlsplit(base_url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._host = parts.netloc
        self._count = count
        self.shown: dict[bytes, list[float]] = {}
        """When each title was on the cards of each guest."""
        self.listening = 0

    def expect(self, title: str) -> None:
        self.shown[title.encode()] = []

    async def follow(self) -> None:
        """Follow the schedule until cancelled."""
        await asyncio.gather(*(self._follow_one() for _ in range(self._count)))

    async def _follow_one(self) -> None:
        (stream, stream_writer), (answers, asking) = [
            await asyncio.open_connection(*self._address, limit=1 << 20) for _ in range(2)
        ]
        stream_writer.write(self._get("/webinar/v1/webinars/stream"))
        has: set[bytes] = set()
        while line := await stream.readline():
            self.listening += line.startswith(b"data: ") and not has
            if not any(title in line for title in self.shown.keys() - has):
                continue
            await asyncio.sleep(random.random() * SPREAD_SECONDS)
            asking.write(self._get("/webinars/", b"X-Part: cards\r\n"))
            head = await answers.readuntil(b"\r\n\r\n")
            [length] = re.findall(rb"content-length: (\d+)", head)
            cards = await answers.readexactly(int(length))
            for title in self.shown.keys() - has:
                if title in cards:
                    self.shown[title].append(time.time())
                    has.add(title)

    def _get(self, path: str, headers: bytes = b"") -> bytes:
        return f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n".encode() + headers + b"\r\n"


def main() -> int:
    """Measure; return the exit code."""
    return measured("schedule_latency", __doc__, "guests", _prepare)


def _prepare(world: World, last: ExitStack, count: int) -> Callable[[int], Times]:
    guests = Guests(world.base_url, count)
    following = asyncio.run_coroutine_threadsafe(guests.follow(), world.background.loop)
    last.callback(following.cancel)
    pages = last.enter_context(_pages(world))
    _wait(lambda: guests.listening >= count)
    return lambda number: _measure(world, guests, count, pages, f"Замер {number:02}")


def _measure(world: World, guests: Guests, count: int, pages: Mapping[str, Page], title: str) -> Times:
    """Return how long a new webinar took to each guest and each browser, in seconds."""
    guests.expect(title)
    sent = time.time()
    world.desk.plan(title)
    _wait(lambda: len(guests.shown[title.encode()]) == count)
    times: Times = {("new webinar", "guests"): [moment - sent for moment in guests.shown[title.encode()]]}
    for where, page in pages.items():
        expect(page.get_by_role("heading", name=title)).to_be_visible()
        times["new webinar", where] = [page.evaluate("(title) => window.shownAt[title]", title) / 1000 - sent]
    return times


@contextmanager
def _pages(world: World) -> Iterator[dict[str, Page]]:
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        browsers = Browsers(browser, world.base_url)
        schedule, desk = browsers.page(), browsers.page(world.cast.caller(world.cast.admin))
        for page, path, selector in (schedule, "/webinars/", "h2"), (desk, "/admin_webinar/", "h3"):
            with page.expect_response(lambda answer: answer.url.split("?")[0].endswith("/stream")):
                page.goto(path)
            page.evaluate(_WATCH, selector)
        yield {"schedule": schedule, "desk's list": desk}
        browser.close()


def _wait(is_so: Callable[[], bool], patience_seconds: float = 30) -> None:
    deadline = time.monotonic() + patience_seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
