"""Messages in a trace, by OpenTelemetry's conventions for messaging: created, sent, processed.

A message carries the context of its creation, from the transaction that announces it to every try at handling it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from contracts import Envelope, ErrorCode
from contracts.topology import EXCHANGE
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Tracer

from servicekit import tracing
from servicekit.messages import Heard

MOST_RECORDED = 100
"""Of one topic that one transaction says for one cause.

The stop of a webinar with thousands of people is to stay a trace that can be looked at; the others of them keep its id.
"""


class Announced(Protocol):
    """What a transaction announces, as far as a trace is concerned."""

    @property
    def message_id(self) -> Any: ...
    @property
    def event(self) -> Any: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def traceparent(self) -> str | None: ...
    @property
    def linked(self) -> str | None: ...


def message_attributes(
    operation: str, destination: str, *, message_id: object, correlation_id: str
) -> dict[str, str | int]:
    """Return what OpenTelemetry's conventions for messaging ask to be said."""
    return {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": destination,
        "messaging.message.id": str(message_id),
        "messaging.message.conversation_id": correlation_id,
    }


def call_attributes(topic: str, receiver: str) -> dict[str, str | int]:
    """Return what is said of a command at both its ends."""
    return {"rpc.system.name": "rabbitmq", "rpc.method": f"{receiver}/{topic}"}


def note_reply(span: Span | None, outcome: str | None) -> None:
    """Note what a command was answered; a refusal is an answer, and no failure."""
    if span is None or outcome in {None, "ok"}:
        return
    span.set_attribute("rpc.response.status_code", str(outcome))
    if outcome in {ErrorCode.UNAVAILABLE, "unknown"}:
        tracing.fail(span, str(outcome))


def created(rows: Sequence[Announced], *, occasion: str, began: int) -> list[str]:
    """Write the span of each message that a transaction announces; return the context that each of them carries.

    What nobody's message or request led to begins one trace for the whole transaction, named after its `occasion`.
    """
    tracer = tracing.tracer()
    assert tracer is not None
    contexts: dict[str | None, Context] = {}
    said: Counter[tuple[str | None, str]] = Counter()
    traceparents = []
    for row in rows:
        parent = row.traceparent
        if parent is not None and tracing.is_left_out(parent):
            traceparents.append(parent)
            continue
        if parent not in contexts:
            contexts[parent] = tracing.context_of(parent) or _transaction(tracer, occasion, began)
        said[parent, row.event.topic] += 1
        around = trace.get_current_span(contexts[parent])
        if said[parent, row.event.topic] > MOST_RECORDED or not around.get_span_context().trace_flags.sampled:
            traceparents.append(tracing.traceparent_of(around, recorded=False))
            continue
        span = tracer.start_span(
            f"create {row.event.topic}",
            context=contexts[parent],
            kind=SpanKind.PRODUCER,
            attributes=message_attributes(
                "create",
                f"{EXCHANGE}:{row.event.topic}",
                message_id=row.message_id,
                correlation_id=row.correlation_id,
            ),
            links=tracing.links_to([row.linked]) if row.linked not in {None, parent} else None,
        )
        span.end()
        traceparents.append(tracing.traceparent_of(span))
    return traceparents


def _transaction(tracer: Tracer, occasion: str, began: int) -> Context:
    span = tracer.start_span(occasion, context=Context(), start_time=began)
    span.end()
    return trace.set_span_in_context(span, Context())


@contextmanager
def sending(exchange: str, routing_key: str, envelope: Envelope) -> Iterator[None]:
    """Publish a message in a span of the trace that it belongs to; the message carries the context that it has."""
    tracer = tracing.tracer()
    parent = tracing.context_of(envelope.traceparent) if tracer and tracing.is_sampled(envelope.traceparent) else None
    if tracer is None or parent is None:
        yield
        return
    attributes = message_attributes(
        "send",
        f"{exchange}:{routing_key}",
        message_id=envelope.message_id,
        correlation_id=envelope.correlation_id,
    )
    name = f"send {envelope.type if exchange == EXCHANGE else exchange}"
    with tracing.doing(tracer.start_span(name, context=parent, kind=SpanKind.CLIENT, attributes=attributes)):
        yield


@contextmanager
def processing(queue: str, heard: Sequence[Heard[Any]]) -> Iterator[Sequence[Heard[Any]]]:
    """Handle a batch: a span for each message in the message's own trace, and one for the work that they share.

    Yields the messages with these spans for their contexts, so that what is said because of one of them goes on in its
    trace. The work of several together hangs below the first, with links to all of them. A message that carries no
    context, such as a presence report, or one of a trace that is not recorded, gets no span.
    """
    tracer = tracing.tracer()
    if tracer is None:
        yield heard
        return
    spans = [_process(tracer, queue, one) for one in heard]
    own = [span for span in spans if span is not None]
    if not own:
        yield heard
        return
    placed = [
        one if span is None else replace(one, traceparent=tracing.traceparent_of(span))
        for one, span in zip(heard, spans, strict=True)
    ]
    try:
        if len(heard) == 1:
            with trace.use_span(own[0], record_exception=False, set_status_on_exception=False):
                yield placed
        else:
            with tracing.doing(_batch(tracer, queue, own, len(heard))):
                yield placed
    except Exception as error:
        for span in own:
            tracing.fail(span, error)
        raise
    finally:
        for span in own:
            span.end()


def _process(tracer: Tracer, queue: str, heard: Heard[Any]) -> Span | None:
    parent = tracing.context_of(heard.traceparent) if tracing.is_sampled(heard.traceparent) else None
    if parent is None:
        return None
    topic = heard.event.topic
    attributes = message_attributes(
        "process",
        f"{EXCHANGE}:{topic}:{queue}",
        message_id=heard.message_id,
        correlation_id=heard.correlation_id,
    )
    if heard.attempt:
        attributes["webinars.attempt"] = heard.attempt
    return tracer.start_span(f"process {topic}", context=parent, kind=SpanKind.CONSUMER, attributes=attributes)


def _batch(tracer: Tracer, queue: str, spans: Sequence[Span], count: int) -> Span:
    first = next((span for span in spans if span.is_recording()), spans[0])
    batch = tracer.start_span(
        f"batch {queue}",
        context=trace.set_span_in_context(first, Context()),
        attributes={"messaging.system": "rabbitmq", "messaging.batch.message_count": count},
        links=[Link(span.get_span_context()) for span in spans if span is not first],
    )
    for span in spans:
        if span is not first:
            span.add_link(batch.get_span_context())
    return batch
