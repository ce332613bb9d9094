"""A service's own database: its pool, its one way to open a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from servicekit.clock import HouseClock
from servicekit.errors import DATABASE_AWAY, DATABASE_TROUBLE, DATABASE_UNABLE, OutcomeUnknownError
from servicekit.logs import get_logger
from servicekit.probing import Probe
from servicekit.traced_database import connection_class
from servicekit.work import Work

log = get_logger(__name__)

# A lock or transaction of a host that died must not outlive it by more than some ten seconds.
_DEAD_PEER_SETTINGS = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 30
_WATCHED_STATEMENT_SECONDS = 10
_CLOSING_SECONDS = 1.5


async def prepare_connection(connection: Any) -> None:
    """Teach a new connection that `json` and `jsonb` are Python objects."""
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def connect(url: str) -> Any:
    """Return a connection of its own, for session locks; the caller closes it."""
    connection = await asyncpg.connect(
        url,
        timeout=_CONNECT_SECONDS,
        command_timeout=_WATCHED_STATEMENT_SECONDS,
        server_settings=_DEAD_PEER_SETTINGS,
    )
    try:
        await prepare_connection(connection)
    except BaseException:
        connection.terminate()
        raise
    return connection


class Database:
    """The pool, the clock, and transactions."""

    def __init__(self, url: str, clock: HouseClock, *, pool_size: int = 10) -> None:
        self.url = url
        self.clock = clock
        self._pool_size = pool_size
        self._pool: Any = None
        self._probe = Probe(url)
        self._was_unable = False
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
            timeout=_CONNECT_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            server_settings=_DEAD_PEER_SETTINGS,
            init=prepare_connection,
            connection_class=connection_class(self.url),
        )
        try:
            await self.synchronise_clock()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the pool, waiting a little for what is in hand."""
        self._probe.close()
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await pool.close()
        except DATABASE_TROUBLE:
            pool.terminate()

    async def synchronise_clock(self) -> None:
        async with self.pool.acquire() as connection:
            await self.clock.synchronise(connection)

    async def answers(self) -> bool:
        """Whether the server answers within a second, however busy the pool is."""
        return self.is_open and await self._probe.answers()

    async def works(self) -> bool:
        """Whether the server answers, and also writes if the last time it could not: a full disk still reads."""
        if not self._was_unable:
            return await self.answers()
        if not (self.is_open and await self._probe.writes()):
            return False
        self._was_unable = False
        # What the pool holds may still lead to a server that was demoted, or be set to reading alone.
        await self.pool.expire_connections()
        return True

    def wake(self) -> None:
        """Tell the listeners that the outbox holds something new."""
        for listener in self._commit_listeners:
            listener()

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit that announced something."""
        self._commit_listeners.append(listener)

    @asynccontextmanager
    async def work(self) -> AsyncIterator[Work]:
        """Open a transaction; it commits when the block ends well, with what was announced in it.

        Raises `OutcomeUnknownError` when the connection is lost while it commits.
        """
        try:
            async with self._transaction() as work:
                yield work
        except DATABASE_UNABLE:
            self._was_unable = True
            raise
        self._tell(work)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Work]:
        async with self.pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            work = Work(connection, self.clock.now())
            try:
                yield work
                await work.write_outbox()
            except BaseException:
                # Where the connection is lost there is nothing to roll back, and the first error tells more.
                with suppress(*DATABASE_TROUBLE):
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except DATABASE_AWAY as error:
                self._was_unable = self._was_unable or isinstance(error, DATABASE_UNABLE)
                raise OutcomeUnknownError(f"lost while committing: {error!r}") from error

    def _tell(self, work: Work) -> None:
        callbacks = [*work.callbacks, *([self.wake] if work.announced else [])]
        for callback in callbacks:
            try:
                callback()
            except Exception:
                # It is committed: what failed afterwards must not look as if it were not.
                log.exception("work.callback_failed", callback=repr(callback))
