"""docs/events.md: how to subscribe, the envelope, and every topic."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from importlib.resources import files
from string import Template

from pydantic import BaseModel

from contracts.accounts import ContactCard
from contracts.base import Value
from contracts.commands import WHY_REFUSED, CommandError, CommandReply
from contracts.docs.described import HEADERS, described, field_rows, key_of, schema_of, summary
from contracts.envelope import Envelope
from contracts.examples import example, examples
from contracts.participation import SESSION_NAMESPACE, ClientWebinarEntered, PresenceEntry, WatchedWindow, session_id_of
from contracts.topology import DELIVERY_LIMIT, EXCHANGE, OWN_TOPICS, PRESENCE_TTL_SECONDS, REPLY_EXCHANGE, Queue, Topic
from contracts.webinar import CtaWindow, OnAirWindow, StatusContext

VALUES: tuple[type[Value], ...] = (
    OnAirWindow,
    CtaWindow,
    StatusContext,
    WatchedWindow,
    ContactCard,
    PresenceEntry,
    CommandReply,
    CommandError,
)


class Group(StrEnum):
    """The parts of the catalogue, in their order."""

    PUBLIC = "Public facts"
    INTERNAL = "Internal facts and signals"
    COMMANDS = "Commands"


_ABOUT = {
    Group.PUBLIC: "For everybody, stable within a major version.",
    Group.INTERNAL: "Between the services of the platform. Not for other teams: they may change with any release, and"
    " some name a person.",
    Group.COMMANDS: "From room-ui, on behalf of somebody who signed in, to the one service that owns the thing. Being"
    " able to publish is not a right to act: every command carries a token for itself.",
}
_SECTIONS = {topic.message.__name__: topic.name for topic in OWN_TOPICS}


def group_of(topic: Topic) -> Group:
    """Return the part of the catalogue where a topic stands."""
    if topic.is_command:
        return Group.COMMANDS
    return Group.PUBLIC if topic.public else Group.INTERNAL


def events_page() -> str:
    """Return the text of docs/events.md."""
    parts = [_subscribing(), _index(), _envelope(), *map(_part, Group), _replies(), _values(), _identifiers()]
    return "\n".join(part.strip("\n") + "\n" for part in parts)  # one blank line between the parts


def _subscribing() -> str:
    folder = files("contracts.docs")
    return Template((folder / "subscribing.md").read_text(encoding="utf-8")).safe_substitute(
        EXCHANGE=EXCHANGE,
        PUBLIC_TOPICS="|".join(topic.name for topic in OWN_TOPICS if topic.public),
        SUBSCRIBER=(folder / "subscriber.py.txt").read_text(encoding="utf-8").strip(),
    )


def _index() -> str:
    rows = [
        (f"[`{topic.name}`](#{topic.name})", _said(topic), _heard(topic), topic.kind, _exposure(topic))
        for topic in OWN_TOPICS
    ]
    return "## All topics\n\n" + _table(("topic", "said by", "heard by", "kind", ""), rows)


def _envelope() -> str:
    rows = [
        (f"`{row.name}`", "header" if row.name in HEADERS else "property", row.type, row.meaning)
        for row in field_rows(schema_of(Envelope), _section_of)
    ]
    rows += [
        ("`content_type`", "property", "string", "always `application/json`, UTF-8"),
        ("`delivery_mode`", "property", "integer", "2, persistent; replies are transient"),
    ]
    return (
        "## The envelope\n\nAMQP properties and headers carry what is about a message, the body is one flat JSON"
        " object. `correlation_id` finds the whole story of a webinar, `causation_id` its single steps.\n\n"
        + _table(("name", "where", "type", "meaning"), rows)
        + "\nA fact as it travels:\n\n"
        + _json("envelope")
    )


def _part(group: Group) -> str:
    topics = [topic for topic in OWN_TOPICS if group_of(topic) is group]
    return "\n".join([f"## {group.value}\n\n{_ABOUT[group]}\n", *map(_topic, topics)])


def _topic(topic: Topic) -> str:
    text = described(topic.message)
    facts = [
        ("said by", _said(topic)),
        ("heard by", _heard(topic)),
        ("kind", f"{topic.kind}, {_exposure(topic)}, major version {topic.message.schema_version}"),
        ("key", _key(topic)),
        ("when", text.when),
        ("guarantees", text.guarantees),
        ("queues", ", ".join(f"`{name}`" for name in _queues(topic)) or "none of ours; declare your own"),
    ]
    parts = [
        f"### {topic.name}\n\n{text.meaning}\n",
        _table(("", ""), facts),
        _fields(topic.message),
        _json(topic.name),
    ]
    for suffix, words in (("reply", "The reply:"), ("refused", "Refused:")):
        if (f"{topic.name}.{suffix}", 1) in examples():
            parts.append(f"{words}\n\n{_json(f'{topic.name}.{suffix}')}")
    return "\n".join(parts)


def _key(topic: Topic) -> str:
    if topic.is_command:
        return "`message_id`: the same id again gets the first outcome"
    words = ", ".join(f"`{name}`" for name in key_of(topic.message))
    return f"{words}; the highest `version` counts" if topic.kind == "snapshot" else words


def _queues(topic: Topic) -> Iterator[str]:
    for service in topic.heard_by:
        queue = Queue(service, topic)
        yield queue.name
        if queue.dead_letter_queue:
            yield queue.dead_letter_queue


def _said(topic: Topic) -> str:
    return ", ".join(topic.said_by)


def _heard(topic: Topic) -> str:
    instances = [f"every instance of {service}" for service in topic.heard_by_instances_of]
    others = ["other teams"] if topic.public else []
    return ", ".join([*topic.heard_by, *instances, *others])


def _exposure(topic: Topic) -> str:
    return "public" if topic.public else "internal"


def _fields(model: type[BaseModel]) -> str:
    rows = [
        (
            f"`{row.name}`",
            row.type,
            "always" if row.always else (f"`{row.default}`" if row.default else "–"),
            row.meaning,
        )
        for row in field_rows(schema_of(model), _section_of)
    ]
    return _table(("field", "type", "if absent", "meaning"), rows)


def _replies() -> str:
    rows = [(f"`{code}`", meaning) for code, meaning in WHY_REFUSED.items()]
    return (
        f"""## Replies and refusals

A command is published `mandatory` to `{EXCHANGE}` with the headers `deadline` and `authorization` and the property
`reply_to` = `reply.<instance>`. The reply goes to the exchange `{REPLY_EXCHANGE}` with that routing key; its
`correlation_id` is the command's `message_id`. A command after its deadline is refused (`expired`). Its outcome is
stored with its `message_id`: sent again with the same id, it gets the first outcome. Only a reply with a one-time
address is not stored, but made anew.

"""
        + _json("command_envelope")
        + "\n### ErrorCode\n\n"
        + _table(("code", "refused because"), rows)
    )


def _values() -> str:
    sections = [f"### {model.__name__}\n\n{summary(model)}\n\n{_fields(model)}" for model in VALUES]
    return "## Parts of bodies\n\n" + "\n".join(sections)


def _section_of(class_name: str) -> str:
    return f"#{_SECTIONS.get(class_name, class_name.lower())}"


def _identifiers() -> str:
    entered = ClientWebinarEntered.from_json(example("client_webinar_entered"))
    lead, webinar = entered.lead_id, entered.webinar_id
    return f"""## Identifiers and limits

`lead_id`, `account_id`, `partner_id` are opaque strings of 1 to 64 characters; a participant's `account_id` is the
`lead_id`. `webinar_id`, `session_id`, `delivery_id`, `message_id` are UUIDs.

`session_id` is the UUIDv5 of `<webinar_id>/<lead_id>` in the namespace `{SESSION_NAMESPACE}`: two tabs, a phone beside
a laptop and a reconnect are one session, whoever works it out. For instance lead `{lead}` in webinar `{webinar}` is
session `{session_id_of(lead, webinar)}`.

The platform's own queues are quorum queues with `x-delivery-limit` {DELIVERY_LIMIT}; a presence report expires after
{PRESENCE_TTL_SECONDS // 3600} hours.
"""


def _json(name: str, version: int = 1) -> str:
    return f"```json\n{example(name, version).decode().strip()}\n```\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
