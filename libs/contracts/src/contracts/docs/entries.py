"""The catalogue of topics as data: docs/events.md is written from it, and room-ui shows it as a page.

Texts are plain but for two marks of Markdown: `code`, and [words](#anchor) for another section.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from contracts.accounts import ContactCard
from contracts.base import Value
from contracts.commands import CommandError, CommandReply
from contracts.docs.described import HEADERS, FieldRow, described, field_rows, key_of, schema_of, summary
from contracts.envelope import Envelope
from contracts.examples import example, examples
from contracts.participation import PresenceEntry, WatchedWindow
from contracts.topology import OWN_TOPICS, Queue, Topic
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


ABOUT = {
    Group.PUBLIC: "For everybody, stable within a major version.",
    Group.INTERNAL: "Between the services of the platform. Not for other teams: they may change with any release, and"
    " some name a person.",
    Group.COMMANDS: "From room-ui, on behalf of somebody who signed in, to the one service that owns the thing. Being"
    " able to publish is not a right to act: every command carries a token for itself.",
}
_SECTIONS = {topic.message.__name__: topic.name for topic in OWN_TOPICS}
_ANSWERS = (("reply", "The reply:"), ("refused", "Refused:"))


@dataclass(frozen=True)
class Line:
    """One field of a body: its name, its type in words, what holds where it is absent, and what it means."""

    name: str
    type: str
    if_absent: str
    meaning: str


@dataclass(frozen=True)
class Example:
    """An example as JSON, with words before it where it is not the message itself."""

    words: str
    text: str


@dataclass(frozen=True)
class Entry:
    """One topic: who says and hears it, when, what is guaranteed, its fields and its examples."""

    name: str
    said_by: str
    heard_by: str
    kind: str
    exposure: str
    version: int
    key: str
    meaning: str
    when: str
    guarantees: str
    queues: tuple[str, ...]
    fields: tuple[Line, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Part:
    """A value that stands in bodies: its name, what it is, its fields."""

    name: str
    meaning: str
    fields: tuple[Line, ...]


@dataclass(frozen=True)
class EnvelopeLine:
    """One part of the envelope, and whether it travels as a header or as a property."""

    name: str
    where: str
    type: str
    meaning: str


def group_of(topic: Topic) -> Group:
    """Return the part of the catalogue where a topic stands."""
    if topic.is_command:
        return Group.COMMANDS
    return Group.PUBLIC if topic.public else Group.INTERNAL


def entries(group: Group) -> list[Entry]:
    """Return the topics of a part of the catalogue, in its order."""
    return [entry_of(topic) for topic in OWN_TOPICS if group_of(topic) is group]


def entry_of(topic: Topic) -> Entry:
    """Return all that is to be said about a topic."""
    text = described(topic.message)
    answers = [
        Example(words, text_of(f"{topic.name}.{suffix}"))
        for suffix, words in _ANSWERS
        if (f"{topic.name}.{suffix}", 1) in examples()
    ]
    return Entry(
        name=topic.name,
        said_by=", ".join(topic.said_by),
        heard_by=_heard(topic),
        kind=topic.kind,
        exposure="public" if topic.public else "internal",
        version=topic.message.schema_version,
        key=_key(topic),
        meaning=text.meaning,
        when=text.when,
        guarantees=text.guarantees,
        queues=tuple(_queues(topic)),
        fields=_lines(topic.message),
        examples=(Example("", text_of(topic.name)), *answers),
    )


def parts() -> list[Part]:
    """Return the values that stand in bodies."""
    return [Part(model.__name__, summary(model), _lines(model)) for model in VALUES]


def envelope() -> list[EnvelopeLine]:
    """Return what travels beside a body."""
    lines = [
        EnvelopeLine(row.name, "header" if row.name in HEADERS else "property", row.type, row.meaning)
        for row in field_rows(schema_of(Envelope), section_of)
    ]
    return [
        *lines,
        EnvelopeLine("content_type", "property", "string", "always `application/json`, UTF-8"),
        EnvelopeLine("delivery_mode", "property", "integer", "2, persistent; replies are transient"),
    ]


def text_of(name: str, version: int = 1) -> str:
    """Return an example as it is kept."""
    return example(name, version).decode().strip()


def section_of(class_name: str) -> str:
    """Return the anchor of the section about a class."""
    return f"#{_SECTIONS.get(class_name, class_name.lower())}"


def _lines(model: type[BaseModel]) -> tuple[Line, ...]:
    return tuple(_line(row) for row in field_rows(schema_of(model), section_of))


def _line(row: FieldRow) -> Line:
    absent = "always" if row.always else (f"`{row.default}`" if row.default else "–")
    return Line(row.name, row.type, absent, row.meaning)


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


def _heard(topic: Topic) -> str:
    instances = [f"every instance of {service}" for service in topic.heard_by_instances_of]
    others = ["other teams"] if topic.public else []
    return ", ".join([*topic.heard_by, *instances, *others])
