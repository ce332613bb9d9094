"""Who takes part in a round, what they do there, and which facts must follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from world.facts import COMPLETED, NOT_COMPLETED
from world.people import Person


class Part(Enum):
    """What somebody does in a round."""

    WATCHES_IN_A_BROWSER = "watches in a browser, follows the CTA, stays"
    STAYS = "stays to the end"
    FINISHES = "presses finish and goes"
    LEAVES = "leaves early"


ATTENDED = dict.fromkeys(COMPLETED, 1) | {"cta_shown": 1}
FACTS: Mapping[Part, Mapping[str, int]] = {
    Part.WATCHES_IN_A_BROWSER: ATTENDED | {"cta_clicked": 1},
    Part.STAYS: ATTENDED,
    Part.FINISHES: ATTENDED | {"room_finish": 1},
    Part.LEAVES: dict.fromkeys(NOT_COMPLETED, 1),
}
"""What is said of somebody in a round, and how often. Who leaves goes before the CTA is shown."""

ROWS: tuple[tuple[str, str, str, frozenset[Part]], ...] = (
    ("tracker", "session", "", frozenset(Part)),
    ("tracker", "session", "and completed_at is not null", frozenset(Part) - {Part.LEAVES}),
    ("attendance", "entrance", "", frozenset(Part)),
    ("attendance", "classification", "", frozenset(Part)),
    ("attendance", "classification", "and attended", frozenset(Part) - {Part.LEAVES}),
    ("post-webinar", "verdict", "", frozenset(Part)),
    ("post-webinar", "route", "and planned", frozenset(Part)),
    ("post-webinar", "delivery", "and step = 'attended'", frozenset(Part) - {Part.LEAVES}),
    ("post-webinar", "delivery", "and step = 'not_attended'", frozenset({Part.LEAVES})),
    ("post-webinar", "delivery", "and step = 'partner_notice'", frozenset(Part)),
    ("room-ui", "entered", "", frozenset(Part)),
    ("room-ui", "participation", "and final", frozenset(Part)),
    ("room-ui", "classification", "", frozenset(Part)),
    ("room-ui", "delivery", "and step = 'partner_notice'", frozenset(Part)),
    ("room-ui", "delivery", "and step <> 'partner_notice'", frozenset(Part)),
    ("room-ui", "cta", "and kind = 'shown'", frozenset(Part) - {Part.LEAVES}),
    ("room-ui", "cta", "and kind = 'clicked'", frozenset({Part.WATCHES_IN_A_BROWSER})),
    ("room-ui", "finish", "", frozenset({Part.FINISHES})),
)
"""Ledgers: service, table, which of its rows, and of whom there is exactly one in a round."""


@dataclass(frozen=True)
class Member:
    """Somebody with their part."""

    person: Person
    part: Part


def parts_for(candidates: list[Person]) -> list[Member]:
    """Give the first candidate the browser, and the others the other parts in turn: half stay."""
    others = (Part.STAYS, Part.LEAVES, Part.STAYS, Part.FINISHES)
    return [
        Member(person, others[number % 4] if number else Part.WATCHES_IN_A_BROWSER)
        for number, person in enumerate(candidates)
    ]
