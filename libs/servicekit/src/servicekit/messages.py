"""A message as handlers hear it, and its way to and from the wire."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import aio_pika
from contracts import CONTENT_TYPE, Capability, Envelope, Message

E = TypeVar("E", bound=Message)
ATTEMPT_HEADER = "attempt"
_HIGHEST_COUNT = 1_000_000
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Heard(Generic[E]):
    """One event with what its envelope says; `attempt` counts from 0."""

    event: E
    message_id: UUID
    correlation_id: str
    timestamp: datetime
    emitted_by: str
    traceparent: str | None = None
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and what they may do."""

    account_id: str
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True)
class Obeyed(Generic[E]):
    """A command whose token was checked, with its actor."""

    event: E
    actor: Actor
    message_id: UUID
    correlation_id: str
    timestamp: datetime
    deadline: datetime
    traceparent: str | None = None


class InvalidMessageError(ValueError):
    """A message that no handler can ever take: its envelope or its body is not what the contract says."""


def envelope_of(raw: aio_pika.abc.AbstractIncomingMessage) -> Envelope:
    """Read the envelope of what came; raises `InvalidMessageError`."""
    headers = raw.headers
    try:
        return Envelope.model_validate(
            {
                "message_id": raw.message_id,
                "type": raw.type or "",
                "app_id": raw.app_id or "",
                "timestamp": raw.timestamp or datetime.now(UTC),
                "correlation_id": raw.correlation_id or raw.message_id,
                "causation_id": headers.get("causation_id"),
                "schema_version": headers.get("schema_version", 1),
                "traceparent": traceparent_in(headers),
                "deadline": headers.get("deadline"),
                "authorization": headers.get("authorization"),
                "reply_to": raw.reply_to,
            }
        )
    except ValueError as error:
        raise InvalidMessageError(f"envelope: {error}") from error


def traceparent_in(headers: Mapping[str, Any]) -> str | None:
    """Return the context that a message carries; None for anything else: it is written into rows, and handed on."""
    value = headers.get("traceparent")
    return value if isinstance(value, str) and _TRACEPARENT.fullmatch(value) else None


def attempt_of(headers: Mapping[str, Any]) -> int:
    """How often handling this message has failed so far."""
    return _count(headers, ATTEMPT_HEADER)


def deliveries_of(raw: aio_pika.abc.AbstractIncomingMessage) -> int:
    """How often the broker has handed this message out before."""
    return _count(raw.headers, "x-delivery-count")


def _count(headers: Mapping[str, Any], name: str) -> int:
    # Whoever sends a message may write anything into its headers.
    value = headers.get(name, 0)
    return min(max(value, 0), _HIGHEST_COUNT) if isinstance(value, int) else 0


def hear(raw: aio_pika.abc.AbstractIncomingMessage, event_class: type[E]) -> Heard[E]:
    """Decode what came; raises `InvalidMessageError` for what the contract does not allow."""
    envelope = envelope_of(raw)
    if envelope.schema_version > event_class.schema_version:
        raise InvalidMessageError(f"major version {envelope.schema_version} of {event_class.topic} is not known here")
    try:
        event = event_class.from_json(raw.body)
    except ValueError as error:
        raise InvalidMessageError(f"body: {error}") from error
    return Heard(
        event=event,
        message_id=envelope.message_id,
        correlation_id=envelope.correlation_id,
        timestamp=envelope.timestamp.astimezone(UTC),
        emitted_by=envelope.app_id,
        traceparent=envelope.traceparent,
        attempt=attempt_of(raw.headers),
    )


def wire_message(
    body: bytes,
    envelope: Envelope,
    *,
    headers: Mapping[str, Any] | None = None,
    persistent: bool = True,
    expiration_seconds: float | None = None,
) -> aio_pika.Message:
    """Return the AMQP message for a body and its envelope."""
    return aio_pika.Message(
        body,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT if persistent else aio_pika.DeliveryMode.NOT_PERSISTENT,
        message_id=str(envelope.message_id),
        correlation_id=envelope.correlation_id,
        type=envelope.type,
        app_id=envelope.app_id,
        timestamp=envelope.timestamp,
        reply_to=envelope.reply_to,
        expiration=expiration_seconds,
        headers={**envelope.headers(), **(headers or {})},
    )
