"""Every request measured, from around the whole application."""

import time
from collections.abc import Awaitable

from servicekit.http_routes import Routes
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from room_ui.measures import REQUEST_SECONDS

UNMATCHED = "unmatched"
FAILED = "5xx"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Measured:
    """Measures each request once, under its route's template: never under its path, which anybody may make up.

    Nothing of it stands between a stream and its client but one plain call.
    """

    def __init__(self, app: ASGIApp, routes: Routes) -> None:
        self._app = app
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        scope.setdefault("state", {})
        status = 500
        is_told = False

        def tell() -> None:
            nonlocal is_told
            if not is_told:
                is_told = True
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = self._routes.of(scope) or UNMATCHED
                # Failures of a route are there from its first answer on: what appears does not look like an increase.
                REQUEST_SECONDS.labels(method, route, FAILED)
                REQUEST_SECONDS.labels(method, route, f"{status // 100}xx").observe(time.perf_counter() - began)

        def noting_send(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_stream(message):
                    tell()
            return send(message)

        try:
            await self._app(scope, receive, noting_send)
        finally:
            tell()


def _is_stream(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])
