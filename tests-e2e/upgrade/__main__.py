"""Upgrade from a commit to this tree while webinars are on air, print the accounts, and fail on any difference.

The programs of both releases run with what is installed here beside our own code.
"""

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.interrupts import Interrupts
from local_stack.servers import private_servers
from soak.counting import Line
from world.pairs import two_of_each
from world.system import running_world

from upgrade.release import PLACE, checked_out
from upgrade.story import Story

COMPLAINTS_SHOWN = 10


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def shorten(words: str) -> str:
    """Return the beginning and the end: what a log line is, and what an exception says."""
    return words if len(words) <= 800 else f"{words[:300]} … {words[-500:]}"


def main() -> int:
    """Run; return the exit code."""
    parser = ArgumentParser(prog="upgrade", description=__doc__)
    parser.add_argument("commit", help="the release before")
    wanted = parser.parse_args()
    wrong: list[str] = []
    try:
        with Interrupts(), ExitStack() as last:
            old = last.enter_context(checked_out(wanted.commit))
            home = Path(last.enter_context(tempfile.TemporaryDirectory(prefix="upgrade-")))
            servers = last.enter_context(private_servers())
            world = last.enter_context(running_world(servers, home / "stack", **{PLACE: old.place}))
            pairs = last.enter_context(two_of_each(world))
            say(f"Two of every service run {old.name}.")
            story = Story(pairs, old, say)
            try:
                story.run()
            except (AssertionError, LocalStackError) as broken:
                wrong.append(f"it went no further: {broken}")
            wrong += world.complaints()
    except KeyboardInterrupt:
        say("Broken off; nothing is left running.")
        return 130
    except LocalStackError as problem:
        say(str(problem))
        return 1
    return _judge(story.counted, wrong)


def _judge(table: Sequence[Line], wrong: Sequence[str]) -> int:
    wide = max((len(line.where) for line in table), default=0)
    say(f"\n{'':{wide}}  expected  found")
    for line in table:
        verdict = "" if line.is_right else f"   WRONG {', '.join(line.odd[:5])}"
        say(f"{line.where:{wide}}  {line.expected:8}  {line.found:5}{verdict}")
    for complaint in wrong[:COMPLAINTS_SHOWN]:
        say(f"WRONG {shorten(complaint)}")
    if more := wrong[COMPLAINTS_SHOWN:]:
        say(f"WRONG and {len(more)} more")
    return 1 if wrong or not all(line.is_right for line in table) else 0


if __name__ == "__main__":
    sys.exit(main())
