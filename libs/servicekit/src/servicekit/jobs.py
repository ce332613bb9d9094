"""Work that nobody asked for by a message: periodic jobs, and roles that one instance holds for all."""

import asyncio
import zlib
from typing import Any

import asyncpg

from servicekit import metrics
from servicekit.database import Database, connect
from servicekit.errors import DATABASE_AWAY, DATABASE_TROUBLE, TRY_AGAIN
from servicekit.logs import get_logger
from servicekit.router import Handler

log = get_logger(__name__)

_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_WAIT_SECONDS = 5.0
_LOCK_CHECK_SECONDS = 2.0
_CANDIDACY_SECONDS = 1.0
_FENCE_SECONDS = 1.0
# A wrong argument or a slow statement raises these as well as an absent server does; a lost connection says so.
_AMBIGUOUS: tuple[type[BaseException], ...] = (asyncpg.InterfaceError, OSError)


async def run_job(database: Database, handler: Handler, name: str = "job") -> bool:
    """Run a job once in a transaction of its own; true means that there is more to do."""
    async with database.work() as work:
        work.occasion = name
        return bool(await handler(work))


async def repeat(database: Database, handler: Handler, seconds: float, name: str) -> None:
    """Run a job every so many seconds until cancelled; a failure is logged and makes the next pause longer."""
    failures = 0
    metrics.JOB_FAILURES.labels(name)
    while True:
        longest = _LONGEST_PAUSE_SECONDS
        try:
            while await run_job(database, handler, name):
                await asyncio.sleep(0)
            failures = 0
        except Exception as error:
            failures += 1
            if await _passes(database, error):
                # It is not the job's fault, and what is due then is due at once when the database is back.
                longest = _LONGEST_WAIT_SECONDS
                log.warning("job.waits", job=name, error=repr(error))
            else:
                metrics.JOB_FAILURES.labels(name).inc()
                log.exception("job.failed", job=name)
        await asyncio.sleep(pause_after(seconds, failures, longest))


async def _passes(database: Database, error: Exception) -> bool:
    """Whether a job failed for no reason of its own."""
    if isinstance(error, _AMBIGUOUS) and not isinstance(error, ConnectionError):
        return not await database.answers()
    return isinstance(error, (*DATABASE_AWAY, *TRY_AGAIN))


def pause_after(seconds: float, failures: int, longest: float) -> float:
    """Return how long a job rests: twice as long after each failure in a row, up to `longest` or its own period."""
    return min(seconds * 2.0 ** min(failures, 16), max(seconds, longest))


def lock_key(name: str) -> int:
    """Return the advisory lock's number of a role."""
    return zlib.crc32(name.encode())


async def hold_role(database: Database, handler: Handler, name: str) -> None:
    """Do a role while its session lock is held; when the lock's connection is lost the role is cancelled first."""
    failures = 0
    metrics.JOB_FAILURES.labels(name)
    while True:
        try:
            await _hold_once(database, handler, name)
            failures = 0
        except DATABASE_TROUBLE as error:
            log.warning("role.lost", role=name, error=repr(error))
        except Exception:
            failures += 1
            metrics.JOB_FAILURES.labels(name).inc()
            log.exception("role.failed", role=name)
        await asyncio.sleep(pause_after(_CANDIDACY_SECONDS, failures, _LONGEST_PAUSE_SECONDS))


async def _hold_once(database: Database, handler: Handler, name: str) -> None:
    connection = await connect(database.url)
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _: lost.set())
    try:
        while not await connection.fetchval("select pg_try_advisory_lock($1)", lock_key(name)):
            await asyncio.sleep(_CANDIDACY_SECONDS)
        # The holder before us may hear a moment later than we do that its lock is gone.
        await asyncio.sleep(_FENCE_SECONDS)
        await connection.fetchval("select 1")
        log.info("role.held", role=name)
        role = asyncio.ensure_future(handler())
        gone = asyncio.create_task(_until_lost(connection, lost))
        try:
            await asyncio.wait([role, gone], return_when=asyncio.FIRST_COMPLETED)
            if gone.done() and not role.done():
                log.warning("role.lost", role=name)
                return
            await role
        finally:
            for task in (role, gone):
                task.cancel()
            await asyncio.gather(role, gone, return_exceptions=True)
    finally:
        connection.terminate()


async def _until_lost(connection: Any, lost: asyncio.Event) -> None:
    """Return when the lock's connection is closed, or the server has not answered on it for a few seconds.

    That is sooner than the server gives up a silent connection, and with it the lock (`connect`).
    """
    while not lost.is_set():
        try:
            async with asyncio.timeout(_LOCK_CHECK_SECONDS):
                await lost.wait()
        except TimeoutError:
            try:
                async with asyncio.timeout(_LOCK_CHECK_SECONDS):
                    await connection.fetchval("select 1")
            except DATABASE_TROUBLE:
                return
