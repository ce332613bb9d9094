"""Who takes part, what they do there and when, and which facts must follow: exactly those, each once."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from world.facts import COMPLETED, NOT_COMPLETED
from world.people import Person


class Part(Enum):
    """What somebody does in a webinar."""

    STAYS = "comes early, stays to the end"
    LATE = "comes late, stays to the end"
    ENOUGH = "watches enough, and goes before the end"
    FINISHES = "presses finish and goes"
    LEAVES = "leaves early"
    LOBBY = "is in the lobby, and gone before the start"
    HIDDEN = "has a tab open and never looks at it"


class Chat(Enum):
    """Where their messages can go."""

    LINKED = "linked"
    BLOCKED = "blocked the bot"
    NONE = "no chat"


ATTENDED = dict.fromkeys(COMPLETED, 1)
FACTS: Mapping[Part, Mapping[str, int]] = {
    Part.STAYS: ATTENDED | {"cta_shown": 1},
    Part.LATE: ATTENDED | {"cta_shown": 1},
    Part.ENOUGH: ATTENDED,
    Part.FINISHES: ATTENDED | {"room_finish": 1},
    Part.LEAVES: dict.fromkeys(NOT_COMPLETED, 1),
    Part.LOBBY: {},
    Part.HIDDEN: {"cta_shown": 1},
}
"""What is said of somebody, and how often; the CTA is shown when only those are left who stay, looking or not."""
COMPLETION_PERCENT = 50
CTA_AT = 0.87
"""Parts of the time on air; "enough" is 30 points past the threshold, who leaves is 30 short of it."""


@dataclass
class Member:
    """Somebody in one webinar. `comes`, `goes`: parts of the time on air; below 0 in the lobby, over 1 after it."""

    person: Person
    part: Part
    chat: Chat
    tabs: int
    comes: float
    goes: float
    clicks: bool = False
    pressed: bool = field(default=False, compare=False)

    @property
    def facts(self) -> dict[str, int]:
        """Return what must be said of them."""
        told = dict(FACTS[self.part])
        return told | {"cta_clicked": 1} if self.clicks else told

    @property
    def is_told_of(self) -> bool:
        return "client_webinar_entered" in FACTS[self.part]


def parts_for(people: Sequence[Person], chats: Mapping[str, Chat], dice: random.Random) -> list[Member]:
    """Give each a part: of ten, three stay, two leave early, one each of the other five."""
    kinds = [Part.STAYS] * 3 + [Part.LEAVES] * 2 + [part for part in Part if part not in {Part.STAYS, Part.LEAVES}]
    members = []
    for number, person in enumerate(people):
        part = kinds[number % len(kinds)]
        comes, goes = _times(part, dice)
        members.append(
            Member(
                person,
                part,
                chats[person.account_id],
                tabs=dice.choice((1, 1, 2)),
                comes=comes,
                goes=goes,
                clicks=part is Part.STAYS and dice.random() < 0.5,
            )
        )
    return members


def _times(part: Part, dice: random.Random) -> tuple[float, float]:
    if part is Part.LATE:
        return dice.uniform(0.5, 0.6), 2.0
    if part is Part.ENOUGH:
        return -1.0, dice.uniform(0.80, 0.84)
    if part is Part.FINISHES:
        return -1.0, dice.uniform(0.25, 0.4)
    if part is Part.LEAVES:
        return dice.choice((-1.0, dice.uniform(0.0, 0.05))), dice.uniform(0.15, 0.2)
    if part is Part.LOBBY:
        return -1.0, -0.5
    return -1.0, 2.0
