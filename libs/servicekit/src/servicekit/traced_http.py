"""HTTP requests in a trace: the method, the route's template, the status, and nothing that a visitor has sent.

Addresses and queries hold one-time tokens, names that were searched for, and where to go after signing in.
"""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from servicekit import tracing
from servicekit.http_routes import Routes

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
_EVENT_STREAM = b"text/event-stream"


class TracedRequests:
    """Begins a trace with each request. An event stream is a span until it has begun: it may stay open for hours.

    A visitor's own `traceparent` is linked and not gone on with: who knocks does not decide what is recorded here.
    Nor is what is under way: a request that was sent behind another begins inside the other one's context.
    """

    def __init__(self, app: ASGIApp, routes: Routes, *, untold: tuple[str, ...] = ()) -> None:
        """`untold`: beginnings of paths that begin no trace."""
        self._app = app
        self._routes = routes
        self._untold = untold

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not tracing.is_on() or scope["path"].startswith(self._untold):
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        attributes = {"http.request.method": method, "url.scheme": scope.get("scheme", "http")}
        # Here, so that it is the same one in whatever copies of the scope are made further in.
        scope.setdefault("state", {})
        span = tracing.start(method, SpanKind.SERVER, attributes, linked=_given(scope))
        assert span is not None

        async def send_noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._note(span, scope, method, message)
            await send(message)

        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                await self._app(scope, receive, send_noting)
        except Exception as error:
            # What is ended already, like a stream that has begun, does not change any more.
            if span.is_recording():
                tracing.fail(span, error)
            raise
        finally:
            if span.is_recording():
                span.end()

    def _note(self, span: Span, scope: Scope, method: str, start: Message) -> None:
        if (route := self._routes.of(scope)) is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", start["status"])
        if start["status"] >= 500:
            tracing.fail(span, str(start["status"]))
        if _header(start, b"content-type").startswith(_EVENT_STREAM):
            span.end()


def _given(scope: Scope) -> str | None:
    found = _header(scope, b"traceparent")
    return found.decode("latin-1") if found else None


def _header(holder: Any, wanted: bytes) -> bytes:
    return next((value for name, value in holder.get("headers", ()) if name.lower() == wanted), b"")
