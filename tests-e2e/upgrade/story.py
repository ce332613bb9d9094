"""A house with two of everything is upgraded while it works, one process after the other."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from contracts.topology import THE_FIVE
from local_stack.service_process import ServiceProcess
from soak.counting import Line, lines
from soak.parts import Member
from world.audience import pressing
from world.pairs import Pairs
from world.returning import distribution

from upgrade.release import Release, give_this_release, provision_with_this_release, schemas
from upgrade.webinars import PARTS, Webinar

LAST_MESSAGE_PATIENCE_SECONDS = 200.0
"""Notices to one partner leave at most once a minute."""
_FIGURE = re.compile(r'data-figure="(\w+)">(\d+)<')


@dataclass
class Story:
    """Told in a house that runs the old release; `counted` grows, and AssertionError says where it goes no further.

    Webinar 1 is over before the upgrade, 2 is on air through all of it, 3 is played from its start to its end while
    there is one instance of either release of each service.
    """

    pairs: Pairs
    old: Release
    tell: Callable[[str], None]
    counted: list[Line] = field(default_factory=list)
    webinars: list[Webinar] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Tell all of it."""
        world = self.pairs.world
        firsts, seconds = self.pairs.each(*THE_FIVE)
        self._count_old("before", len(THE_FIVE) * 2)
        _, people = world.cast.family(len(PARTS), linked=True)
        self.members = [Member(*one) for one in zip(people, PARTS, strict=True)]
        over = self._webinar()
        over.begin()
        over.finish()
        over.end()
        self.tell(f"A webinar of {len(people)} people was played by {self.old.name} alone.")
        lasting = self._webinar()
        lasting.begin()
        self.tell("Another is on air.")
        schema = schemas(world.ledger)
        provision_with_this_release(world.stack)
        self._replace(seconds, lasting)
        for service, revision in schemas(world.ledger).items():
            self.tell(f"  {service}: schema {schema[service]} → {revision}")
        # One that dies now comes back as what it was, to a schema that it does not know.
        self.pairs.restart(firsts)
        self._count_old("side by side", len(THE_FIVE))
        self._side_by_side(lasting)
        self._replace(firsts[::-1], lasting)
        self._count_old("after", 0)
        self.tell(f"{self.old.name} is gone; streams were moved: {distribution(lasting.room.crowd.gaps)}")
        lasting.end()
        self.tell("The webinar that was on air all the while is over; the last messages go.")
        self._draw_up()

    def _webinar(self) -> Webinar:
        webinar = Webinar(self.pairs, len(self.webinars) + 1, self.members)
        self.webinars.append(webinar)
        return webinar

    def _replace(self, processes: Sequence[ServiceProcess], on_air: Webinar) -> None:
        """Replace processes by those of this release, one by one, while the desk is used."""
        with pressing(on_air.room.desk, on_air.room.webinar_id) as unanswered:
            for process in processes:
                give_this_release(process)
                self.pairs.restart([process])
        self.unanswered += unanswered

    def _side_by_side(self, lasting: Webinar) -> None:
        """Play a webinar while both releases work, and use the desks of both."""
        marks = self.pairs.marks()
        between = self._webinar()
        old_desk, new_desk = (self.pairs.desk(at=one) for one in self.pairs.instances["room-ui"])
        with (
            pressing(old_desk, lasting.room.webinar_id) as unanswered_by_old,
            pressing(new_desk, lasting.room.webinar_id) as unanswered_by_new,
        ):
            between.begin()
            between.finish()
            lasting.finish()
            self.pairs.wait_until_both_work(marks)
            between.end()
        self.unanswered += [*unanswered_by_old, *unanswered_by_new]
        self.counted.append(Line("side by side: processes that have handled something", len(marks), len(marks), ()))
        reports = self.pairs.world.wire.of("room_presence", between.room.webinar_id)
        told_by = {said.body["instance_id"] for said in reports}
        self.counted.append(Line("side by side: instances that have told of presence", 2, len(told_by), ()))
        self.tell("A webinar was played from its start to its end by both releases.")

    def _count_old(self, when: str, expected: int) -> None:
        found = self.old.run_by([one for both in self.pairs.instances.values() for one in both])
        odd = () if len(found) == expected else tuple(found)
        self.counted.append(Line(f"{when}: processes with the code of {self.old.name}", expected, len(found), odd))

    def _draw_up(self) -> None:
        """Wait until everything has gone that is to go, and room-ui knows of it; then count."""
        world = self.pairs.world
        ids = [webinar.room.webinar_id for webinar in self.webinars]
        waiting = "select count(*) from delivery where webinar_id = any($1::uuid[]) and state in ('planned', 'sending')"
        for service in ("post-webinar", "room-ui"):
            world.ledger.wait_for(
                service, waiting, ids, is_it=lambda left: left == 0, patience=LAST_MESSAGE_PATIENCE_SECONDS
            )
        self.counted.append(
            Line("presses at the desk without an answer", 0, len(self.unanswered), tuple(self.unanswered))
        )
        for webinar in self.webinars:
            self.counted += [*webinar.lines(), self._report(webinar)]
        self.counted += lines(world, [webinar.played for webinar in self.webinars], self.members)

    def _report(self, webinar: Webinar) -> Line:
        """Read the report of a webinar as the speaker does, and the file that the page offers."""
        address = f"/admin_webinar/{webinar.room.webinar_id}"
        caller = self.pairs.world.desk.caller
        page, file = caller.get(address), caller.get(f"{address}/report.csv")
        shown = {name: int(number) for name, number in _FIGURE.findall(page.text)}
        odd = [f"{name} is {shown.get(name)}" for name, number in webinar.figures.items() if shown.get(name) != number]
        odd += [f"{one.url.path}: {one.status_code}" for one in (page, file) if one.status_code != 200]
        listed = sum(member.person.name in file.text for member in webinar.members)
        return Line(f"{webinar.title} people in its report", len(webinar.members), listed, tuple(odd))
