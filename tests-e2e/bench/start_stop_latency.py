"""How fast a press at the desk is everywhere: POST sent → bytes received, for start and stop.

`python -m bench.start_stop_latency` (with this folder's parent on the path): 200 event streams held by one client and
two real browsers, ten rounds. Prints p50, p95 and the worst; exits with 1 when a p95 is a second or more.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from local_stack.chromium import chromium
from playwright.sync_api import Page, sync_playwright
from world.people import Person
from world.rooms import Browsers, Room
from world.streams import Crowd
from world.system import World

from bench.latency import Times, measured

STATUS_OF = {"start": "live", "stop": "finished"}


def main() -> int:
    """Measure; return the exit code."""
    return measured("start_stop_latency", __doc__, "streams", _prepare)


def _prepare(world: World, last: ExitStack, streams: int) -> Callable[[int], Times]:
    _, candidates = world.cast.family(streams + 2)
    viewers = {person.login: world.cast.caller(person).cookies() for person in candidates[2:]}
    pages = _pages(world, last, candidates[:2])
    return lambda number: _measure(world, number, viewers, pages)


def _pages(world: World, last: ExitStack, people: Sequence[Person]) -> list[Page]:
    playwright = last.enter_context(sync_playwright())
    program = chromium()
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    pages = []
    for person in people:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        last.callback(browser.close)
        pages.append(Browsers(browser, world.base_url).page(world.cast.caller(person)))
    return pages


def _measure(world: World, number: int, viewers: dict[str, dict[str, str]], pages: Sequence[Page]) -> Times:
    """Return how long start and stop of one webinar took to each stream and each browser, in seconds."""
    times: Times = {}
    webinar_id = world.desk.plan(f"Замер {number}")
    crowd = Crowd(world.background, world.base_url, webinar_id)
    crowd.join(viewers)
    rooms = [Room.open(page, webinar_id) for page in pages]
    for button, status in STATUS_OF.items():
        sent = time.time()
        answer = world.desk.press(webinar_id, button, confirm="confirm")
        assert answer.status_code == 303, answer.text
        crowd.wait_for(lambda stream, status=status: stream.first(status) is not None)
        received = [moment for stream in crowd.streams if (moment := stream.first(status)) is not None]
        times[button, "streams"] = [moment - sent for moment in received]
        times[button, "browsers"] = [room.shown_at(status).timestamp() - sent for room in rooms]
    crowd.leave()
    return times


if __name__ == "__main__":
    sys.exit(main())
