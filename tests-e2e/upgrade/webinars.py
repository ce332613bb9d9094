"""A webinar of the story: everybody's part in it, played at once or with an upgrade in between."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from room_ui.rooms.presence import POLL_LASTS
from soak.counting import Line
from soak.parts import Member, Part
from soak.round import Played
from world.audience import INTERVAL_SECONDS, Audience
from world.pairs import Pairs

PARTS = (*[Part.STAYS] * 5, *[Part.LEAVES] * 2, Part.FINISHES)
TABS = 2
LEAVE_AFTER, FINISH_AFTER, STOP_AFTER = POLL_LASTS.total_seconds() + 2, 22.0, 30.0
"""Seconds on the air. A page may say that it is looked at to another instance than its stream's, where it counts for
`POLL_LASTS`: who leaves goes after that, and with less than the part that counts as attended."""


class Webinar:
    """One webinar with everybody in it."""

    def __init__(self, pairs: Pairs, number: int, members: Sequence[Member]) -> None:
        self.number = number
        self.members = members
        self.title = f"Круг {number}."
        self.room = Audience(pairs, self.title, [member.person for member in members], TABS)
        self._gone: dict[str, float] = {}

    @cached_property
    def played(self) -> Played:
        return Played(self.number, self.room.webinar_id, self.title, self.room.on_air)

    @property
    def figures(self) -> dict[str, int]:
        """Return what its report must show."""
        left = sum(member.part is Part.LEAVES for member in self.members)
        stayed = len(self.members) - left
        return {"entered": stayed + left, "attended": stayed, "not_attended": left, "completed": stayed}

    def begin(self) -> None:
        """Start; some leave early, and the others are shown the call to action."""
        self.room.start()
        for member in self.members:
            self.room.facts.wait_for("client_webinar_entered", member.person)
        self.room.run_for(LEAVE_AFTER)
        self._go(Part.LEAVES)
        self.room.desk.show_cta(self.room.webinar_id)
        self.room.crowd.wait_for("the call to action", lambda state: state["cta_visibility"] == "visible")

    def finish(self) -> None:
        """Let those press "finish" who do, and go."""
        self.room.run_for(FINISH_AFTER)
        body = {"webinar_id": str(self.room.webinar_id)}
        for member in self.members:
            if member.part is Part.FINISHES:
                answer = self.room.world.cast.caller(member.person).say("/webinar/v1/finish", body)
                assert answer.status_code == 200, answer.text
        self._go(Part.FINISHES)

    def end(self) -> None:
        """Stop, and wait for everybody's outcome."""
        self.room.run_for(STOP_AFTER)
        self.room.stop()
        self.room.facts.wait_for_outcome(*self.room.people, patience=90)
        self.room.pairs.expect_one_row_each(self.room.webinar_id, self.room.people)

    def _go(self, part: Part) -> None:
        going = [member.person.login for member in self.members if member.part is part]
        self.room.crowd.leave(*going)
        assert self.room.started is not None
        on_air = self.room.world.ledger.now() - self.room.started.moment("started_at")
        self._gone |= dict.fromkeys(going, on_air.total_seconds())

    def lines(self) -> Iterator[Line]:
        """Hold watched times and streams against what was done."""
        odd = []
        for member in self.members:
            verdict = self.room.facts.wait_for("client_webinar_attendance_classified", member.person)
            was_there = self._gone.get(member.person.login, self.room.on_air)
            # Told in whole seconds; who presses "finish" is told of by the last report before.
            if not -1 <= was_there - verdict["watched_seconds"] < INTERVAL_SECONDS + 1:
                odd.append(f"{member.person.login} {verdict['watched_seconds']} s of {was_there:.1f} s")
        yield Line(f"{self.title} watched times", len(PARTS), len(PARTS) - len(odd), tuple(odd))
        refused = self.room.crowd.refusals
        yield Line(f"{self.title} streams refused", 0, len(refused), tuple(refused))
