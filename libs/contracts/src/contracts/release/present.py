"""The JSON Schemas of the present code, in the form in which they are released."""

from typing import Any

from pydantic import BaseModel

from contracts.commands import CommandReply, SnapshotRequested
from contracts.docs.described import key_of, schema_of
from contracts.envelope import Envelope
from contracts.topology import OWN_TOPICS, Topic

Json = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def present_schemas() -> dict[str, Json]:
    """Return the schema of every topic, of the envelope and of the reply, by name; with what else others build on.

    `x-kind`, `x-exposure`, `x-meaning-key` and `x-schema-version` are those of docs/asyncapi.json.
    `x-written-by-others` says which way a change hurts: commands and requests are written by others and read by the
    owner of the thing, everything else is read by others.
    """
    schemas = {topic.name: _of_topic(topic) for topic in OWN_TOPICS}
    schemas["envelope"] = _document("envelope", Envelope, {"x-kind": "envelope", "x-exposure": "public"})
    schemas["command_reply"] = _document("command_reply", CommandReply, {"x-kind": "reply", "x-exposure": "internal"})
    return dict(sorted(schemas.items()))


def _of_topic(topic: Topic) -> Json:
    # A service that starts empty asks for snapshots, a joined one too: it is written by others, though no command.
    asked = topic.is_command or topic.message is SnapshotRequested
    told = {
        "x-kind": topic.kind,
        "x-exposure": "public" if topic.public else "internal",
        "x-meaning-key": ["message_id"] if topic.is_command else list(key_of(topic.message)),
        "x-schema-version": topic.message.schema_version,
        "x-written-by-others": asked,
    }
    return _document(topic.name, topic.message, told)


def _document(name: str, model: type[BaseModel], told: Json) -> Json:
    schema = schema_of(model)
    definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    return {
        "$schema": DIALECT,
        "title": name,
        "x-kind": told["x-kind"],
        "x-exposure": told["x-exposure"],
        "x-meaning-key": told.get("x-meaning-key", []),
        "x-schema-version": told.get("x-schema-version", 1),
        "x-written-by-others": told.get("x-written-by-others", False),
        "description": schema.pop("description"),
        **schema,
        **definitions,
    }
