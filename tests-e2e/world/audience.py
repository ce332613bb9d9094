"""Two hundred tabs in one room through the balancer, a desk that is used meanwhile, and what everybody must have."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from world.caller import error_code
from world.desk import Desk
from world.facts import COMPLETED, Facts
from world.pairs import Pairs
from world.people import Person
from world.returning import Returning
from world.wire import Said

INTERVAL_SECONDS = 5
"""Between two reports of presence: nobody may lose more of what they have watched."""


class Audience:
    """A webinar with everybody in the room, through the balancer: half of them on each instance."""

    def __init__(self, pairs: Pairs, title: str, people: Sequence[Person], tabs: int) -> None:
        self.world = pairs.world
        self.pairs = pairs
        self.people = people
        self.desk: Desk = pairs.desk()
        self.webinar_id: UUID = self.desk.plan(title)
        self.facts: Facts = self.world.facts(self.webinar_id)
        self.crowd = Returning(self.world.background, pairs.balancer.address, self.webinar_id)
        first, second = (one.name for one in pairs.instances["room-ui"])
        for number, person in enumerate(people):
            with pairs.balancer.only(second if number % 2 else first):
                self.crowd.join(person.login, self.world.cast.caller(person).cookies(), tabs)
                self.crowd.wait_for("the first state", lambda state: True)
        self.started: Said | None = None

    def start(self) -> None:
        self.started = self.desk.start(self.webinar_id)
        self.crowd.wait_for("the start", lambda state: state["status"] == "live")
        for person in self.people:
            # As their pages' scripts do when the webinar goes on the air.
            answer = self.world.cast.caller(person).say("/webinar/v1/seen", {"webinar_id": str(self.webinar_id)})
            assert answer.status_code == 200, answer.text
        self.crowd.wait_for("everybody counted once", lambda state: state["viewers"] == len(self.people))

    def run_for(self, seconds: float) -> None:
        assert self.started is not None
        self.world.let_run(self.started, seconds)

    def stop(self) -> None:
        """Stop, and wait for everybody's outcome."""
        finished = self.desk.stop(self.webinar_id)
        self.crowd.wait_for("the end", lambda state: state["status"] == "finished")
        self.most_viewers = max(viewer.most_viewers for viewer in self.crowd.viewers)
        self.crowd.leave()
        assert self.started is not None
        self.on_air = (finished.moment("finished_at") - self.started.moment("started_at")).total_seconds()

    def everybody_watched_it_all(self, *also: str) -> None:
        """Each fact once (and these) and each row once, and nobody lost more than one interval."""
        self.facts.wait_for_outcome(*self.people, patience=90)
        for person in self.people:
            assert self.facts.told_of(person) == dict.fromkeys({*COMPLETED, *also}, 1), person.login
            verdict = self.facts.wait_for("client_webinar_attendance_classified", person)
            lost = self.on_air - verdict["watched_seconds"]
            assert -1 <= lost <= INTERVAL_SECONDS, f"{person.login} lost {lost:.1f} s of {self.on_air:.1f}"
        self.pairs.expect_one_row_each(self.webinar_id, self.people)

    def nobody_was_counted_twice(self) -> None:
        assert self.most_viewers == len(self.people), f"{self.most_viewers} viewers were shown"


@contextmanager
def pressing(desk: Desk, webinar_id: UUID) -> Iterator[list[str]]:
    """Press a button of the desk again and again while the block runs; the list has what was not answered well."""
    unanswered: list[str] = []
    presses: list[float] = []
    over = threading.Event()

    def press_on() -> None:
        while not over.is_set():
            button = ("cta/hide", "cta/show")[len(presses) % 2]
            began = time.monotonic()
            try:
                answer = desk.press(webinar_id, button)
            except Exception as error:  # noqa: BLE001 - told by the story
                unanswered.append(f"{button}: {error!r}")
            else:
                if answer.status_code != 303 or error_code(answer):
                    unanswered.append(f"{button}: {answer.status_code} {error_code(answer)}")
            presses.append(time.monotonic() - began)
            over.wait(0.3)

    thread = threading.Thread(target=press_on, name="desk")
    thread.start()
    try:
        yield unanswered
    finally:
        over.set()
        thread.join(30)
    assert presses, "nobody pressed anything"
