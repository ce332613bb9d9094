"""Play the loop again and again with two real browsers and a crowd on streams, then count every fact.

Prints a table and exits with 1 on any difference, on any line of level ERROR, and when it takes too long.
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from local_stack.chromium import chromium
from local_stack.servers import private_servers
from playwright.sync_api import Page, sync_playwright
from world.people import Person
from world.rooms import Browsers
from world.system import World, running_world

from soak.counting import Line, lines
from soak.parts import parts_for
from soak.round import Played, play

LIMIT_MINUTES = 30.0
NOTICES_PATIENCE_SECONDS = 200.0
"""Notices to one partner leave at most once a minute."""


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run the soak; return the exit code."""
    parser = ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--streams", type=int, default=20, help="viewers on streams beside the one in a browser")
    wanted = parser.parse_args()
    began = time.monotonic()
    with ExitStack() as last:
        # Chromium's driver closes before the servers do, whatever happens.
        home = Path(last.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        world = last.enter_context(running_world(last.enter_context(private_servers()), home / "stack"))
        say(f"The system is up after {time.monotonic() - began:.0f} s.")
        _, candidates = world.cast.family(1 + wanted.streams, linked=True)
        say(f"{len(candidates)} candidates and their partner have linked their chats.")
        speaker, viewer = _pages(world, last, (world.cast.speaker, candidates[0]))
        members = parts_for(candidates)
        rounds: list[Played] = []
        for number in range(1, wanted.rounds + 1):
            rounds.append(play(world, number, members, speaker, viewer))
            say(f"Round {number:2}: {len(members)} people, {rounds[-1].seconds:5.1f} s")
        _wait_for_the_last_notice(world, rounds)
        table = list(lines(world, rounds, members))
        complaints = world.complaints()
    return _judge(table, complaints, (time.monotonic() - began) / 60)


def _pages(world: World, last: ExitStack, people: Sequence[Person]) -> list[Page]:
    """Open a page for each of these people, each in a Chromium of its own."""
    playwright = last.enter_context(sync_playwright())
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    program = chromium()
    pages = []
    for person in people:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        last.callback(browser.close)
        pages.append(Browsers(browser, world.base_url).page(world.cast.caller(person)))
    return pages


def _wait_for_the_last_notice(world: World, rounds: Sequence[Played]) -> None:
    query = "select count(*) from delivery where webinar_id = any($1::uuid[]) and state in ('planned', 'sending')"
    ids = [one.webinar_id for one in rounds]
    for service in ("post-webinar", "room-ui"):
        world.ledger.wait_for(service, query, ids, is_it=lambda left: left == 0, patience=NOTICES_PATIENCE_SECONDS)


def _judge(table: Sequence[Line], complaints: Sequence[str], minutes: float) -> int:
    wide = max(len(line.where) for line in table)
    say(f"\n{'':{wide}}  expected  found")
    for line in table:
        verdict = "" if line.is_right else f"   WRONG {', '.join(line.odd[:5])}"
        say(f"{line.where:{wide}}  {line.expected:8}  {line.found:5}{verdict}")
    for complaint in complaints:
        say(f"WRONG {complaint}")
    late = minutes > LIMIT_MINUTES
    say(f"\n{minutes:.1f} minutes{f', more than {LIMIT_MINUTES:.0f}: WRONG' if late else ''}")
    return 1 if late or complaints or not all(line.is_right for line in table) else 0


if __name__ == "__main__":
    sys.exit(main())
