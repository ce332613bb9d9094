"""How long a viewer is without their stream while room-ui is restarted: last byte before → first state after.

`python -m bench.rolling_restart` (with this folder's parent on the path): two of every service, 200 streams through a
balancer, both room-uis restarted one after the other, some rounds. Prints p50, p90, p99 and the longest; exits with 1
when the p99 is 2 seconds or more, when a stream was refused, or when a command at the desk was not answered.
"""

import sys
import tempfile
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path

from local_stack.servers import private_servers
from world.audience import Audience, pressing
from world.pairs import two_of_each
from world.returning import Gap, distribution, share
from world.system import running_world

LIMIT_SECONDS = 2.0
TABS = 5


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure; return the exit code."""
    parser = ArgumentParser(prog="rolling_restart", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--streams", type=int, default=200)
    wanted = parser.parse_args()
    gaps: list[Gap] = []
    wrong: list[str] = []
    with ExitStack() as last:
        home = Path(last.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        world = last.enter_context(running_world(last.enter_context(private_servers()), home / "stack"))
        pairs = last.enter_context(two_of_each(world))
        _, people = world.cast.family(wanted.streams // TABS)
        for number in range(1, wanted.rounds + 1):
            room = Audience(pairs, f"Замер {number}", people, TABS)
            room.start()
            with pressing(room.desk, room.webinar_id) as unanswered:
                for one in pairs.each("room-ui"):
                    pairs.restart(one)
            room.stop()
            say(f"Round {number:2}: {distribution(room.crowd.gaps)}")
            gaps += room.crowd.gaps
            wrong += [*unanswered, *room.crowd.refusals]
        wrong += world.complaints()
    for complaint in wrong:
        say(f"WRONG {complaint}")
    late = share(gaps, 99) >= LIMIT_SECONDS
    say(f"\nAll: {distribution(gaps)}\np99 {'NOT ' if late else ''}under {LIMIT_SECONDS:.0f} s")
    return 1 if late or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
