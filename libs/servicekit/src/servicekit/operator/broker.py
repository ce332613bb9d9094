"""A connection to the broker that never keeps a command waiting, however the broker hangs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika

from servicekit.errors import BROKER_AWAY
from servicekit.publisher import with_heartbeat

CONNECT_SECONDS = 3.0
_CLOSING_SECONDS = 1.0


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[aio_pika.abc.AbstractConnection]:
    """Connect while the block runs; raises one of `BROKER_AWAY` when the broker is away or silent."""
    async with asyncio.timeout(CONNECT_SECONDS):
        connection = await aio_pika.connect(with_heartbeat(url), timeout=CONNECT_SECONDS)
    try:
        yield connection
    finally:
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await connection.close()
        except BROKER_AWAY:
            # It need not hear that we are gone.
            pass
