"""The HTTP port: a companion of the service."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from servicekit import http
from servicekit.logs import get_logger
from servicekit.stopping import Stopping, cancelled
from starlette.types import ASGIApp

from room_ui.parts import Parts
from room_ui.rooms.keeper import kept
from room_ui.rooms.reporter import Reporter, ReportPublisher
from room_ui.rooms.rooms import Rooms
from room_ui.rooms.untold import Untold
from room_ui.settings import RoomUiSettings

log = get_logger(__name__)

_VANISHED_CLIENT_MILLISECONDS = 15_000
_SEND_BUFFER_BYTES = 64 * 1024
_KEEP_ALIVE_SECONDS = 75
"""Longer than balancers keep an idle connection (nginx, Envoy and the clouds' 60 s): they, never we, are to close it.

Else a request that is sent at that moment is lost, and shows as a 502 to somebody who pressed a button.
"""
# Of a stop: what a stage takes at most, and what it leaves to those after it.
_HANDING_OVER_SECONDS, _AFTER_HANDING_OVER = 1.0, 6.5
_GOODBYE_SECONDS, _AFTER_GOODBYE = 4.0, 4.2
_IN_HAND_SECONDS, _AFTER_IN_HAND = 5.5, 3.9
_CUTTING_OFF_SECONDS = 0.3
_LAST_REPORT_SECONDS, _AFTER_LAST_REPORT = 2.0, 3.2


class RoomServer(http.EmbeddedServer):
    """uvicorn that hands its visitors over to the other instances before it goes."""

    def __init__(self, config: uvicorn.Config, rooms: Rooms, stopping: Stopping) -> None:
        super().__init__(config)
        self._rooms = rooms
        self._stopping = stopping

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on until nobody sends anybody here any more, then end the streams, then finish what is in hand."""
        await self._hand_over()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            # Before the streams end: who comes again is not to find this connection still open.
            connection.shutdown()
        seconds = self._stopping.within(_GOODBYE_SECONDS, keep=_AFTER_GOODBYE)
        try:
            async with asyncio.timeout(seconds):
                await self._rooms.close_streams(seconds)
        except TimeoutError:
            log.warning("streams.cut_off")
        await self._finish_what_is_in_hand()
        await super().shutdown(sockets)

    async def _finish_what_is_in_hand(self) -> None:
        """Let requests be answered; what a silent server behind holds up is cancelled, and says that it could not."""
        if tasks := list(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=self._stopping.within(_IN_HAND_SECONDS, keep=_AFTER_IN_HAND))
            if late:
                log.warning("http.requests_cut_off", requests=len(late))
                await cancelled(list(late), _CUTTING_OFF_SECONDS, insist=True)
        try:
            async with asyncio.timeout(_CUTTING_OFF_SECONDS):
                while self.server_state.connections:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            for connection in list(self.server_state.connections):
                # A client that does not read.
                connection.transport.abort()

    async def _hand_over(self) -> None:
        """Wait while a balancer takes in that this instance is not ready: ended earlier, streams would come back."""
        if not self._stopping.is_asked:
            return
        closing = (b"connection", b"close")
        self.config.encoded_headers.append(closing)
        self.server_state.default_headers = [*self.server_state.default_headers, closing]
        await asyncio.sleep(self._stopping.within(_HANDING_OVER_SECONDS, keep=_AFTER_HANDING_OVER))


def room_socket(settings: RoomUiSettings) -> socket.socket:
    """Return the listening socket: a deep queue for a crowd that comes at once, and an end to clients that vanished."""
    sock = http.listening_socket(settings.http_host, settings.http_port)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _VANISHED_CLIENT_MILLISECONDS)
    # Without a limit the kernel takes in megabytes for each client that does not read.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return sock


def room_server(app: ASGIApp, rooms: Rooms, settings: RoomUiSettings, stopping: Stopping) -> RoomServer:
    """Return the server of the public HTTP port."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="none",
        http="httptools",
        backlog=4096,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
        server_header=False,
        proxy_headers=bool(settings.forwarded_allow_ips),
        forwarded_allow_ips=settings.forwarded_allow_ips,
    )
    return RoomServer(config, rooms, stopping)


@asynccontextmanager
async def room_door(
    app: ASGIApp, parts: Parts, publisher: ReportPublisher, stopping: Stopping | None = None
) -> AsyncIterator[int]:
    """Serve the rooms over HTTP while the block runs; yields the port. `stopping`: that of the service around it."""
    stopping = stopping or Stopping()
    reporter = Reporter(parts.rooms, publisher, Untold(parts.database))
    sock = room_socket(parts.settings)
    port: int = sock.getsockname()[1]
    async with kept(parts.rooms, parts.sessions, reporter):
        async with http.serving(room_server(app, parts.rooms, parts.settings, stopping), sock, stopping=stopping):
            log.info("room_ui.listening", address=parts.settings.base_url, port=port)
            yield port
        try:
            async with asyncio.timeout(stopping.within(_LAST_REPORT_SECONDS, keep=_AFTER_LAST_REPORT)):
                await reporter.report_all()
        except TimeoutError:
            log.warning("presence.last_report_not_sent")


def tune_garbage_collection() -> None:
    """Keep the collector from walking a heap of thousands of streams again and again while a crowd connects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
