"""An answer that never comes: the connection is held in silence or reset."""

import asyncio
import socket
import struct
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_open: dict[tuple[str, int], asyncio.Transport] = {}


class ResettableProtocol(H11Protocol):
    """HTTP whose connections can be reset from outside, by the client's address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _open.pop(self.client, None)
        super().connection_lost(exc)


def _reset(client: tuple[str, int]) -> None:
    transport = _open.get(client)
    if transport is None:
        return
    raw: Any = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class Unanswered(Response):
    """Sends nothing; ends when the client goes away or the server stops."""

    def __init__(self, request: Request, stopping: asyncio.Event, *, reset: bool) -> None:
        super().__init__()
        self._client = (request.client.host, request.client.port) if request.client else None
        self._stopping = stopping
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._reset and self._client is not None:
            _reset(self._client)
        gone = asyncio.ensure_future(_until_gone(receive))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({gone, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done() and self._client is not None:
                _reset(self._client)
                await gone
        finally:
            gone.cancel()
            stopping.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
