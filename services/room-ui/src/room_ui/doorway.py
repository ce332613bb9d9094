"""The way in of every request: who looks, what comes back with the answer, how big a body may be and how written."""

import asyncio
from collections.abc import Awaitable, Callable

from contracts import ErrorCode
from python_multipart.multipart import parse_options_header
from servicekit.errors import DATABASE_TROUBLE
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from room_ui import refusals
from room_ui.accounts.sessions import Authenticated, Sessions
from room_ui.assets import FILES
from room_ui.headers import secured
from room_ui.refusals import Refusal
from room_ui.settings import RoomUiSettings

LARGEST_BODY = 2 * 1024 * 1024
_CHARSETS = frozenset({b"utf-8", b"utf8", b"us-ascii"})
Refuse = Callable[[Scope, Receive, Send, Refusal], Awaitable[None]]
"""Answers with a refusal as the application would: JSON to a program, a page to a person."""


def refusal_response(refusal: Refusal) -> JSONResponse:
    """Return a refusal as JSON, for answers that no page is behind."""
    headers = {} if refusal.retry_after is None else {"retry-after": str(refusal.retry_after)}
    if refusal.status == 405:
        headers["allow"] = "GET, HEAD"
    return JSONResponse(refusal.as_json(), refusal.status, headers)


def _announced_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:12])
    return 0


def _is_in_utf8(scope: Scope) -> bool:
    """Whether a form in parts is in UTF-8, as browsers send it: without a charset, or with that one.

    Python would decode by any other that a sender names, and some of its codecs fail in ways that no parser expects,
    take minutes over a megabyte, or give text that cannot be written down again.
    """
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind, options = parse_options_header(value)
            if kind.startswith(b"multipart/") and options.get(b"charset", b"utf-8").lower() not in _CHARSETS:
                return False
    return True


class Doorway:
    """Sets `request.state.viewer` and adds security headers and cookies; around the whole FastAPI app.

    Around it rather than inside, so that an answer to a failure carries the same headers.
    """

    def __init__(self, app: ASGIApp, sessions: Sessions, settings: RoomUiSettings, *, refuse: Refuse) -> None:
        self._app = app
        self._sessions = sessions
        self._https = settings.is_https
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Until the session is known everybody is a visitor; what is refused before that is said in their language.
        scope.setdefault("state", {})["viewer"] = self._sessions.visitor(scope)
        if _announced_length(scope) > LARGEST_BODY:
            too_large = Refusal(413, ErrorCode.INVALID_FIELD, "The request is too large.")
            await self._refuse(scope, receive, secured(scope, send, https=self._https), too_large)
            return
        if not _is_in_utf8(scope):
            unreadable = refusals.invalid("A form has to be in UTF-8.")
            await self._refuse(scope, receive, secured(scope, send, https=self._https), unreadable)
            return
        if scope["path"].startswith(FILES):
            # The same for everybody, so it asks neither session nor database.
            await self._app(scope, receive, secured(scope, send, https=self._https))
            return
        started = False

        async def noting_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._admit(scope, receive, noting_send)
        except asyncio.CancelledError:
            # The process has to go, and what this request waits for does not answer.
            if started:
                raise
            await self._refuse(scope, receive, secured(scope, send, https=self._https), refusals.unavailable())

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            known = await self._sessions.authenticate(scope)
        except DATABASE_TROUBLE:
            await self._refuse(scope, receive, secured(scope, send, https=self._https), refusals.unavailable())
            return
        scope["state"]["viewer"] = known.viewer
        if scope["method"] == "HEAD":
            # Link previews and monitors ask so; FastAPI routes only what a page names, which is GET.
            scope, send = {**scope, "method": "GET"}, _without_body(send)
        await self._app(scope, _limited(receive), self._with_cookies(scope, send, known))

    def _with_cookies(self, scope: Scope, send: Send, known: Authenticated) -> Send:
        """Return a `send` with the headers, and with the guest's token cookie on pages alone."""
        plain = secured(scope, send, https=self._https, cookies=known.cookies)
        if known.guest_cookie is None:
            return plain
        with_guest = secured(scope, send, https=self._https, cookies=(*known.cookies, known.guest_cookie))

        async def send_by_kind(message: Message) -> None:
            is_page = message["type"] == "http.response.start" and any(
                name.lower() == b"content-type" and value.startswith(b"text/html")
                for name, value in message.get("headers", ())
            )
            await (with_guest if is_page else plain)(message)

        return send_by_kind


def _without_body(send: Send) -> Send:
    """Return a `send` that keeps the head of a response, with the length of the body that it leaves out."""

    async def send_head(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_head


def _limited(receive: Receive) -> Receive:
    """Return a `receive` that ends a body which is longer than it may be, announced or not."""
    taken = 0

    async def receive_limited() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                # The client is cut off: to Starlette this is a client that went away in mid-body.
                return {"type": "http.disconnect"}
        return message

    return receive_limited
