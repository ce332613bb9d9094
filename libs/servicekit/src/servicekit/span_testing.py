"""For tests of traces: the spans that were written, and a trace as a tree for people."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from servicekit import tracing


@dataclass(frozen=True)
class Seen:
    """A span, wherever it was written; ids in hexadecimal, as in messages and logs."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    began: int
    ended: int
    failed: bool
    flags: int = 1
    service: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    """`(trace id, span id)` of each."""

    @classmethod
    def of(cls, span: ReadableSpan) -> Self:
        assert span.context is not None
        return cls(
            name=span.name,
            kind=span.kind.name,
            trace_id=f"{span.context.trace_id:032x}",
            span_id=f"{span.context.span_id:016x}",
            parent_id=f"{span.parent.span_id:016x}" if span.parent else None,
            began=span.start_time or 0,
            ended=span.end_time or 0,
            failed=not span.status.is_ok and not span.status.is_unset,
            flags=span.context.trace_flags,
            service=str(span.resource.attributes.get("service.name", "")),
            attributes=dict(span.attributes or {}),
            links=[(f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") for link in span.links],
        )

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


class Spans:
    """What was written so far."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    def all(self) -> list[Seen]:
        """Every span that has ended, in the order of their ends."""
        return [Seen.of(span) for span in self._exporter.get_finished_spans()]

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.all() if span.name == name]

    def one(self, name: str) -> Seen:
        """The only span of that name."""
        found = self.named(name)
        assert len(found) == 1, f"{len(found)} spans are named {name!r}, of {[span.name for span in self.all()]}"
        return found[0]

    def names(self) -> list[str]:
        return [span.name for span in self.all()]

    def clear(self) -> None:
        self._exporter.clear()


@contextmanager
def recorded_spans(sampler: Sampler | None = None) -> Iterator[Spans]:
    """Switch traces on while the block runs, and keep the spans in memory."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler or ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with tracing.using(provider):
        yield Spans(exporter)
    provider.shutdown()


def tree(spans: Iterable[Seen], *, left_out: Sequence[str] = ()) -> list[str]:
    """Return spans a line each, below their parents and in the order of their beginnings.

    `left_out`: beginnings of names that are not shown, nor what hangs below them.
    """
    known = {span.span_id: span for span in spans}
    below: defaultdict[str | None, list[Seen]] = defaultdict(list)
    for span in sorted(known.values(), key=lambda one: one.began):
        below[span.parent_id if span.parent_id in known else None].append(span)
    return list(_lines(below, None, 0, tuple(left_out)))


def _lines(
    below: Mapping[str | None, Sequence[Seen]], parent: str | None, depth: int, left_out: tuple[str, ...]
) -> Iterator[str]:
    for span in below.get(parent, ()):
        if not span.name.startswith(left_out):
            milliseconds = (span.ended - span.began) / 1e6
            yield f"{'  ' * depth}{span.service}: {span.name}  {milliseconds:.1f} ms{'  failed' if span.failed else ''}"
            yield from _lines(below, span.span_id, depth + 1, left_out)
