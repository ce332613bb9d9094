"""Work that nobody asked for by a message: periodic jobs, and roles that one instance holds for all."""

import asyncio
import zlib

from servicekit import metrics
from servicekit.database import Database, connect
from servicekit.errors import DATABASE_AWAY, DATABASE_TROUBLE, TRY_AGAIN
from servicekit.logs import get_logger
from servicekit.router import Handler

log = get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0
_LOCK_CHECK_SECONDS = 2.0
_CANDIDACY_SECONDS = 1.0
_PASSING_TROUBLE: tuple[type[BaseException], ...] = (*DATABASE_AWAY, *TRY_AGAIN, TimeoutError)


def _name(handler: Handler) -> str:
    return getattr(handler, "__qualname__", repr(handler))


async def run_job(database: Database, handler: Handler) -> bool:
    """Run a job once in a transaction of its own; true means that there is more to do."""
    async with database.work() as work:
        return bool(await handler(work))


async def repeat(database: Database, handler: Handler, seconds: float, name: str) -> None:
    """Run a job every so many seconds until cancelled; a failure is logged and makes the next pause longer."""
    failures = 0
    while True:
        try:
            while await run_job(database, handler):
                await asyncio.sleep(0)
            failures = 0
        except _PASSING_TROUBLE as error:
            failures += 1
            log.warning("job.waits", job=name, error=repr(error))
        except Exception:
            failures += 1
            metrics.JOB_FAILURES.labels(name).inc()
            log.exception("job.failed", job=name)
        await asyncio.sleep(min(seconds * 2**failures, max(seconds, _LONGEST_PAUSE_SECONDS)) if failures else seconds)


def lock_key(name: str) -> int:
    """Return the advisory lock's number of a role."""
    return zlib.crc32(name.encode())


async def hold_role(database: Database, handler: Handler, name: str) -> None:
    """Do a role while its session lock is held; when the lock's connection is lost the role is cancelled first."""
    while True:
        try:
            await _hold_once(database, handler, name)
        except DATABASE_TROUBLE as error:
            log.warning("role.lost", role=name, error=repr(error))
        except Exception:
            metrics.JOB_FAILURES.labels(name).inc()
            log.exception("role.failed", role=name)
        await asyncio.sleep(_CANDIDACY_SECONDS)


async def _hold_once(database: Database, handler: Handler, name: str) -> None:
    connection = await connect(database.url)
    try:
        while not await connection.fetchval("select pg_try_advisory_lock($1)", lock_key(name)):
            await asyncio.sleep(_CANDIDACY_SECONDS)
        log.info("role.held", role=name)
        role = asyncio.ensure_future(handler())
        try:
            while not role.done():
                await asyncio.wait([role], timeout=_LOCK_CHECK_SECONDS)
                async with asyncio.timeout(_LOCK_CHECK_SECONDS):
                    await connection.fetchval("select 1")
            await role
        finally:
            role.cancel()
            await asyncio.gather(role, return_exceptions=True)
    finally:
        connection.terminate()
