"""Who would have another verdict at another completion percent: worked out from what is stored, changing nothing; pure.

The percent decides over who watched enough. Who pressed "finish" or stayed to the end has completed at any percent, and
nobody has who watched less than the minimum.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts import CompletedBy

NOT_COMPLETED = "not_completed"
DECIDED_BY_THE_PERCENT = frozenset({CompletedBy.WATCHED_ENOUGH.value, NOT_COMPLETED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one lead with the figures behind it; `name` is None for an account that is not known here."""

    name: str | None
    attended: bool
    reason: str
    watched_seconds: int
    watched_percent: int


@dataclass(frozen=True, slots=True)
class Moves:
    """Who would move at `percent`: to attended, and away from it; `attended` is how many there would be."""

    percent: int
    attended: int
    gained: tuple[Verdict, ...]
    lost: tuple[Verdict, ...]


def would_attend(verdict: Verdict, percent: int, *, minimum_seconds: int) -> bool:
    """Return what the verdict would be at another completion percent."""
    if verdict.reason not in DECIDED_BY_THE_PERCENT:
        return verdict.attended
    return verdict.watched_percent >= percent and verdict.watched_seconds >= minimum_seconds


def moves_at(verdicts: Iterable[Verdict], percent: int, *, minimum_seconds: int) -> Moves:
    """Return who would move at another completion percent, in the order of the verdicts."""
    known = list(verdicts)
    would = [would_attend(verdict, percent, minimum_seconds=minimum_seconds) for verdict in known]
    pairs = list(zip(known, would, strict=True))
    return Moves(
        percent,
        attended=sum(would),
        gained=tuple(verdict for verdict, attends in pairs if attends and not verdict.attended),
        lost=tuple(verdict for verdict, attends in pairs if not attends and verdict.attended),
    )
