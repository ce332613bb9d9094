"""docs/asyncapi.json: an AsyncAPI 3.0 document of the whole platform, from the same classes."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from contracts.base import Message
from contracts.commands import CommandReply
from contracts.docs.described import HEADERS, described, key_of, schema_of, without_titles
from contracts.envelope import CONTENT_TYPE, Envelope
from contracts.examples import example, examples
from contracts.schemas import released_version
from contracts.topology import EXCHANGE, OWN_TOPICS, REPLY_EXCHANGE, Queue, Topic

Json = dict[str, Any]
BINDING_VERSION = "0.3.0"
_REPLY = "command_reply"
_COMMAND_HEADERS = ("deadline", "authorization")


def asyncapi_document() -> str:
    """Return the text of docs/asyncapi.json."""
    return json.dumps(document(), ensure_ascii=False, indent=2) + "\n"


def document() -> Json:
    """Return the document: a channel for each topic, an operation for each service that says or hears it."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Webinar events",
            "version": released_version(),
            "description": "Facts, signals and commands of the webinar platform on RabbitMQ."
            " docs/events.md says the same to people, and how to subscribe.",
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {**{topic.name: _channel(topic) for topic in OWN_TOPICS}, _REPLY: _reply_channel()},
        "operations": dict(operation for topic in OWN_TOPICS for operation in _operations(topic)),
        "components": {
            "messages": {**{topic.name: _message(topic) for topic in OWN_TOPICS}, _REPLY: _reply_message()},
            "schemas": {**_schemas(), "FactHeaders": _headers(command=False), "CommandHeaders": _headers(command=True)},
        },
    }


def _channel(topic: Topic) -> Json:
    return {
        "address": topic.name,
        "title": topic.name,
        "description": described(topic.message).meaning,
        "messages": {topic.name: _ref("components/messages", topic.name)},
        "tags": [{"name": topic.kind}, {"name": "public" if topic.public else "internal"}],
        "bindings": {"amqp": _routing_key(EXCHANGE)},
    }


def _reply_channel() -> Json:
    return {
        "address": None,
        "title": "replies to commands",
        "description": "Where a sender hears the outcome of its command; the routing key is the command's `reply_to`.",
        "messages": {_REPLY: _ref("components/messages", _REPLY)},
        "bindings": {"amqp": _routing_key(REPLY_EXCHANGE)},
    }


def _routing_key(exchange: str) -> Json:
    return {
        "is": "routingKey",
        "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False},
        "bindingVersion": BINDING_VERSION,
    }


def _operations(topic: Topic) -> Iterator[tuple[str, Json]]:
    for service in topic.said_by:
        yield f"{_word(service)}_says_{topic.name}", _operation(topic, service, says=True)
    for service in topic.heard_by:
        yield (
            f"{_word(service)}_hears_{topic.name}",
            {**_operation(topic, service, says=False), "x-queue": Queue(service, topic).name},
        )
    for service in topic.heard_by_instances_of:
        yield f"each_{_word(service)}_hears_{topic.name}", _operation(topic, service, says=False)


def _operation(topic: Topic, service: str, *, says: bool) -> Json:
    sending: Json = {"deliveryMode": 2, "mandatory": topic.needs_a_queue, "timestamp": True}
    operation: Json = {
        "action": "send" if says else "receive",
        "channel": _ref("channels", topic.name),
        "messages": [_ref(f"channels/{topic.name}/messages", topic.name)],
        "tags": [{"name": service}],
        "bindings": {"amqp": {**(sending if says else {"ack": True}), "bindingVersion": BINDING_VERSION}},
    }
    if topic.is_command:
        operation["reply"] = {
            "address": {"location": "$message.header#/reply_to"},
            "channel": _ref("channels", _REPLY),
            "messages": [_ref(f"channels/{_REPLY}/messages", _REPLY)],
        }
    return operation


def _message(topic: Topic) -> Json:
    text = described(topic.message)
    return {
        "name": topic.name,
        "title": topic.message.__name__,
        "summary": text.meaning,
        "description": f"When: {text.when} Guarantees: {text.guarantees}",
        "contentType": CONTENT_TYPE,
        "headers": _ref("components/schemas", "CommandHeaders" if topic.is_command else "FactHeaders"),
        "payload": _ref("components/schemas", topic.message.__name__),
        "correlationId": {"location": "$message.header#/correlation_id"},
        "bindings": {"amqp": {"messageType": topic.name, "bindingVersion": BINDING_VERSION}},
        "examples": [
            {
                "name": f"{topic.name}.v{topic.message.schema_version}",
                "payload": json.loads(example(topic.name, topic.message.schema_version)),
            }
        ],
        "x-meaning-key": ["message_id"] if topic.is_command else list(key_of(topic.message)),
        "x-schema-version": topic.message.schema_version,
        "x-amqp-properties": _properties(command=topic.is_command),
    }


def _reply_message() -> Json:
    return {
        "name": _REPLY,
        "title": CommandReply.__name__,
        "summary": "The outcome of a command; its `correlation_id` is the command's `message_id`.",
        "contentType": CONTENT_TYPE,
        "payload": _ref("components/schemas", CommandReply.__name__),
        "correlationId": {"location": "$message.header#/correlation_id"},
        "bindings": {"amqp": {"messageType": "reply", "bindingVersion": BINDING_VERSION}},
        "examples": [
            {"name": f"{name}.v{version}", "payload": json.loads(example(name, version))}
            for name, version in examples()
            if name.endswith((".reply", ".refused"))
        ],
    }


def _schemas() -> Json:
    models: list[type[BaseModel]] = [*(topic.message for topic in OWN_TOPICS), CommandReply]
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    schemas: Json = without_titles(found["$defs"])
    for model in models:
        if issubclass(model, Message):
            schemas[model.__name__]["description"] = described(model).meaning
    return schemas


def _headers(*, command: bool) -> Json:
    envelope = schema_of(Envelope)
    wanted = [name for name in HEADERS if command or name not in _COMMAND_HEADERS]
    return {
        "type": "object",
        "properties": {name: envelope["properties"][name] for name in wanted},
        "required": ["schema_version", *(_COMMAND_HEADERS if command else ())],
    }


def _properties(*, command: bool) -> Json:
    names = {name: field for name, field in schema_of(Envelope)["properties"].items() if name not in HEADERS}
    return {name: field["description"] for name, field in names.items() if command or name != "reply_to"}


def _ref(place: str, name: str) -> Json:
    return {"$ref": f"#/{place}/{name}"}


def _word(service: str) -> str:
    return service.replace("-", "_")
