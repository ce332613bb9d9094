"""Play seeds, print the accounts of each, and fail on any difference: `python -m chaos --seed 1 --seed 2`."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from local_stack.interrupts import Interrupts
from local_stack.servers import private_servers
from servicekit.checkpoints import Checkpoint

from chaos.faults import Kind
from chaos.run import FULL, SHORT, Size, Verdict, play, say, unstruck
from chaos.sabotage import Sabotage

TELLING = ("tracker", "attendance", "post-webinar")
HANDLED = tuple((service, Checkpoint.COMMITTED) for service in TELLING)
TOLD = tuple((service, Checkpoint.PUBLISHED) for service in TELLING)
CALM = replace(SHORT, kills=0, at_points=0, others=(), quiet_seconds=75.0)
CHECKS: Mapping[Sabotage, Size] = {
    Sabotage.NO_OUTBOX: replace(CALM, at_points=9, points=TOLD, others=(Kind.KILL_BROKER, Kind.CUT_BROKER)),
    Sabotage.NO_KEYS: CALM,
    Sabotage.EARLY_ACKNOWLEDGEMENT: replace(CALM, at_points=9, points=HANDLED),
    Sabotage.LATE_LEDGER: replace(CALM, at_points=3, points=(("post-webinar", Checkpoint.ANSWERED),), after_seconds=20),
}
"""Each protection with the faults that it is against: without it the accounts must show a difference."""


def main() -> int:
    """Run; return the exit code."""
    parser = ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="again for several; 1 without any")
    parser.add_argument("--faults", type=int, help=f"how many kill -9 at random moments ({FULL.kills})")
    parser.add_argument("--short", action="store_true", help="the small run of the test suite")
    parser.add_argument("--check", action="store_true", help="remove each protection in turn: every run must fail")
    parser.add_argument("--results", type=Path, help="add a line for each seed to this file")
    wanted = parser.parse_args()
    try:
        with Interrupts():
            return check() if wanted.check else play_all(wanted)
    except KeyboardInterrupt:
        say("Broken off; nothing is left running.")
        return 130


def play_all(wanted: Namespace) -> int:
    """Play the seeds; return 1 if one shows a difference."""
    size = SHORT if wanted.short else FULL
    if wanted.faults is not None:
        size = replace(size, kills=wanted.faults)
    verdicts = []
    for seed in wanted.seed or [1]:
        with private_servers() as servers:
            verdict = play(servers, seed=seed, size=size)
        if not wanted.short and wanted.faults is None and (missing := unstruck(verdict)):
            verdict.failures.append(f"never struck: {', '.join(missing)}")
        show(verdict)
        verdicts.append(verdict)
        if wanted.results:
            with wanted.results.open("a", encoding="utf-8") as results:
                results.write(f"{verdict.row}\n")
    say("")
    for verdict in verdicts:
        say(verdict.summary)
    return 0 if all(verdict.is_good for verdict in verdicts) else 1


def check() -> int:
    """Remove each protection in turn; return 1 if a run without it shows no difference."""
    outcomes = {}
    for removed, size in CHECKS.items():
        say(f"\nWithout a protection: {removed}")
        with private_servers() as servers:
            verdict = play(servers, seed=1, size=size, sabotage=removed)
        show(verdict)
        outcomes[removed] = verdict.accounts.difference
    say("")
    for removed, difference in outcomes.items():
        found = f"shows a difference of {difference}, as it must" if difference else "SHOWS NO DIFFERENCE"
        say(f"{removed}: {found}")
    return 0 if all(outcomes.values()) else 1


def show(verdict: Verdict) -> None:
    """Print the accounts of one seed."""
    lines = verdict.accounts.lines
    wide = max(len(line.where) for line in lines)
    say(f"\n{'':{wide}}  expected   seen  difference")
    for line in lines:
        odd = f"   {'; '.join(line.odd[:5])}" if line.odd else ""
        say(f"{line.where:{wide}}  {line.expected:8}  {line.seen:5}  {line.difference:10}{odd}")
    say(f"\nuncertain, for a person to decide: {verdict.accounts.uncertain}")
    for kind, count in sorted(verdict.striker.struck.items()):
        say(f"{count:4} × {kind}")
    for (service, point), count in sorted(verdict.striker.points_struck.items()):
        say(f"{count:4} × died at {service} {point}")
    for failure in verdict.failures:
        say(f"FAILED {failure[:1000]}")


if __name__ == "__main__":
    sys.exit(main())
