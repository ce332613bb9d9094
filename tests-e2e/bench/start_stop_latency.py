"""How fast a press at the desk is everywhere: POST sent → bytes received, for start and stop.

`python -m bench.start_stop_latency` (with this folder's parent on the path): 200 event streams held by one client and
two real browsers, ten rounds. Prints p50, p95 and the worst; exits with 1 when a p95 is a second or more.
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from local_stack.chromium import chromium
from local_stack.servers import private_servers
from playwright.sync_api import Page, sync_playwright
from world.people import Person
from world.rooms import Browsers, Room
from world.streams import Crowd
from world.system import World, running_world

LIMIT_SECONDS = 1.0
STATUS_OF = {"start": "live", "stop": "finished"}
Times = dict[tuple[str, str], list[float]]


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure; return the exit code."""
    parser = ArgumentParser(prog="start_stop_latency", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--streams", type=int, default=200)
    wanted = parser.parse_args()
    times: Times = {}
    with ExitStack() as last:
        home = Path(last.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        world = last.enter_context(running_world(last.enter_context(private_servers()), home / "stack"))
        _, candidates = world.cast.family(wanted.streams + 2)
        viewers = {person.login: world.cast.caller(person).cookies() for person in candidates[2:]}
        pages = _pages(world, last, candidates[:2])
        for number in range(1, wanted.rounds + 1):
            measured = _measure(world, number, viewers, pages)
            say(f"Round {number:2}: " + ", ".join(f"{k[0]} {k[1]} {max(v) * 1000:.0f} ms" for k, v in measured.items()))
            for what, seconds in measured.items():
                times.setdefault(what, []).extend(seconds)
        complaints = world.complaints()
    for complaint in complaints:
        say(f"WRONG {complaint}")
    return judge(times) or (1 if complaints else 0)


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


def judge(times: Times) -> int:
    """Print the times; return 1 when a p95 is over the limit."""
    say(f"\n{'POST sent → received':24} {'p50':>8} {'p95':>8} {'max':>8}")
    late = False
    for (button, where), seconds in times.items():
        cuts = quantiles(seconds, n=100, method="inclusive")
        p95 = cuts[94]
        late = late or p95 >= LIMIT_SECONDS
        row = "".join(f" {value * 1000:5.0f} ms" for value in (cuts[49], p95, max(seconds)))
        say(f"{f'{button}, {len(seconds)} {where}':24}{row}")
    say(f"p95 {'NOT ' if late else ''}under {LIMIT_SECONDS:.0f} s")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
