"""A service's own database: its pool, its one way to open a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from servicekit.clock import HouseClock
from servicekit.errors import DATABASE_TROUBLE
from servicekit.work import Work

# A lock or transaction of a host that died must not outlive it by more than some ten seconds.
_DEAD_PEER_SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


async def prepare_connection(connection: Any) -> None:
    """Teach a new connection that `json` and `jsonb` are Python objects."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def connect(url: str) -> Any:
    """Return a connection of its own, for session locks; the caller closes it."""
    connection = await asyncpg.connect(url, timeout=5, server_settings=_DEAD_PEER_SETTINGS)
    await prepare_connection(connection)
    return connection


class Database:
    """The pool, the clock, and transactions."""

    def __init__(self, url: str, clock: HouseClock, *, pool_size: int = 10) -> None:
        self.url = url
        self.clock = clock
        self._pool_size = pool_size
        self._pool: Any = None
        self._commit_listeners: list[Callable[[], None]] = []

    @property
    def pool(self) -> Any:
        """The asyncpg pool; for reading outside of `work`."""
        if self._pool is None:
            raise asyncpg.InterfaceError("the database is not open yet")
        return self._pool

    @property
    def is_open(self) -> bool:
        return self._pool is not None

    async def open(self) -> None:
        """Connect and read the server's clock; raises one of `DATABASE_AWAY` when the server is away."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._pool_size,
            timeout=5,
            command_timeout=60,
            server_settings=_DEAD_PEER_SETTINGS,
            init=prepare_connection,
        )
        await self.synchronise_clock()

    async def close(self) -> None:
        """Close the pool, waiting a little for what is in hand."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(3):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def synchronise_clock(self) -> None:
        async with self.pool.acquire() as connection:
            await self.clock.synchronise(connection)

    async def answers(self) -> bool:
        """Whether the server answers within a second."""
        try:
            async with asyncio.timeout(1):
                await self.pool.fetchval("select 1")
        except DATABASE_TROUBLE:
            return False
        return True

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that announced something."""
        self._commit_listeners.append(listener)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Open a transaction; it commits when the block ends well, with what was announced in it."""
        async with self.pool.acquire() as connection, connection.transaction():
            work = Work(connection, self.clock.now())
            yield work
            await work.write_outbox()
        if work.announced:
            for listener in self._commit_listeners:
                listener()
        for callback in work.callbacks:
            callback()
