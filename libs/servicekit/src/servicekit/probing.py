"""Whether a database server is there, and whether it can work: asked over a connection that nobody else uses."""

import asyncio
from typing import Any

import asyncpg

from servicekit.errors import DATABASE_AWAY, DATABASE_TROUBLE
from servicekit.logs import get_logger

log = get_logger(__name__)

_LIMIT_SECONDS = 1.0
_READ = "select 1"
# In one transaction that takes a megabyte of the disk: a row in a table that has room would say nothing about it.
_WRITE = """
create temporary table servicekit_probe (filler text);
insert into servicekit_probe select repeat('x', 1000) from generate_series(1, 1000);
drop table servicekit_probe
"""


class Probe:
    """Asks the server, one question at a time; connects when asked and stays connected."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._lock = asyncio.Lock()

    async def answers(self, *, anew: bool = False) -> bool:
        """Whether the server answers within a second; `anew` asks over a fresh connection."""
        try:
            await self._ask(_READ, anew=anew)
        except DATABASE_TROUBLE as error:
            log.info("database.does_not_answer", error=repr(error))
            return False
        return True

    async def writes(self) -> bool:
        """Whether the server can write and commit."""
        # A connection from before may be allowed what new ones are not, or lead to another server than they do.
        if not await self.answers(anew=True):
            return False
        try:
            await self._ask(_WRITE)
        except DATABASE_AWAY as error:
            log.info("database.does_not_write", error=repr(error))
            return False
        except asyncpg.PostgresError as error:
            # Whoever may not make temporary tables cannot ask like this: work itself has to find out.
            log.warning("database.cannot_be_probed", error=repr(error))
        return True

    async def _ask(self, statement: str, *, anew: bool = False) -> None:
        async with asyncio.timeout(_LIMIT_SECONDS), self._lock:
            if anew:
                self.close()
            try:
                if self._connection is None or self._connection.is_closed():
                    self._connection = await asyncpg.connect(self._url)
                await self._connection.execute(statement)
            except BaseException:
                # What it would say to the next question is not to be trusted.
                self.close()
                raise

    def close(self) -> None:
        """Leave at once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
