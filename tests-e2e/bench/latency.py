"""What the benches of how soon something is seen have in common: rounds on one running world, and their table."""

import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

from local_stack.servers import private_servers
from world.system import World, running_world

LIMIT_SECONDS = 1.0
Times = dict[tuple[str, str], list[float]]
"""Seconds, by what happened and where it was seen."""
Prepare = Callable[[World, ExitStack, int], Callable[[int], Times]]
"""Gets the world, what to close at the end and the size of the crowd; returns what measures one round by its number."""


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def measured(program: str, description: str | None, crowd: str, prepare: Prepare) -> int:
    """Measure as the command line asks, print it, and return the exit code: 1 when a p95 is over the limit."""
    parser = ArgumentParser(prog=program, description=description)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument(f"--{crowd}", type=int, default=200, dest="crowd")
    wanted = parser.parse_args()
    times: Times = {}
    with ExitStack() as last:
        home = Path(last.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        world = last.enter_context(running_world(last.enter_context(private_servers()), home / "stack"))
        measure = prepare(world, last, wanted.crowd)
        for number in range(1, wanted.rounds + 1):
            now = measure(number)
            say(f"Round {number:2}: " + ", ".join(f"{k[0]}, {k[1]} {max(v) * 1000:.0f} ms" for k, v in now.items()))
            for what, seconds in now.items():
                times.setdefault(what, []).extend(seconds)
        complaints = world.complaints()
    for complaint in complaints:
        say(f"WRONG {complaint}")
    return _judged(times) or (1 if complaints else 0)


def _judged(times: Times) -> int:
    say(f"\n{'POST sent → seen':32} {'p50':>8} {'p95':>8} {'max':>8}")
    late = False
    for (what, where), seconds in times.items():
        cuts = quantiles(seconds, n=100, method="inclusive")
        p95 = cuts[94]
        late = late or p95 >= LIMIT_SECONDS
        row = "".join(f" {value * 1000:5.0f} ms" for value in (cuts[49], p95, max(seconds)))
        say(f"{f'{what}, {len(seconds)} {where}':32}{row}")
    say(f"p95 {'NOT ' if late else ''}under {LIMIT_SECONDS:.0f} s")
    return 1 if late else 0
