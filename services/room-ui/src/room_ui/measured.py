"""Every request measured: around the whole application, and inside it a word on which route it took."""

import time
from collections.abc import Awaitable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from room_ui.measures import REQUEST_SECONDS

UNMATCHED = "unmatched"
_FILES = "/static/"
_ROUTE = "measured_route"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class NotesRoute:
    """Notes which route the application within it has taken, where `Measured` finds it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        finally:
            # Shared by all copies of the scope that are made on the way in.
            if (route := getattr(scope.get("route"), "path", None)) and "state" in scope:
                scope["state"][_ROUTE] = route


class Measured:
    """Measures each request once, under its route's template: never under its path, which anybody may make up.

    Nothing of it stands between a stream and its client but one plain call.
    """

    def __init__(self, app: ASGIApp, *, paths: Collection[str]) -> None:
        """`paths` are answered as they are, by what is not a route of the application."""
        self._app = app
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        state = scope.setdefault("state", {})
        status = 500
        is_told = False

        def tell() -> None:
            nonlocal is_told
            if not is_told:
                is_told = True
                method = scope["method"] if scope["method"] in _METHODS else "other"
                REQUEST_SECONDS.labels(
                    method, self._route(scope["path"], state.get(_ROUTE)), f"{status // 100}xx"
                ).observe(time.perf_counter() - began)

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

    def _route(self, path: str, noted: str | None) -> str:
        if path in self._paths:
            return path
        if path.startswith(_FILES):
            return f"{_FILES}{{path}}"
        return noted or UNMATCHED


def _is_stream(message: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in message["headers"])
