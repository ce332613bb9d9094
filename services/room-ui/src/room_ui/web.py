"""The web application around the pages: who looks, what may be done, how refusals look.

For pages: `request.state.viewer` (a `Viewer`), `parts_of(request)`, `Depends(require(Capability.X))`,
`headers.frames(request, player, chat)`. A page package gives `routers()` and
`async error_page(request, *, status: int, code: str, message: str) -> Response`.
"""

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import PurePath
from typing import Annotated, Any
from urllib.parse import parse_qs, quote, urlsplit

import asyncpg
from contracts import Capability, ErrorCode
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from servicekit.errors import DATABASE_AWAY
from servicekit.http_routes import NotesRoute
from starlette.datastructures import FormData, Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from room_ui import refusals
from room_ui.addresses import page_address, with_slash
from room_ui.assets import FILES, STATIC, TEXTS, fingerprint, packed
from room_ui.cookies import cookie_value
from room_ui.doorway import LARGEST_BODY, Doorway
from room_ui.limits import network_of
from room_ui.parts import Parts
from room_ui.refusals import Refusal
from room_ui.viewer import Viewer

API = "/webinar/v1/"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_GUESTS_SEND = ("/account/login/", "/account/link/")
_CODES: Mapping[int, ErrorCode] = {
    400: ErrorCode.INVALID_FIELD,
    401: ErrorCode.UNAUTHENTICATED,
    403: ErrorCode.FORBIDDEN,
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    422: ErrorCode.INVALID_FIELD,
    429: ErrorCode.TOO_MANY_REQUESTS,
}


def parts_of(request: Request) -> Parts:
    """Return the parts that the application was made with."""
    parts: Parts = request.app.state.parts
    return parts


def viewer_of(request: Request) -> Viewer:
    """Return who asks; a guest when nobody is signed in."""
    viewer: Viewer = request.state.viewer
    return viewer


async def form_of(request: Request) -> FormData:
    """Return the form that was sent. One field may be as big as a body may be, which the doorway has judged."""
    return await request.form(max_part_size=LARGEST_BODY)


class SignInFirst(Exception):
    """A guest opened or sent a page that needs a session: send them to sign in and back here."""


def sign_in_first(request: Request) -> Exception:
    """Return what to raise at a guest: a program is told, a person is led."""
    return refusals.unauthenticated() if request.url.path.startswith(API) else SignInFirst()


def require(capability: Capability) -> Callable[[Request], Viewer]:
    """Return a dependency that hands on the viewer, or sends a guest to sign in and refuses who has no right."""

    def viewer_with_right(request: Request) -> Viewer:
        viewer = viewer_of(request)
        if not viewer.may(capability):
            raise sign_in_first(request) if viewer.is_guest else refusals.forbidden()
        return viewer

    return viewer_with_right


def signed_in(request: Request) -> Viewer:
    """Hand on the viewer if signed in, whatever the role; a dependency."""
    return require(Capability.WEBINAR_JOIN)(request)


SignedIn = Annotated[Viewer, Depends(signed_in)]


def is_from_us(headers: Mapping[str, str], origin: str) -> bool:
    """Whether a request says by `Origin`, or without one by `Referer`, that it came from a page of ours."""
    if (given := headers.get("origin")) is not None:
        return given.lower() == origin
    referer = urlsplit(headers.get("referer", ""))
    return f"{referer.scheme}://{referer.netloc.lower()}" == origin


def address_of(request: Request) -> str:
    """Return the network address that attempts are counted for."""
    return network_of(request.client.host) if request.client else "unknown"


async def guard_pace(request: Request) -> None:
    """Refuse who asks faster than people do."""
    wait = parts_of(request).limits.wait(
        request.method,
        request.scope["route"].path,
        session_id=viewer_of(request).session_id,
        address=address_of(request),
        at=time.monotonic(),
    )
    if wait is not None:
        raise refusals.too_many_requests(wait)


async def guard_writes(request: Request) -> AsyncIterator[None]:
    """Let a writing request pass only with an origin of ours and the session's token."""
    if request.method in _READING:
        yield
        return
    if not is_from_us(request.headers, parts_of(request).settings.origin):
        raise refusals.forbidden(refusals.FOREIGN_PAGE)
    try:
        if not await _has_token(request):
            # The page was made for a session that has ended, unless it is one that guests send.
            is_signed_out = viewer_of(request).is_guest and not request.url.path.startswith(_GUESTS_SEND)
            raise sign_in_first(request) if is_signed_out else refusals.forbidden(refusals.STALE_PAGE)
        yield
    finally:
        await request.close()


async def _has_token(request: Request) -> bool:
    given: Any = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = (await form_of(request)).get("csrf_token")
    tokens = parts_of(request).sessions.csrf_tokens(viewer_of(request))
    return isinstance(given, str) and any(hmac.compare_digest(given.encode(), token.encode()) for token in tokens)


async def _answer(request: Request, status: int, code: str, message: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"error": {"code": code, "message": message}}, status)
    from room_ui import pages  # noqa: PLC0415 - pages import this module

    return await pages.error_page(request, status=status, code=code, message=message)


async def _answer_refusal(request: Request, refusal: Any) -> Response:
    response = await _answer(request, refusal.status, refusal.code, refusal.message)
    if refusal.retry_after is not None:
        response.headers["retry-after"] = str(refusal.retry_after)
    return response


async def _answer_sign_in_first(request: Request, _: Exception) -> Response:
    had_session = cookie_value(request.scope, parts_of(request).sessions.cookie_name) is not None
    ended = "&error=ended" if had_session else ""
    return RedirectResponse(f"/account/login/?next={quote(page_address(request), safe='/')}{ended}", 303)


async def _answer_http_exception(request: Request, error: Any) -> Response:
    if error.status_code == 404 and (longer := with_slash(request)):
        return RedirectResponse(longer, 307)
    code = _CODES.get(error.status_code, ErrorCode.UNAVAILABLE)
    response = await _answer(request, error.status_code, code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _answer_invalid(request: Request, error: Any) -> Response:
    first = error.errors()[0]
    if first["loc"][0] == "path" or first["loc"][-1] == "webinar_id":
        # A page whose address lacks its slash may have been taken for a webinar.
        if longer := with_slash(request):
            return RedirectResponse(longer, 307)
        return await _answer_refusal(request, refusals.webinar_not_found())
    where = ".".join(str(part) for part in first["loc"][1:])
    return await _answer(request, 422, ErrorCode.INVALID_FIELD, f"{where}: {first['msg']}")


async def _answer_unfit_text(request: Request, _: Exception) -> Response:
    return await _answer_refusal(request, refusals.invalid("A value has characters or a size that cannot be kept."))


async def _answer_too_large(request: Request, _: Exception) -> Response:
    return await _answer(request, 413, ErrorCode.INVALID_FIELD, "The request is too large or was broken off.")


async def _answer_unavailable(request: Request, _: Exception) -> Response:
    return await _answer_refusal(request, refusals.unavailable())


async def _answer_failure(request: Request, _: Exception) -> Response:
    return await _answer(request, 500, ErrorCode.UNAVAILABLE, "Something went wrong here.")


class _Static(StaticFiles):
    """Files of the pages; one that is asked for with its content's hash (`?v=…`) never changes.

    With any other hash it may: a page of another version, served while this one is rolled out, asks for its own file.
    Text is packed for whoever takes that.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("v", [""])[0]
        lasting = response.status_code in {200, 304} and asked == fingerprint(path)
        response.headers["cache-control"] = "public, max-age=31536000, immutable" if lasting else "no-cache"
        return _packed(path, response, scope) if PurePath(path).suffix in TEXTS else response


def _packed(path: str, response: Response, scope: Scope) -> Response:
    """Return a file's answer in gzip where the browser takes it. Pages are never packed: they hold secrets."""
    response.headers.add_vary_header("accept-encoding")
    asked = Headers(scope=scope)
    takes_it = "gzip" in asked.get("accept-encoding", "") and "range" not in asked
    if response.status_code != 200 or scope["method"] != "GET" or not takes_it:
        return response
    kept = ("content-type", "cache-control", "last-modified", "vary")
    headers = {name: response.headers[name] for name in kept}
    etag = f"W/{response.headers['etag']}"
    return Response(packed(path), headers={**headers, "etag": etag, "content-encoding": "gzip"})


def routers() -> list[APIRouter]:
    """Return the routers of every page and endpoint but those that `push` answers around them."""
    from room_ui import actions, pages  # noqa: PLC0415 - both import this module
    from room_ui.accounts import sign_in  # noqa: PLC0415

    return [actions.router, sign_in.router, *pages.routers()]


def create_app(parts: Parts) -> ASGIApp:
    """Return the application with every page and endpoint but those that `push` answers around it."""
    app = FastAPI(
        dependencies=[Depends(guard_pace), Depends(guard_writes)],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Its own spans and logs hold addresses with one-time tokens, what was searched for, and the words of errors.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        redirect_slashes=False,  # Starlette would build the address from `Host`.
    )
    app.state.parts = parts
    for router in routers():
        app.include_router(router)
    app.mount(FILES.removesuffix("/"), _Static(directory=STATIC, check_dir=False), name="static")
    handlers: dict[Any, Callable[[Request, Any], Awaitable[Response]]] = {
        Refusal: _answer_refusal,
        SignInFirst: _answer_sign_in_first,
        HTTPException: _answer_http_exception,
        RequestValidationError: _answer_invalid,
        asyncpg.DataError: _answer_unfit_text,
        ClientDisconnect: _answer_too_large,
        **dict.fromkeys(DATABASE_AWAY, _answer_unavailable),
        TimeoutError: _answer_unavailable,
        Exception: _answer_failure,
    }
    for error, handler in handlers.items():
        app.add_exception_handler(error, handler)

    async def refuse(scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
        response = await _answer_refusal(Request({**scope, "app": app}, receive), refusal)
        await response(scope, receive, send)

    return Doorway(NotesRoute(app), parts.sessions, parts.settings, refuse=refuse)
