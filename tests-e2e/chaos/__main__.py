"""Play seeds, print the accounts of each, and fail on any difference: `python -m chaos --seed 1 --seed 2`."""

import sys
from argparse import ArgumentParser
from dataclasses import replace

from local_stack.servers import private_servers

from chaos.run import FULL, SHORT, Verdict, play, say, unstruck
from chaos.sabotage import Sabotage


def main() -> int:
    """Run; return the exit code."""
    parser = ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="again for several; 1 without any")
    parser.add_argument("--faults", type=int, help="how many kill -9 at random moments (40)")
    parser.add_argument("--short", action="store_true", help="the small run of the test suite")
    parser.add_argument("--sabotage", choices=[one.value for one in Sabotage], help="remove a protection: must fail")
    wanted = parser.parse_args()
    size = SHORT if wanted.short else FULL
    if wanted.faults is not None:
        size = replace(size, kills=wanted.faults)
    verdicts = []
    for seed in wanted.seed or [1]:
        with private_servers() as servers:
            verdict = play(
                servers, seed=seed, size=size, sabotage=Sabotage(wanted.sabotage) if wanted.sabotage else None
            )
        show(verdict, is_full=not wanted.short)
        verdicts.append(verdict)
    say("")
    for verdict in verdicts:
        say(verdict.summary)
    return 0 if all(verdict.is_good for verdict in verdicts) else 1


def show(verdict: Verdict, *, is_full: bool) -> None:
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
    if is_full and (missing := unstruck(verdict)):
        say(f"Never struck: {', '.join(missing)}")
    for failure in verdict.failures:
        say(f"FAILED {failure}")


if __name__ == "__main__":
    sys.exit(main())
