"""The HTTP port: a companion of the service."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from servicekit import http
from servicekit.logs import get_logger
from starlette.types import ASGIApp

from room_ui.parts import Parts
from room_ui.rooms.keeper import kept
from room_ui.rooms.reporter import Reporter, ReportPublisher
from room_ui.rooms.rooms import Rooms
from room_ui.settings import RoomUiSettings

log = get_logger(__name__)

_VANISHED_CLIENT_MILLISECONDS = 15_000
_SEND_BUFFER_BYTES = 64 * 1024
_GOODBYE_SECONDS = 3.0
_LAST_REPORT_SECONDS = 2.0


class RoomServer(http.EmbeddedServer):
    """uvicorn that says goodbye on every event stream before it waits for what is open."""

    def __init__(self, config: uvicorn.Config, rooms: Rooms) -> None:
        super().__init__(config)
        self._rooms = rooms

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end the streams, then let uvicorn finish what is in hand."""
        for server in self.servers:
            server.close()
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._rooms.close_streams()
        except TimeoutError:
            log.warning("streams.cut_off")
        await super().shutdown(sockets)


def room_socket(settings: RoomUiSettings) -> socket.socket:
    """Return the listening socket: a deep queue for a crowd that comes at once, and an end to clients that vanished."""
    sock = http.listening_socket(settings.http_host, settings.http_port)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _VANISHED_CLIENT_MILLISECONDS)
    # Without a limit the kernel takes in megabytes for each client that does not read.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return sock


def room_server(app: ASGIApp, rooms: Rooms, settings: RoomUiSettings) -> RoomServer:
    """Return the server of the public HTTP port."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="none",
        http="httptools",
        backlog=4096,
        timeout_graceful_shutdown=3,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )
    return RoomServer(config, rooms)


@asynccontextmanager
async def room_door(app: ASGIApp, parts: Parts, publisher: ReportPublisher) -> AsyncIterator[int]:
    """Serve the rooms over HTTP while the block runs; yields the port."""
    reporter = Reporter(parts.rooms, publisher)
    sock = room_socket(parts.settings)
    port: int = sock.getsockname()[1]
    async with kept(parts.rooms, parts.sessions, reporter):
        async with http.serving(room_server(app, parts.rooms, parts.settings), sock):
            log.info("room_ui.listening", address=parts.settings.base_url, port=port)
            yield port
        try:
            async with asyncio.timeout(_LAST_REPORT_SECONDS):
                await reporter.report_all()
        except TimeoutError:
            log.warning("presence.last_report_not_sent")


def tune_garbage_collection() -> None:
    """Keep the collector from walking a heap of thousands of streams again and again while a crowd connects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
