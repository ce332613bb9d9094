"""The accounts afterwards: every fact once on the wire and in each ledger, at most one message for each delivery."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from contracts.topology import THE_FIVE, queues_of
from world.facts import ONCE

from chaos.parts import Chat, Member, Part
from chaos.system import System

Key = tuple[str, str]
"""Webinar and lead."""
EVERYBODY = frozenset(part for part in Part if part not in {Part.LOBBY, Part.HIDDEN})
THERE_TO_THE_END = frozenset({Part.STAYS, Part.LATE})
ROWS: tuple[tuple[str, str, str, str], ...] = (
    ("client_webinar_entered", "tracker", "session", "and entered_at is not null"),
    ("client_webinar_entered", "attendance", "entrance", ""),
    ("client_webinar_entered", "room-ui", "entered", ""),
    ("webinar_completed", "tracker", "session", "and completed_at is not null"),
    ("client_webinar_attendance_classified", "attendance", "classification", ""),
    ("client_webinar_attendance_classified", "post-webinar", "verdict", ""),
    ("client_webinar_attendance_classified", "room-ui", "classification", ""),
    ("client_webinar_attendance_classified", "room-ui", "participation", "and final"),
    ("user_attended", "attendance", "classification", "and attended"),
    ("post_webinar_route", "post-webinar", "route", "and planned"),
    ("post_webinar_route", "post-webinar", "delivery", "and recipient = 'candidate'"),
    ("room_finish", "room-ui", "finish", ""),
    ("cta_shown", "room-ui", "cta", "and kind = 'shown'"),
    ("cta_clicked", "room-ui", "cta", "and kind = 'clicked'"),
)
"""Of whom a fact is said, there is one row in these tables (service, table, which of its rows)."""
ENDINGS: Mapping[Chat, frozenset[str]] = {
    Chat.LINKED: frozenset({"sent", "uncertain"}),
    Chat.BLOCKED: frozenset({"blocked", "uncertain"}),
    Chat.NONE: frozenset({"not_linked"}),
}
"""How a message to somebody may end."""


@dataclass(frozen=True)
class Played:
    """A webinar that was played."""

    webinar_id: UUID
    title: str
    members: Sequence[Member]

    @property
    def id(self) -> str:
        return str(self.webinar_id)


@dataclass(frozen=True)
class Line:
    """A line of the table; `odd`: of whom, or of what, the count is not what it must be."""

    where: str
    expected: int
    seen: int
    odd: tuple[str, ...] = ()

    @property
    def difference(self) -> int:
        return len(self.odd) or abs(self.expected - self.seen)


@dataclass(frozen=True)
class Accounts:
    """The table, and what a person has to decide."""

    lines: tuple[Line, ...]
    uncertain: int

    @property
    def difference(self) -> int:
        return sum(line.difference for line in self.lines)


def draw_up(system: System, played: Sequence[Played], *, poisons: int, has_doubts: bool) -> Accounts:
    """Count everything. `has_doubts`: whether anything struck after which a message may be uncertain."""
    uncertain = system.ledger.value(
        "post-webinar",
        "select count(*) from delivery where webinar_id = any($1::uuid[]) and state = 'uncertain'",
        [one.webinar_id for one in played],
    )
    lines = [
        *_on_the_wire(system, played),
        *_in_the_ledgers(system, played),
        *_deliveries(system, played),
        *_left_over(system, poisons),
    ]
    if not has_doubts:
        lines.append(Line("uncertain without a reason", 0, uncertain))
    return Accounts(tuple(lines), uncertain)


def expected_of(topic: str, played: Sequence[Played]) -> Counter[Key]:
    """Return of whom a fact must be said."""
    return Counter(
        {
            (one.id, member.person.account_id): count
            for one in played
            for member in one.members
            if (count := member.facts.get(topic, 0))
        }
    )


def _on_the_wire(system: System, played: Sequence[Played]) -> Iterator[Line]:
    ids = {one.id for one in played}
    for topic in ONCE:
        told = {
            (said.body["webinar_id"], said.body["lead_id"], said.message_id)
            for said in system.wire.of(topic)
            if said.body.get("webinar_id") in ids
        }
        # A repetition has the message id of the first; another id would be another fact.
        yield _line(f"wire {topic}", expected_of(topic, played), Counter((one, lead) for one, lead, _ in told), played)
    for topic in ("webinar_started", "webinar_finished"):
        told_of = {(said.body.get("webinar_id"), said.message_id) for said in system.wire.of(topic)}
        said_of = Counter(webinar_id for webinar_id, _ in told_of)
        odd = tuple(one.title for one in played if said_of[one.id] != 1)
        yield Line(f"wire {topic}", len(played), sum(said_of[one.id] for one in played), odd)


def _in_the_ledgers(system: System, played: Sequence[Played]) -> Iterator[Line]:
    for topic, service, table, which in ROWS:
        query = f"select webinar_id, lead_id from {table} where webinar_id = any($1::uuid[]) {which}"
        rows = system.ledger.rows(service, query, [one.webinar_id for one in played])
        found = Counter((str(row["webinar_id"]), row["lead_id"]) for row in rows)
        name = f"{service}.{table} {which.removeprefix('and ')}".rstrip()
        yield _line(name, expected_of(topic, played), found, played)
    verdicts = system.ledger.rows(
        "attendance",
        "select webinar_id, lead_id, attended from classification where webinar_id = any($1::uuid[])",
        [one.webinar_id for one in played],
    )
    told = {(str(row["webinar_id"]), row["lead_id"]): row["attended"] for row in verdicts}
    wanted = {
        (one.id, member.person.account_id): member.part is not Part.LEAVES
        for one in played
        for member in one.members
        if member.is_told_of
    }
    figures = system.ledger.rows(
        "tracker",
        "select webinar_id, lead_id, watched_seconds, base_seconds from session where webinar_id = any($1::uuid[])",
        [one.webinar_id for one in played],
    )
    watched = {(str(row["webinar_id"]), row["lead_id"]): f"{row[2]} of {row[3]} s" for row in figures}
    wrong = sorted(key for key, attended in wanted.items() if told.get(key) is not attended)
    odd = tuple(f"{name}: {watched.get(key)}" for key, name in zip(wrong, _named(wrong, played), strict=True))
    yield Line("verdicts that are right", len(wanted), len(wanted) - len(wrong), odd)


def _deliveries(system: System, played: Sequence[Played]) -> Iterator[Line]:
    """Each delivery has come to an end that is right for it; and of each that was sent there is one message."""
    rows = system.ledger.rows(
        "post-webinar",
        "select webinar_id, lead_id, recipient, state from delivery where webinar_id = any($1::uuid[]) and copy = 0",
        [one.webinar_id for one in played],
    )
    state_of = {(str(row["webinar_id"]), row["lead_id"], row["recipient"]): row["state"] for row in rows}
    told_elsewhere = {
        (str(row["webinar_id"]), row["lead_id"], row["recipient"]): row["state"]
        for row in system.ledger.rows(
            "room-ui",
            "select webinar_id, lead_id, recipient, state from delivery where webinar_id = any($1::uuid[])",
            [one.webinar_id for one in played],
        )
    }
    stale = [f"{key}: {state_of.get(key)} and {told_elsewhere.get(key)}" for key in {*state_of, *told_elsewhere}
             if state_of.get(key) != told_elsewhere.get(key)]  # fmt: skip
    yield Line("deliveries as room-ui knows them", len(state_of), len(told_elsewhere), tuple(stale))
    for recipient in ("candidate", "partner"):
        ended: dict[Key, str | None] = {}
        messages: Counter[Key] = Counter()
        strange, wrong_count = [], []
        for one in played:
            texts = _texts(system, one, recipient)
            for member in one.members:
                if not member.is_told_of:
                    continue
                key = (one.id, member.person.account_id)
                state = ended[key] = state_of.get((*key, recipient))
                chat = member.chat if recipient == "candidate" else Chat.LINKED
                if state not in ENDINGS[chat]:
                    strange.append(f"{one.title} {member.person.login}: {state}")
                messages[key] = texts[member.person.account_id]
                allowed = {"sent": {1}, "uncertain": {0, 1}}.get(str(state), {0})
                if messages[key] not in allowed:
                    wrong_count.append(f"{one.title} {member.person.login}: {state}, {messages[key]} messages")
        yield Line(f"deliveries to {recipient}s that have ended", len(ended), len(ended) - len(strange), tuple(strange))
        wanted = sum(state == "sent" for state in ended.values())
        doubtful = sum(1 for key, state in ended.items() if state == "uncertain" and messages[key])
        yield Line(
            f"messages to {recipient}s that say they were sent", wanted, messages.total() - doubtful, tuple(wrong_count)
        )


def _texts(system: System, one: Played, recipient: str) -> Counter[str]:
    """Return how many messages there are at the sandbox because of each lead."""
    found: Counter[str] = Counter()
    if recipient == "candidate":
        for member in one.members:
            if member.person.chat_id is not None:
                found[member.person.account_id] = len(system.telegram.texts(member.person.chat_id, f"«{one.title}»"))
        return found
    partners = {member.person.partner.chat_id: member.person.partner for member in one.members if member.person.partner}
    for chat_id in partners:
        assert chat_id is not None
        # A notice may tell of several webinars, one paragraph each.
        parts = [
            part
            for text in system.telegram.texts(chat_id, f"«{one.title}»")
            for part in re.findall(f"«{re.escape(one.title)}»([^«]*)", text)
        ]
        for member in one.members:
            if member.person.partner and member.person.partner.chat_id == chat_id:
                name = re.compile(re.escape(member.person.name) + r"(?!\d)")
                found[member.person.account_id] = sum(len(name.findall(part)) for part in parts)
    return found


def _left_over(system: System, poisons: int) -> Iterator[Line]:
    """Nothing waits anywhere, and only poison has died."""
    queues = [queue for service in THE_FIVE for queue in queues_of(service)]
    waiting = tuple(f"{queue.name}: {depth}" for queue in queues if (depth := system.wire.depth(queue.name)))
    yield Line(f"messages left in {len(queues)} queues", 0, len(waiting), waiting)
    left = tuple(
        f"{service}: {count}"
        for service in THE_FIVE
        if (count := system.ledger.value(service, "select count(*) from outbox"))
    )
    yield Line("rows left in outboxes", 0, len(left), left)
    dead = system.ledger.dead_letters()
    facts = [queue.name for queue in queues if not queue.topic.is_command]
    odd = [f"{name}: {len(dead.get(name, []))}" for name in facts if len(dead.get(name, [])) != poisons]
    odd += [f"{name}: {reasons[0]}" for name, reasons in dead.items() if name not in facts]
    odd += [f"{name}: {why}" for name, reasons in dead.items() for why in reasons if not why.startswith("invalid")]
    yield Line("dead letters: the poison", poisons * len(facts), sum(map(len, dead.values())), tuple(odd))


def _line(where: str, wanted: Counter[Key], found: Counter[Key], played: Sequence[Played]) -> Line:
    odd = (key for key in {*wanted, *found} if wanted[key] != found[key])
    return Line(where, wanted.total(), found.total(), _named(odd, played))


def _named(keys: Iterable[Key], played: Sequence[Played]) -> tuple[str, ...]:
    titles = {one.id: one.title for one in played}
    who = {(one.id, member.person.account_id): member for one in played for member in one.members}

    def name(key: Key) -> str:
        member = who.get(key)
        lead = f"{member.person.login} ({member.part.name.lower()})" if member else key[1]
        return f"{titles.get(key[0], key[0])} {lead}"

    return tuple(map(name, sorted(keys)))
