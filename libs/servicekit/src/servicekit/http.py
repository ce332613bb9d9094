"""HTTP servers inside the service's own event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from servicekit.logs import get_logger
from servicekit.stopping import Stopping, cancelled

log = get_logger(__name__)

_ENDING_SECONDS = 8.0
_CANCEL_SECONDS = 0.1


class EmbeddedServer(uvicorn.Server):
    """uvicorn that leaves signals to the service that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listening_socket(host: str, port: int, *, backlog: int = 4096) -> socket.socket:
    """Return a socket that listens; `port` 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(backlog)
    sock.setblocking(False)
    return sock


@asynccontextmanager
async def serving(
    server: uvicorn.Server, sock: socket.socket, *, stopping: Stopping | None = None
) -> AsyncIterator[None]:
    """Serve while the block runs; leaving it stops the server and waits for it, while `stopping` leaves time for that.

    A server that ends by itself cancels the block: a process must not look alive without its door.
    """
    block = asyncio.current_task()
    task = asyncio.create_task(server.serve(sockets=[sock]))

    def ended(_: asyncio.Task[None]) -> None:
        if not server.should_exit and block is not None:
            log.critical("http.server_ended")
            block.cancel("the HTTP server has ended")

    try:
        while not server.started and not task.done():
            await asyncio.sleep(0.005)
        task.add_done_callback(ended)
        yield
    finally:
        server.should_exit = True
        try:
            await _ended(task, stopping)
        finally:
            sock.close()


async def _ended(server: asyncio.Task[None], stopping: Stopping | None) -> None:
    if stopping is not None:
        await asyncio.wait([server], timeout=stopping.within(_ENDING_SECONDS))
        if not server.done():
            log.warning("http.cut_off")
            await cancelled([server], _CANCEL_SECONDS)
            return
    await server


def embedded(app: Any, *, graceful_seconds: int = 2) -> EmbeddedServer:
    """Return a server for an ASGI app, quiet and without signal handlers."""
    return EmbeddedServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            loop="none",
            http="httptools",
            timeout_graceful_shutdown=graceful_seconds,
            server_header=False,
        )
    )
