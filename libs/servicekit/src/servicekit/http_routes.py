"""Which route a request has taken, for what stands around an application: its template, never what a visitor wrote."""

from collections.abc import Awaitable, Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOTED = "route_taken"


class NotesRoute:
    """Stands right around a router, and notes the route that it takes where `Routes` finds it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def send_noting(message: Message) -> Awaitable[None]:
            # Not at the end: a stream is told of at its beginning. `state` is shared by all copies of a scope.
            if message["type"] == "http.response.start" and (route := scope.get("route")) is not None:
                scope.setdefault("state", {})[_NOTED] = route.path_format
            return send(message)

        await self._app(scope, receive, send_noting)


class Routes:
    """Tells of an answered request which template it came under."""

    def __init__(self, *, fixed: Collection[str] = (), files: str = "") -> None:
        """`fixed`: paths that no router answers; `files`: what the paths of files begin with."""
        self._fixed = frozenset(fixed)
        self._files = files

    def of(self, scope: Scope) -> str | None:
        """Return the template, or None. `scope` has had a `state` since before it was copied."""
        path: str = scope["path"]
        if path in self._fixed:
            return path
        if self._files and path.startswith(self._files):
            return f"{self._files}{{path}}"
        noted: str | None = scope.get("state", {}).get(_NOTED)
        return noted
