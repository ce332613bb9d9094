"""docs/events.md: how to subscribe, the envelope, and every topic."""

from collections.abc import Sequence
from importlib.resources import files
from string import Template

from contracts.commands import WHY_REFUSED
from contracts.docs.entries import ABOUT, Entry, Group, Line, entries, entry_of, envelope, parts, text_of
from contracts.examples import example
from contracts.participation import SESSION_NAMESPACE, ClientWebinarEntered, session_id_of
from contracts.topology import DELIVERY_LIMIT, EXCHANGE, OWN_TOPICS, PRESENCE_TTL_SECONDS, REPLY_EXCHANGE


def events_page() -> str:
    """Return the text of docs/events.md."""
    page = [_subscribing(), _index(), _envelope(), *map(_part, Group), _replies(), _values(), _identifiers()]
    return "\n".join(part.strip("\n") + "\n" for part in page)  # one blank line between the parts


def _subscribing() -> str:
    folder = files("contracts.docs")
    return Template((folder / "subscribing.md").read_text(encoding="utf-8")).safe_substitute(
        EXCHANGE=EXCHANGE,
        SUBSCRIBER=(folder / "subscriber.py.txt").read_text(encoding="utf-8").strip(),
    )


def _index() -> str:
    rows = [
        (f"[`{entry.name}`](#{entry.name})", entry.said_by, entry.heard_by, entry.kind, entry.exposure)
        for entry in _in_the_order_of_the_table()
    ]
    return "## All topics\n\n" + _table(("topic", "said by", "heard by", "kind", ""), rows)


def _in_the_order_of_the_table() -> list[Entry]:
    return [entry_of(topic) for topic in OWN_TOPICS]


def _envelope() -> str:
    rows = [(f"`{line.name}`", line.where, line.type, line.meaning) for line in envelope()]
    return (
        "## The envelope\n\nAMQP properties and headers carry what is about a message, the body is one flat JSON"
        " object. `correlation_id` finds the whole story of a webinar, `causation_id` its single steps.\n\n"
        + _table(("name", "where", "type", "meaning"), rows)
        + "\nA fact as it travels:\n\n"
        + _json("envelope")
    )


def _part(group: Group) -> str:
    return "\n".join([f"## {group.value}\n\n{ABOUT[group]}\n", *map(_topic, entries(group))])


def _topic(entry: Entry) -> str:
    facts = [
        ("said by", entry.said_by),
        ("heard by", entry.heard_by),
        ("kind", f"{entry.kind}, {entry.exposure}, major version {entry.version}"),
        ("key", entry.key),
        ("when", entry.when),
        ("guarantees", entry.guarantees),
        ("queues", ", ".join(f"`{name}`" for name in entry.queues) or "none of ours; declare your own"),
    ]
    shown = [f"{one.words}\n\n{_fenced(one.text)}" if one.words else _fenced(one.text) for one in entry.examples]
    return "\n".join([f"### {entry.name}\n\n{entry.meaning}\n", _table(("", ""), facts), _fields(entry.fields), *shown])


def _fields(fields: Sequence[Line]) -> str:
    rows = [(f"`{line.name}`", line.type, line.if_absent, line.meaning) for line in fields]
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
    sections = [f"### {part.name}\n\n{part.meaning}\n\n{_fields(part.fields)}" for part in parts()]
    return "## Parts of bodies\n\n" + "\n".join(sections)


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


def _json(name: str) -> str:
    return _fenced(text_of(name))


def _fenced(text: str) -> str:
    return f"```json\n{text}\n```\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"
