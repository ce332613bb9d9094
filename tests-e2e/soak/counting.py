"""Counting afterwards: every fact once, on the wire and in the ledgers; nothing said of anybody else."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contracts.topology import THE_FIVE, queues_of
from world.facts import ONCE
from world.system import World

from soak.parts import FACTS, ROWS, Member, Part
from soak.round import Played


@dataclass(frozen=True)
class Line:
    """A line of the table: `odd` are the pairs of round and person of which the count is not what it must be."""

    where: str
    expected: int
    found: int
    odd: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return self.expected == self.found and not self.odd


def lines(world: World, rounds: Sequence[Played], members: Sequence[Member]) -> Iterator[Line]:
    """Count everything."""
    yield from _on_the_wire(world, rounds, members)
    for service, table, which, parts in ROWS:
        yield _in_a_ledger(world, rounds, members, (service, table, which), parts)
    yield _sent(world, rounds, members)
    yield from _messages(world, rounds, members)


def _on_the_wire(world: World, rounds: Sequence[Played], members: Sequence[Member]) -> Iterator[Line]:
    ids = {str(one.webinar_id): one for one in rounds}
    for topic in ONCE:
        # Every message, not only every message id: nothing was broken, so nothing may have been repeated.
        said = Counter(
            (message.body["webinar_id"], message.body["lead_id"])
            for message in world.wire.of(topic)
            if message.body.get("webinar_id") in ids
        )
        wanted = Counter(
            {
                (webinar_id, member.person.account_id): FACTS[member.part].get(topic, 0)
                for webinar_id in ids
                for member in members
            }
        )
        odd = {key for key in {*said, *wanted} if said[key] != wanted[key]}
        yield Line(f"wire {topic}", wanted.total(), said.total(), _named(odd, ids))
    for topic in ("webinar_started", "webinar_finished"):
        told = Counter(message.body["webinar_id"] for message in world.wire.of(topic))
        strange = tuple(ids[one].title for one in ids if told[one] != 1)
        yield Line(f"wire {topic}", len(ids), sum(told[one] for one in ids), strange)


def _in_a_ledger(
    world: World,
    rounds: Sequence[Played],
    members: Sequence[Member],
    rows: tuple[str, str, str],
    parts: frozenset[Part],
) -> Line:
    service, table, which = rows
    ids = {str(one.webinar_id): one for one in rounds}
    query = f"select webinar_id, lead_id from {table} where webinar_id = any($1::uuid[]) {which}"
    kept = Counter((str(row["webinar_id"]), row["lead_id"]) for row in world.ledger.rows(service, query, sorted(ids)))
    wanted = Counter((one, member.person.account_id) for one in ids for member in members if member.part in parts)
    odd = {key for key in {*kept, *wanted} if kept[key] != wanted[key]}
    return Line(
        f"{service}.{table} {which.removeprefix('and ')}".rstrip(), wanted.total(), kept.total(), _named(odd, ids)
    )


def _sent(world: World, rounds: Sequence[Played], members: Sequence[Member]) -> Line:
    ids = [one.webinar_id for one in rounds]
    query = "select state, count(*) from delivery where webinar_id = any($1::uuid[]) group by state"
    states = {row["state"]: row["count"] for row in world.ledger.rows("post-webinar", query, ids)}
    others = tuple(f"{count} {state}" for state, count in states.items() if state != "sent")
    return Line("post-webinar.delivery sent", 2 * len(rounds) * len(members), states.get("sent", 0), others)


def _messages(world: World, rounds: Sequence[Played], members: Sequence[Member]) -> Iterator[Line]:
    found: Counter[str] = Counter()
    for member in members:
        for text in world.telegram.texts(member.person.chat_id or 0, "Круг "):
            found.update(f"{one.title} {member.person.login}" for one in rounds if f"«{one.title}»" in text)
    wanted = Counter(f"{one.title} {member.person.login}" for one in rounds for member in members)
    odd = tuple(sorted(key for key in {*found, *wanted} if found[key] != wanted[key]))
    yield Line("Telegram, to candidates", wanted.total(), found.total(), odd)
    queues = [queue.name for service in THE_FIVE for queue in queues_of(service)]
    waiting = {name: depth for name in queues if (depth := world.wire.depth(name))}
    yield Line(f"messages left in {len(queues)} queues", 0, sum(waiting.values()), tuple(waiting))
    left = {
        service: count for service in THE_FIVE if (count := world.ledger.value(service, "select count(*) from outbox"))
    }
    yield Line("rows left in outboxes", 0, sum(left.values()), tuple(left))


def _named(keys: set[tuple[str, str]], ids: dict[str, Played]) -> tuple[str, ...]:
    return tuple(sorted(f"{ids[webinar_id].title} {lead_id}" for webinar_id, lead_id in keys))
