"""The facts of participation as the wire told them, and the rows in which each service keeps them."""

from typing import Any
from uuid import UUID

from contracts import session_id_of

from world.ledger import Ledger
from world.people import Person
from world.wire import Said, Wire

ONCE = (
    "client_webinar_entered",
    "client_webinar_completed",
    "webinar_completed",
    "client_webinar_attendance_evaluate",
    "client_webinar_attendance_classified",
    "user_attended",
    "post_webinar_route",
    "cta_shown",
    "cta_clicked",
    "room_finish",
)
"""What is said at most once per lead and webinar."""
COMPLETED = {
    "client_webinar_entered",
    "client_webinar_completed",
    "webinar_completed",
    "client_webinar_attendance_classified",
    "user_attended",
    "post_webinar_route",
}
NOT_COMPLETED = {
    "client_webinar_entered",
    "client_webinar_attendance_evaluate",
    "client_webinar_attendance_classified",
    "post_webinar_route",
}


def told_twice(wire: Wire) -> list[str]:
    """Return which facts were said more than once, under different message ids."""
    ids: dict[tuple[str, str, str], set[str]] = {}
    for said in wire.everything:
        if said.topic in ONCE and {"lead_id", "webinar_id"} <= said.body.keys():
            key = (said.topic, str(said.body["lead_id"]), str(said.body["webinar_id"]))
            ids.setdefault(key, set()).add(said.message_id)
    return [f"{len(found)} × {' '.join(key)}" for key, found in ids.items() if len(found) > 1]


class Facts:
    """What is known of people in one webinar."""

    def __init__(self, wire: Wire, ledger: Ledger, webinar_id: UUID) -> None:
        self._wire = wire
        self._ledger = ledger
        self.webinar_id = webinar_id

    def said(self, topic: str, person: Person) -> list[Said]:
        """Return the different messages of a topic about a person; a repetition has the same message id."""
        found = self._wire.of(topic, self.webinar_id, lambda body: body.get("lead_id") == person.account_id)
        return list({said.message_id: said for said in found}.values())

    def wait_for(self, topic: str, person: Person, *, patience: float = 45) -> dict[str, Any]:
        """Return the body of the one message of a topic about a person."""
        self._wire.wait_for(
            topic,
            webinar_id=self.webinar_id,
            where=lambda body: body.get("lead_id") == person.account_id,
            patience=patience,
        )
        [said] = self.said(topic, person)
        return said.body

    def told_of(self, person: Person) -> dict[str, int]:
        """Return how many different messages of each topic there are about a person."""
        found = {topic: len(self.said(topic, person)) for topic in ONCE}
        return {topic: count for topic, count in found.items() if count}

    def wait_for_outcome(self, *people: Person, patience: float = 60) -> None:
        """Return when each has a route, the last of the facts."""
        for person in people:
            self.wait_for("post_webinar_route", person, patience=patience)

    def expect(self, person: Person, topics: set[str], *also: str) -> None:
        """Each of these facts was said once and no other; and each service has one row for it."""
        expected = dict.fromkeys({*topics, *also}, 1)
        for topic in expected:
            self.wait_for(topic, person)
        assert self.told_of(person) == expected, f"{person.login}: {self.told_of(person)}"
        lead, webinar = person.account_id, self.webinar_id
        [entered] = self.said("client_webinar_entered", person)
        assert entered.body["session_id"] == str(session_id_of(lead, webinar))
        for service, table in (
            ("tracker", "session"),
            ("attendance", "entrance"),
            ("attendance", "classification"),
            ("post-webinar", "verdict"),
            ("post-webinar", "route"),
            ("room-ui", "entered"),
            ("room-ui", "classification"),
        ):
            query = f"select count(*) from {table} where lead_id = $1 and webinar_id = $2"
            self._ledger.wait_for(service, query, lead, webinar, is_it=lambda count: count == 1)

    def expect_no_trace(self, person: Person) -> None:
        """Nothing was said about a person, and no service keeps a row."""
        assert self.told_of(person) == {}
        about = {person.account_id}
        for said in self._wire.story_of(self.webinar_id):
            assert said.body.get("lead_id") not in about, said
        for service, table in (
            ("tracker", "presence"),
            ("tracker", "session"),
            ("attendance", "entrance"),
            ("attendance", "classification"),
            ("post-webinar", "verdict"),
            ("post-webinar", "delivery"),
            ("room-ui", "entered"),
            ("room-ui", "participation"),
            ("room-ui", "cta"),
        ):
            query = f"select count(*) from {table} where lead_id = $1 and webinar_id = $2"
            found = self._ledger.value(service, query, person.account_id, self.webinar_id)
            assert found == 0, f"{service}.{table}"

    def deliveries(self, person: Person, *, step: str | None = None) -> list[dict[str, Any]]:
        """Return the newest state of each message because of a person."""
        newest: dict[str, dict[str, Any]] = {}
        for said in self.all_deliveries(person):
            known = newest.get(said["delivery_id"])
            if known is None or said["version"] > known["version"]:
                newest[said["delivery_id"]] = said
        return [body for body in newest.values() if step is None or body["step"] == step]

    def all_deliveries(self, person: Person) -> list[dict[str, Any]]:
        """Return every snapshot of the messages because of a person."""
        return [said.body for said in self.said("post_webinar_delivery", person)]

    def wait_for_delivery(self, person: Person, step: str, state: str, *, patience: float = 30) -> dict[str, Any]:
        """Return the snapshot that tells that this message has come to this state."""
        [*_, said] = self._wire.wait_for(
            "post_webinar_delivery",
            webinar_id=self.webinar_id,
            where=lambda body: (body["lead_id"], body["step"], body["state"]) == (person.account_id, step, state),
            patience=patience,
        )
        return said.body
