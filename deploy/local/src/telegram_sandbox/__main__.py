"""`python -m telegram_sandbox`: serve on SANDBOX_HOST (127.0.0.1) and SANDBOX_PORT (8090) until told to stop."""

import asyncio
import logging
import os

from telegram_sandbox.server import Sandbox, SandboxServer


async def serve() -> None:
    """Serve until SIGTERM or SIGINT."""
    host, port = os.environ.get("SANDBOX_HOST", "127.0.0.1"), int(os.environ.get("SANDBOX_PORT", "8090"))
    logging.getLogger("telegram_sandbox").info("the sandbox listens on http://%s:%d/sandbox/", host, port)
    await SandboxServer(Sandbox(), host=host, port=port).serve()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(serve())
