"""Asking an ASGI application by hand, for tests: any bytes may be sent, a stream is left after its first event."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: of an event stream the first part of it."""

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


async def ask(
    application: ASGIApp,
    method: str,
    address: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    *,
    client: str = "203.0.113.9",
) -> Answer:
    """Return the application's answer; an exception that it lets through reaches the caller."""
    where = urlsplit(address)
    status = 0
    found: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []
    gone = asyncio.Event()
    to_send: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if to_send:
            return to_send.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, found
        if message["type"] == "http.response.start":
            status, found = message["status"], [(name.lower(), value) for name, value in message["headers"]]
            return
        parts.append(message.get("body", b""))
        is_stream = any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in found)
        if is_stream or not message.get("more_body", False):
            gone.set()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": where.scheme,
        "path": unquote(where.path),
        "raw_path": where.path.encode(),
        "query_string": where.query.encode(),
        "root_path": "",
        "headers": [(b"host", where.netloc.encode()), *((name.lower(), value) for name, value in headers)],
        "client": (client, 4711),
        "server": (where.hostname, where.port or 80),
    }
    await application(scope, receive, send)
    return Answer(status, Headers(raw=found), b"".join(parts))
