"""Everything is lost and comes back from dumps: the pages are right, the next webinar works, nothing is sent twice."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from contracts.topology import ATTENDANCE, CORE_WEBINAR, POST_WEBINAR, ROOM_UI, TRACKER
from local_stack.servers import private_servers
from world.backups import Backups, found
from world.desk import Desk
from world.facts import COMPLETED
from world.people import Person
from world.quiet import bad_lines
from world.streams import Crowd
from world.system import World, running_world

DELAY = timedelta(seconds=10)
"""From the stop to the message: long enough to make the dumps in between."""
ENOUGH_SECONDS = 6
SNAPSHOTS = {
    "webinar_event": ("webinar_id",),
    "account_event": ("account_id",),
    "participation_event": ("webinar_id", "lead_id"),
    "post_webinar_delivery": ("delivery_id",),
    "chat_link_event": ("account_id",),
    "message_template_event": ("step", "locale"),
}
OWNED = {
    "webinar_event": (CORE_WEBINAR, "webinar"),
    "account_event": (ROOM_UI, "account"),
    "participation_event": (TRACKER, "session where told_version is not null"),
    "post_webinar_delivery": (POST_WEBINAR, "delivery"),
    "chat_link_event": (POST_WEBINAR, "chat_link"),
    "message_template_event": (POST_WEBINAR, "message_template"),
}


@pytest.fixture(scope="module")
def doomed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A system on servers of its own, whose databases may be lost."""
    home = tmp_path_factory.mktemp("doomed") / "stack"
    delay = str(int(DELAY.total_seconds()))
    with private_servers() as servers, running_world(servers, home, FOLLOWUP_DELAY=delay) as world:
        yield world
        complaints = list(bad_lines(world.stack.logs))
    assert not complaints, "\n".join(complaints)


class House:
    """What the stories below do with a system, in a few words."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.desk: Desk = world.desk
        self.people: list[Person] = []
        self._crowds: list[Crowd] = []

    def somebody(self) -> Person:
        """Return a new candidate with a Telegram chat and no partner."""
        person = self.world.cast.one()
        self.world.cast.link_chat(person)
        self.people.append(person)
        return person

    def enter(self, webinar_id: UUID, *people: Person) -> None:
        """Let people into the room."""
        crowd = Crowd(self.world.background, self.world.base_url, webinar_id)
        crowd.join({person.login: self.world.cast.caller(person).cookies() for person in people})
        self._crowds.append(crowd)

    def on_air(self, title: str, *people: Person) -> UUID:
        """Start a webinar with these people in the room; return when they have been there for long enough."""
        webinar_id = self.desk.plan(title)
        started = self.desk.start(webinar_id)
        self.enter(webinar_id, *people)
        facts = self.world.facts(webinar_id)
        for person in people:
            facts.wait_for("client_webinar_entered", person)
        self.world.let_run(started, ENOUGH_SECONDS)
        return webinar_id

    def over(self, title: str, *people: Person) -> UUID:
        """Start and stop a webinar; return when the message to each has gone."""
        webinar_id = self.on_air(title, *people)
        self.stop(webinar_id, *people)
        self.sent(webinar_id, *people)
        return webinar_id

    def stop(self, webinar_id: UUID, *people: Person) -> None:
        """Stop a webinar; return when each has a route."""
        self.desk.stop(webinar_id)
        self.world.facts(webinar_id).wait_for_outcome(*people)

    def sent(self, webinar_id: UUID, *people: Person) -> None:
        """Return when the messages have gone."""
        for person in people:
            self.world.facts(webinar_id).wait_for_delivery(person, "attended", "sent")

    def everybody_leaves(self) -> None:
        """Close the pages that are open."""
        for crowd in self._crowds:
            crowd.leave()
        self._crowds.clear()

    def texts(self) -> dict[str, list[str]]:
        """Return all that anybody has ever got."""
        return {person.login: self.world.telegram.texts(person.chat_id) for person in self.people if person.chat_id}

    def wait_for_report(self, webinar_id: UUID, person: Person, state: str) -> None:
        """Return when the report has this person's message in this state."""
        query = "select state from delivery where webinar_id = $1 and lead_id = $2 and step = 'attended'"
        self.world.ledger.wait_for(ROOM_UI, query, webinar_id, person.account_id, is_it=lambda now: now == state)

    def versions(self, since: int, until: int | None = None) -> dict[tuple[str, ...], list[int]]:
        """Return the versions that were told of each snapshot, from the so-manieth message on to another."""
        told: dict[tuple[str, ...], list[int]] = {}
        for said in self.world.wire.everything[since:until]:
            if said.topic in SNAPSHOTS:
                key = (said.topic, *(str(said.body[field]) for field in SNAPSHOTS[said.topic]))
                told.setdefault(key, []).append(said.body["version"])
        return told

    def wait_until_all_is_told(self, since: int) -> None:
        """Return when the owners have announced everything that they have."""
        for topic, (service, table) in OWNED.items():
            count = self.world.ledger.value(service, f"select count(*) from {table}")
            before = sum(said.topic == topic for said in self.world.wire.everything[:since])
            self.world.wire.wait_for(topic, before + count)


def test_what_was_lost_is_settled_and_nothing_is_sent_twice(doomed: World, tmp_path: Path) -> None:
    house, backups = House(doomed), Backups(doomed, tmp_path / "dumps")
    anna, boris, vera = house.somebody(), house.somebody(), house.somebody()
    over = house.over("Прошедший", anna)
    house.desk.plan("Запланированный", ahead=timedelta(days=3))
    on_air = house.on_air("В эфире", boris)
    due = house.on_air("Только что", vera)
    house.stop(due, vera)
    doomed.facts(due).wait_for_delivery(vera, "attended", "planned")

    backups.dump()

    # Life goes on: what was due is sent, what was on air ends, and there is another webinar.
    house.sent(due, vera)
    house.stop(on_air, boris)
    house.sent(on_air, boris)
    forgotten = house.on_air("Забытый", anna)
    doomed.stack.service(POST_WEBINAR).kill()
    house.desk.stop(forgotten)
    doomed.facts(forgotten).wait_for("client_webinar_attendance_classified", anna)
    assert "stop all services first" in backups.refusal()
    before = house.texts()

    backups.lose_everything()
    house.everybody_leaves()
    lost_at = len(doomed.wire.everything)
    backups.restore()
    settled = backups.settle()

    assert found(settled, POST_WEBINAR, "now uncertain") == [1]
    assert found(settled, POST_WEBINAR, "held: В эфире") == [0]
    assert found(settled, CORE_WEBINAR, "on air when it was dumped: В эфире") == [1]
    assert settled["thrown_away"] > 0
    once_more = backups.settle()
    assert all(one["before"] for one in once_more["settled"])
    assert once_more["thrown_away"] is None

    backups.start()

    house.wait_until_all_is_told(lost_at)
    told = house.versions(0, lost_at)
    behind = [key for key, now in house.versions(lost_at).items() if min(now) <= max(told.get(key, [0]))]
    assert behind == []
    the_pages_are_right(house, over, anna)
    house.wait_for_report(due, vera, "uncertain")
    # What was on air goes on; whether its people get another message is for a person to decide.
    house.enter(on_air, boris)
    house.desk.press(on_air, "stop", confirm="confirm")
    house.wait_for_report(on_air, boris, "held")
    # The next webinar works, to the last message, and when that has gone nothing else had.
    following = house.over("Следующий", anna, boris, vera)
    house.everybody_leaves()
    doomed.facts(following).expect(vera, COMPLETED)
    new = {login: texts[len(before[login]) :] for login, texts in house.texts().items()}
    assert all(len(texts) == 1 and "Следующий" in texts[0] for texts in new.values()), new


def the_pages_are_right(house: House, over: UUID, anna: Person) -> None:
    """They show what was there when it was dumped, and nothing that came later."""
    schedule = house.world.cast.guest().get("/webinars/").text
    assert "Запланированный" in schedule
    assert "Забытый" not in schedule
    report = house.desk.caller.get(f"/admin_webinar/{over}").text
    assert f'data-lead="{anna.account_id}"' in report
    house.wait_for_report(over, anna, "sent")


def test_dumps_of_different_moments_are_brought_together(doomed: World, tmp_path: Path) -> None:
    """The two worst cases: a verdict that only the tracker's dump leads to, and a webinar that Core's does not have."""
    house, backups = House(doomed), Backups(doomed, tmp_path / "dumps")
    grigori = house.somebody()
    on_air = house.on_air("Между копиями", grigori)
    backups.dump(CORE_WEBINAR, ATTENDANCE, POST_WEBINAR)
    house.stop(on_air, grigori)
    house.sent(on_air, grigori)
    stranger = house.desk.plan("Неизвестный", ahead=timedelta(days=2))
    backups.dump(TRACKER, ROOM_UI)
    before = house.texts()

    backups.lose_everything()
    house.everybody_leaves()
    lost_at = len(doomed.wire.everything)
    backups.restore()
    backups.settle()
    backups.start()

    house.wait_until_all_is_told(lost_at)
    status = "select status from webinar where webinar_id = $1"
    doomed.ledger.wait_for(ROOM_UI, status, on_air, is_it=lambda now: now == "live")
    verdict = "select count(*) from classification where webinar_id = $1 and lead_id = $2 and attended"
    doomed.ledger.wait_for(ATTENDANCE, verdict, on_air, grigori.account_id, is_it=lambda count: count == 1)
    house.desk.press(on_air, "stop", confirm="confirm")
    house.wait_for_report(on_air, grigori, "held")
    assert doomed.ledger.value(ROOM_UI, "select count(*) from webinar where webinar_id = $1", stranger) == 0
    house.over("После копий", grigori)
    house.everybody_leaves()
    assert len(house.texts()[grigori.login]) == len(before[grigori.login]) + 1
