"""How soon the schedule and the room show something, and how little they move while they come.

`python -m bench.first_paint` (with this folder's parent on the path): each page ten times, with nothing kept from the
time before, on a phone's and a laptop's window. Exits with 1 when a median is a second or more.
"""

import os
import sys
from contextlib import ExitStack
from statistics import median

from local_stack.chromium import chromium
from local_stack.servers import servers_for_tests
from pages import measures
from pages.site import PHONE, WIDE, Street, Walker
from pages.states import STATES
from playwright.sync_api import sync_playwright

LIMIT_MS = 1000
ROUNDS = 10
SHOWN = ("schedule-live", "room-lobby", "room-live")


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure; return the exit code."""
    late = False
    with ExitStack() as last:
        street = Street(last.enter_context(servers_for_tests()).database_url)
        last.callback(street.close)
        playwright = last.enter_context(sync_playwright())
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments)
        last.callback(browser.close)
        walker = Walker(browser, street)
        say(f"{'first contentful paint':24} {'median':>8} {'worst':>8}   layout shift")
        for state in (one for one in STATES if one.name in SHOWN):
            for device, options in (("phone", PHONE), ("wide", WIDE)):
                paints, shifts = [], []
                for _ in range(ROUNDS):
                    with walker.visit(state, "ru", **options) as page:
                        page.wait_for_load_state("load")
                        shifts.append(measures.layout_shift(page))
                        paints.append(measures.first_paint_ms(page) or float("inf"))
                late = late or median(paints) >= LIMIT_MS
                words = f"{median(paints):5.0f} ms {max(paints):5.0f} ms   {max(shifts):.4f}"
                say(f"{f'{state.name}, {device}':24} {words}")
    say(f"median {'NOT ' if late else ''}under {LIMIT_MS} ms")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
