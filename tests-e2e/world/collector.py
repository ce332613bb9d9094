"""A collector of traces: takes OTLP over HTTP and keeps the spans."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from servicekit.span_testing import Seen

POLL_SECONDS = 0.1
Lacks = Callable[[list[Seen]], Sequence[str]]
"""Names what a trace has not got yet."""


class Collector:
    """What services have sent so far."""

    def __init__(self) -> None:
        self._spans: dict[str, Seen] = {}
        self._lock = threading.Lock()
        self.raw = b""
        """Every byte that came, for what must not be among them."""
        self.url = ""

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        found = [
            _seen(span, service)
            for part in request.resource_spans
            for service in [{one.key: one.value.string_value for one in part.resource.attributes}["service.name"]]
            for scope in part.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self.raw += body
            self._spans.update((span.span_id, span) for span in found)

    def spans(self) -> list[Seen]:
        with self._lock:
            return list(self._spans.values())

    def trace(self, trace_id: str) -> list[Seen]:
        return [span for span in self.spans() if span.trace_id == trace_id]

    def wait_for(self, is_it: Callable[[Seen], bool], what: str, *, patience: float = 30) -> Seen:
        """Return the first span that is it, as soon as it has come."""
        deadline = time.monotonic() + patience
        while (found := next(filter(is_it, self.spans()), None)) is None:
            names = sorted({span.name for span in self.spans()})
            assert time.monotonic() < deadline, f"no span is {what}; there are {names}"
            time.sleep(POLL_SECONDS)
        return found

    def wait_for_trace(self, trace_id: str, lacks: Lacks, *, patience: float = 30) -> list[Seen]:
        """Return the spans of a trace as soon as it lacks nothing: each process tells of its own a moment later."""
        deadline = time.monotonic() + patience
        while lacking := lacks(self.trace(trace_id)):
            assert time.monotonic() < deadline, f"the trace lacks {lacking}"
            time.sleep(POLL_SECONDS)
        return self.trace(trace_id)

    def way_to(self, span: Seen) -> list[Seen]:
        """Return the parents of a span, from the beginning of its trace to itself, as soon as all have come."""
        way = [span]
        while way[0].parent_id is not None:
            way.insert(0, self._parent_of(way[0]))
        return way

    def _parent_of(self, span: Seen) -> Seen:
        return self.wait_for(lambda one: one.span_id == span.parent_id, f"the parent of {span.name!r}")


def _seen(span: Span, service: str) -> Seen:
    return Seen(
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        began=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        service=service,
        attributes={one.key: one.value.string_value or one.value.int_value for one in span.attributes},
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
    )


@contextmanager
def collecting() -> Iterator[Collector]:
    """Take traces at `url` while the block runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            assert self.path == "/v1/traces", self.path
            collector.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
