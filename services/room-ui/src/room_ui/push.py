"""The paths that a crowd takes, answered by one ASGI callable around the application.

`/webinar/v1/state`, the public schedule, what changes on the desk's list, each with its event stream. The same
`authenticate` and the same headers as in the application; everything else is handed on to it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import parse_qs
from uuid import UUID

from contracts import Capability
from servicekit.errors import DATABASE_TROUBLE
from starlette.types import ASGIApp, Receive, Scope, Send

from room_ui import refusals
from room_ui.accounts.sessions import Authenticated, Sessions
from room_ui.doorway import refusal_response
from room_ui.headers import secured
from room_ui.refusals import Refusal
from room_ui.rooms.hub import Connection, Hub, how_to_come_back
from room_ui.rooms.rooms import Rooms
from room_ui.rooms.state import Written
from room_ui.settings import RoomUiSettings

_JSON = (b"content-type", b"application/json")
_STREAM_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]
_STREAMS = frozenset({"/webinar/v1/state/stream", "/webinar/v1/webinars/stream", "/webinar/v1/desk/stream"})
PATHS = _STREAMS | {"/webinar/v1/state", "/webinar/v1/webinars", "/webinar/v1/desk"}


def _query(scope: Scope) -> Mapping[str, str]:
    try:
        found = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise refusals.invalid("The query is too long.") from None
    return {name: values[0] for name, values in found.items()}


def _webinar_id(query: Mapping[str, str]) -> UUID | None:
    given = query.get("webinar_id")
    if not given:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise refusals.webinar_not_found() from None


def _header(scope: Scope, wanted: bytes) -> bytes:
    return next((value for name, value in scope["headers"] if name == wanted), b"")


class Push:
    """The outermost ASGI callable."""

    def __init__(self, app: ASGIApp, *, rooms: Rooms, sessions: Sessions, settings: RoomUiSettings) -> None:
        self._app = app
        self._rooms = rooms
        self._sessions = sessions
        self._https = settings.is_https
        self._answers: dict[str, Callable[[Scope, Receive, Send, Authenticated], Awaitable[None]]] = {
            "/webinar/v1/state": self._state,
            "/webinar/v1/state/stream": self._state_stream,
            "/webinar/v1/webinars": self._schedule,
            "/webinar/v1/webinars/stream": self._schedule_stream,
            "/webinar/v1/desk": self._desk,
            "/webinar/v1/desk/stream": self._desk_stream,
        }

    @property
    def paths(self) -> Collection[str]:
        """The paths that are answered here and not by the application."""
        return self._answers.keys()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answers.get(scope["path"]) if scope["type"] == "http" else None
        if answer is None:
            await self._app(scope, receive, send)
            return
        known: Authenticated | None = None
        try:
            if scope["method"] not in ({"GET"} if scope["path"] in _STREAMS else {"GET", "HEAD"}):
                raise refusals.method_not_allowed()
            known = await self._sessions.authenticate(scope)
            await answer(scope, receive, secured(scope, send, https=self._https, cookies=known.cookies), known)
        except Refusal as refusal:
            cookies = known.cookies if known else ()
            await refusal_response(refusal)(scope, receive, secured(scope, send, https=self._https, cookies=cookies))
        except DATABASE_TROUBLE:
            unavailable = refusal_response(refusals.unavailable())
            await unavailable(scope, receive, secured(scope, send, https=self._https))

    # --- the room --------------------------------------------------------------------------------------------------

    @staticmethod
    def _require(known: Authenticated, capability: Capability) -> None:
        if known.viewer.is_guest:
            raise refusals.unauthenticated()
        if not known.viewer.may(capability):
            raise refusals.forbidden()

    async def _state(self, scope: Scope, _: Receive, send: Send, known: Authenticated) -> None:
        """Answer with the room's state, or 304; with `visible` the page counts as being in the room."""
        self._require(known, Capability.WEBINAR_JOIN)
        viewer = known.viewer
        if not self._rooms.polls.takes(viewer.session_id or "", time.monotonic()):
            raise refusals.too_many_requests()
        query = _query(scope)
        room = await self._rooms.room(_webinar_id(query), viewer)
        if "visible" in query:
            self._rooms.poll(room, viewer, visible=query["visible"] == "1")
            room.note_cta_sent(viewer)
        await self._answer_written(scope, send, room.written)

    async def _state_stream(self, scope: Scope, receive: Receive, send: Send, known: Authenticated) -> None:
        """Hold a stream of the room's states, the first one at once; as long as it is open the viewer is here."""
        self._require(known, Capability.WEBINAR_JOIN)
        viewer = known.viewer
        query = _query(scope)
        room = await self._rooms.room(_webinar_id(query), viewer)
        self._rooms.check_room_for_stream(viewer.session_id)
        connection = self._rooms.enter(room, viewer, known.expires_at, visible=query.get("visible") == "1")
        try:
            await self._stream(
                receive,
                send,
                connection,
                first=lambda: room.written.event(self._rooms.now()),
                on_sent=lambda: room.note_cta_sent(viewer),
            )
        finally:
            self._rooms.leave(room, connection)

    # --- the schedule, and the desk's list --------------------------------------------------------------------------

    async def _schedule(self, scope: Scope, _: Receive, send: Send, __: Authenticated) -> None:
        await self._answer_written(scope, send, self._rooms.schedule().written)

    async def _schedule_stream(self, _: Scope, receive: Receive, send: Send, known: Authenticated) -> None:
        await self._hub_stream(receive, send, known, self._rooms.schedule_hub, lambda: self._rooms.schedule().written)

    async def _desk(self, scope: Scope, _: Receive, send: Send, known: Authenticated) -> None:
        self._require(known, Capability.WEBINAR_MANAGE)
        await self._answer_written(scope, send, self._rooms.desk_list())

    async def _desk_stream(self, _: Scope, receive: Receive, send: Send, known: Authenticated) -> None:
        self._require(known, Capability.WEBINAR_MANAGE)
        await self._hub_stream(receive, send, known, self._rooms.desk_hub, self._rooms.desk_list)

    async def _hub_stream(
        self, receive: Receive, send: Send, known: Authenticated, hub: Hub, state: Callable[[], Written]
    ) -> None:
        """Hold a stream of what is told in `hub`; who follows it is not counted as being anywhere."""
        session_id = known.viewer.session_id
        self._rooms.check_room_for_stream(session_id)
        connection = Connection(hub, session_id=session_id, expires_at=known.expires_at)
        hub.connections.add(connection)
        self._rooms.hold(connection)
        try:
            await self._stream(
                receive,
                send,
                connection,
                first=lambda: state().event(self._rooms.now()),
                on_sent=lambda: None,
            )
        finally:
            hub.connections.discard(connection)
            self._rooms.release(connection)

    # --- both ------------------------------------------------------------------------------------------------------

    async def _answer_written(self, scope: Scope, send: Send, state: Written) -> None:
        headers = [(b"etag", state.etag), (b"cache-control", b"no-cache, private")]
        if state.etag in [tag.strip() for tag in _header(scope, b"if-none-match").split(b",")]:
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        body = state.body(self._rooms.now())
        headers += [_JSON, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    @staticmethod
    async def _stream(
        receive: Receive, send: Send, connection: Connection, *, first: Callable[[], bytes], on_sent: Callable[[], None]
    ) -> None:
        """Send the first event and then each newest one, until the client goes or the stream is closed."""
        await send({"type": "http.response.start", "status": 200, "headers": _STREAM_HEADERS})
        state = first()
        connection.was_shown()
        await send({"type": "http.response.body", "body": how_to_come_back() + state, "more_body": True})
        on_sent()
        writer = asyncio.create_task(connection.write(send, on_sent))
        try:
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
