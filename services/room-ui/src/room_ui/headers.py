"""The security headers of every response, the same for the app and for the push around it."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import Message, Scope, Send

_FRAMES = "frame_hosts"
_FRAMED_BY_US = "framed_by_us"


def frames(request: Request, *addresses: str | None) -> None:
    """Let this page's frames show the hosts of `addresses` (player, chat), and no others; without a call: none.

    The policy of a page is fixed when it is loaded. Where an address may change while the page is open, put a page of
    our own into the frame (`frames(request, "self")` here, `framed_by_us(request)` and `frames(request, src)` there).
    """
    request.scope.setdefault("state", {})[_FRAMES] = tuple(_sources(addresses))


def framed_by_us(request: Request) -> None:
    """Let this page be shown in a frame of our own pages."""
    request.scope.setdefault("state", {})[_FRAMED_BY_US] = True


def _sources(addresses: Iterable[str | None]) -> Iterable[str]:
    for address in addresses:
        if address == "self":
            yield "'self'"
        elif address:
            parts = urlsplit(address)
            if parts.scheme == "https" and parts.hostname and not set(parts.netloc) & set(" ;,'\"@"):
                yield f"https://{parts.netloc}"


def _policy(state: dict[str, Any]) -> str:
    sources = " ".join(dict.fromkeys(state.get(_FRAMES, ()))) or "'none'"
    ancestors = "'self'" if state.get(_FRAMED_BY_US) else "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}; frame-src {sources}"
    )


def security_headers(scope: Scope, *, https: bool) -> list[tuple[bytes, bytes]]:
    """Return the headers that every response carries."""
    found = [
        (b"content-security-policy", _policy(scope.get("state", {})).encode("latin-1", "ignore")),
        (b"x-content-type-options", b"nosniff"),
        # Players refuse to play in a frame that sends them no referrer at all.
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        (b"cross-origin-opener-policy", b"same-origin"),
    ]
    if https:
        found.append((b"strict-transport-security", b"max-age=31536000"))
    return found


def _cookie_name(cookie: bytes) -> bytes:
    return cookie.split(b"=", 1)[0]


def secured(scope: Scope, send: Send, *, https: bool, cookies: Iterable[bytes] = ()) -> Send:
    """Return a `send` that adds the security headers and `cookies` to the start of the response.

    A cookie that the response sets itself is left to it: the later of two wins, and would undo a sign-in.
    """

    async def send_secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", ()))
            named = {name.lower() for name, _ in own}
            own += [header for header in security_headers(scope, https=https) if header[0] not in named]
            set_here = {_cookie_name(value) for name, value in own if name.lower() == b"set-cookie"}
            own += [(b"set-cookie", cookie) for cookie in cookies if _cookie_name(cookie) not in set_here]
            if b"cache-control" not in named:
                own.append((b"cache-control", b"no-store"))
            message = {**message, "headers": own}
        await send(message)

    return send_secured
