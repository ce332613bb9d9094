"""Traces: a click and all that follows from it, through every service. Off unless an OTLP endpoint is set.

The tracer is ours alone and not the process's global one: libraries that see a global one write spans of their own,
with addresses, queries and errors in them, and those hold names and one-time tokens. Of an error a span has the class
alone.
"""

import asyncio
import os
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from servicekit.logs import get_logger

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = get_logger(__name__)

Attributes = Mapping[str, str | int]
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS = ("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*=[ !#-+\--:<-\[\]-~]*")
_RATIO_SAMPLERS = {"traceidratio", "parentbased_traceidratio"}
_SAMPLERS = {"always_on", "always_off", "parentbased_always_on", "parentbased_always_off"} | _RATIO_SAMPLERS
_TRACEPARENT_LENGTH = 55
_ODD = frozenset("13579bdf")
"""The last digit of the flags, where it says "sampled"."""
_PROPAGATOR = TraceContextTextMapPropagator()


class _State:
    """The tracer of this process; None while traces are off."""

    provider: "TracerProvider | None" = None
    tracer: Tracer | None = None


def is_on() -> bool:
    """Whether spans are written."""
    return _State.tracer is not None


def tracer() -> Tracer | None:
    """Return what spans are written with; None while traces are off."""
    return _State.tracer


def configure(service: str, *, instance_id: str) -> None:
    """Switch traces on if OpenTelemetry's own variables say where they go; what is wrong with those is logged."""
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if endpoint is None or disabled or os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return
    try:
        _State.provider = _provider(service, instance_id, endpoint)
    except ValueError as error:
        # A service works without traces; nobody is to wait for a webinar because of a letter too many here.
        log.error("tracing.off", error=str(error), advice="correct the OTEL_… variables")  # noqa: TRY400
        return
    _State.tracer = _State.provider.get_tracer("servicekit")
    log.info("tracing.on", endpoint=endpoint)


def _provider(service: str, instance_id: str, endpoint: str) -> "TracerProvider":
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "http/protobuf")
    if protocol != "http/protobuf":
        raise ValueError(f"the protocol {protocol!r} is not spoken here: http/protobuf is")
    if not _is_address(endpoint):
        raise ValueError(f"{endpoint!r} is no address: http://host:4318 is")
    _refuse_what_the_library_would_pass_over()
    # Imported only where traces are on: they take as long as a service's own modules do.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    given = OTELResourceDetector().detect().attributes
    about = {"service.name": service, "service.namespace": "webinars", "service.instance.id": instance_id, **given}
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _refuse_what_the_library_would_pass_over() -> None:
    """Raise for a sampler that it would take for "everything", and for headers that it would write into the log."""
    sampler = os.environ.get("OTEL_TRACES_SAMPLER", "").lower()
    if sampler and sampler not in _SAMPLERS:
        raise ValueError(f"OTEL_TRACES_SAMPLER: {sampler!r} is none of {', '.join(sorted(_SAMPLERS))}")
    part = os.environ.get("OTEL_TRACES_SAMPLER_ARG")
    if sampler in _RATIO_SAMPLERS and part and not _is_part(part):
        raise ValueError(f"OTEL_TRACES_SAMPLER_ARG: {part!r} is no number from 0 to 1")
    for name in _HEADERS:
        given = (one.strip() for one in os.environ.get(name, "").split(","))
        if not all(_HEADER.fullmatch(one) for one in given if one):
            # They hold a token more often than not.
            raise ValueError(f"{name} is not of the form name=value,name=value (its value is not shown)")


def _is_part(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False


@contextmanager
def using(provider: "TracerProvider") -> Iterator[None]:
    """Write spans by this provider while the block runs, as tests do."""
    before = _State.provider, _State.tracer
    _State.provider, _State.tracer = provider, provider.get_tracer("servicekit")
    try:
        yield
    finally:
        _State.provider, _State.tracer = before


async def flush() -> None:
    """Hand over what was not sent yet; whoever waits sets the limit, for a collector may be away."""
    provider = _State.provider
    if provider is None:
        return
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def hand_over() -> None:
        provider.force_flush()
        try:
            loop.call_soon_threadsafe(done.set)
        except RuntimeError:
            # It took longer than the process had, and the loop is closed.
            return

    # A thread that the end of the process does not wait for.
    threading.Thread(target=hand_over, name="traces", daemon=True).start()
    await done.wait()


def is_sampled(traceparent: str | None) -> bool:
    """Whether what goes on there is to be recorded: decided once, where the trace began, whatever the sampler here."""
    return traceparent is not None and len(traceparent) == _TRACEPARENT_LENGTH and traceparent[-1] in _ODD


def is_left_out(traceparent: str | None) -> bool:
    """Whether a trace says of itself that it is not recorded: then it is handed on as it is."""
    return traceparent is not None and len(traceparent) == _TRACEPARENT_LENGTH and traceparent[-1] not in _ODD


def context_of(traceparent: str | None) -> Context | None:
    """Return the context that a `traceparent` names; None for none, and for what cannot be read."""
    if traceparent is None:
        return None
    context = _PROPAGATOR.extract({"traceparent": traceparent}, Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def traceparent_of(span: Span, *, recorded: bool = True) -> str:
    """Return a span's place in its trace, as messages and rows carry it; `recorded`: whether what follows may be."""
    context = span.get_span_context()
    flags = context.trace_flags if recorded else context.trace_flags & ~TraceFlags.SAMPLED
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


def current() -> str | None:
    """Return the place of what is done now; None outside of any span."""
    if _State.tracer is None:
        return None
    span = trace.get_current_span()
    return traceparent_of(span) if span.get_span_context().is_valid else None


def links_to(traceparents: Collection[str | None]) -> list[Link]:
    contexts = [context for one in traceparents if (context := context_of(one)) is not None]
    return [Link(trace.get_current_span(context).get_span_context()) for context in contexts]


def fail(span: Span, error: Exception | str) -> None:
    """Mark a span as failed by an error's class; its words may hold anything."""
    span.set_attribute("error.type", error if isinstance(error, str) else type(error).__qualname__)
    span.set_status(StatusCode.ERROR)


@contextmanager
def doing(span: Span) -> Iterator[Span]:
    """Make a span the current one while the block runs, and end it."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except Exception as error:
            # Not what is cancelled: nobody waits for it any more, as at a stop.
            fail(span, error)
            raise


@contextmanager
def inside(name: str, kind: SpanKind, attributes: Attributes) -> Iterator[Span | None]:
    """Do the block in a span, if it is a part of something that is recorded; by itself it begins no trace."""
    if _State.tracer is None or not trace.get_current_span().is_recording():
        yield None
        return
    with doing(_State.tracer.start_span(name, kind=kind, attributes=attributes)) as span:
        yield span


def start(name: str, kind: SpanKind, attributes: Attributes, *, linked: str | None = None) -> Span | None:
    """Begin a trace with a span, whatever is under way; whoever asked for it ends it."""
    if _State.tracer is None:
        return None
    return _State.tracer.start_span(name, context=Context(), kind=kind, attributes=attributes, links=links_to([linked]))


@contextmanager
def beginning(name: str, kind: SpanKind, attributes: Attributes) -> Iterator[Span | None]:
    """Do the block in a span that goes on with the trace that is under way, else begins one."""
    if _State.tracer is None:
        yield None
        return
    with doing(_State.tracer.start_span(name, kind=kind, attributes=attributes)) as span:
        yield span


@contextmanager
def _left_out(traceparents: Sequence[str | None]) -> Iterator[None]:
    """Do the block as a part of the first trace that is not recorded, so that nothing in it begins another."""
    contexts = (context_of(one) for one in traceparents if is_left_out(one))
    context = next((one for one in contexts if one is not None), None)
    if context is None:
        yield
        return
    with trace.use_span(trace.get_current_span(context), record_exception=False, set_status_on_exception=False):
        yield


@contextmanager
def continuing(
    name: str,
    traceparents: Sequence[str | None],
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
) -> Iterator[Span | None]:
    """Do the block in a span that goes on where a row or a message says; the first one is its trace, others are linked.

    Without any that is sampled there is no span, and what is said meanwhile belongs to the first that is left out.
    """
    if _State.tracer is None:
        yield None
        return
    known = [one for one in traceparents if is_sampled(one) and context_of(one) is not None]
    if not known:
        with _left_out(traceparents):
            yield None
        return
    first, *others = dict.fromkeys(known)
    span = _State.tracer.start_span(
        name, context=context_of(first), kind=kind, attributes=attributes, links=links_to(others)
    )
    with doing(span):
        yield span
