"""The sandbox as one server: the application, and a way to run it inside another program."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from telegram_sandbox.bot_api import BotApi
from telegram_sandbox.control import Control, refused
from telegram_sandbox.messenger import Messenger
from telegram_sandbox.unanswered import ResettableProtocol

KEEP_ALIVE_SECONDS = 75


class Sandbox:
    """The messenger, the Bot API in front of it and the application that serves both."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.messenger = Messenger()
        self.api = BotApi(self.messenger, self.stopping)
        control = Control(self.messenger, self.api)
        self.application = Starlette(
            routes=[Route("/bot{token}/{method}", self.api.answer, methods=["GET", "POST"]), *control.routes()],
            exception_handlers={HTTPException: refused},
        )

    async def stop(self) -> None:
        """End what waits: long polls, silence, the webhook."""
        self.stopping.set()
        self.messenger.announce()
        await self.api.webhook.close()


class SandboxServer(uvicorn.Server):
    """uvicorn that ends the waiting requests before it waits for them."""

    def __init__(self, sandbox: Sandbox, *, host: str, port: int, signals: bool = True) -> None:
        config = uvicorn.Config(
            sandbox.application,
            host=host,
            port=port,
            http=ResettableProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._sandbox = sandbox
        self._signals = signals

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._sandbox.stop()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone when this is a guest in another program."""
        with super().capture_signals() if self._signals else contextlib.nullcontext():
            yield


@contextlib.asynccontextmanager
async def running_sandbox(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[tuple[Sandbox, str]]:
    """Run a sandbox inside this program; gives it and its address (`http://host:port`)."""
    sandbox = Sandbox()
    listening = socket.create_server((host, port))
    server = SandboxServer(sandbox, host=host, port=port, signals=False)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if serving.done():
                await serving
            await asyncio.sleep(0.005)
        yield sandbox, f"http://{host}:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
        listening.close()
