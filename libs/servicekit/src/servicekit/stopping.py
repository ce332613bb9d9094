"""How a service stops: one deadline for all its stages, because limits of their own add up to more than there is."""

import asyncio
import os
import sys
import threading
from collections.abc import Coroutine
from typing import Any

from servicekit.logs import get_logger

log = get_logger(__name__)

STOP_SECONDS = 8.0
"""From the request to stop until everything is closed; an orchestrator kills after ten, and a process needs to end."""
LAST_RESORT_SECONDS = 9.0
_LEAST_SECONDS = 0.05
_CANCEL_SECONDS = 0.3
_INSISTING_SECONDS = 0.1


class Stopping:
    """Whether a service is to stop, and how long each stage of that may still take."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self._until = float("inf")

    @property
    def is_asked(self) -> bool:
        return self._asked.is_set()

    def ask(self) -> None:
        """Begin: from now on the deadline runs. Asking again changes nothing."""
        if not self.is_asked:
            self._until = asyncio.get_running_loop().time() + STOP_SECONDS
            self._asked.set()

    async def wait(self) -> None:
        """Return when the service is asked to stop."""
        await self._asked.wait()

    def within(self, seconds: float, *, keep: float = 0.0) -> float:
        """Return how long a stage may take: `seconds`, less where `keep` seconds must be left for the stages after it.

        Never nothing at all, so that what is ready at once is still done.
        """
        left = self._until - asyncio.get_running_loop().time() - keep
        return max(_LEAST_SECONDS, min(seconds, left))


async def finished(stage: str, work: Coroutine[Any, Any, object], seconds: float) -> bool:
    """Do a stage of stopping; whether it came to its end in time.

    What holds out against its cancellation is left behind, and what fails is logged: the stages after it come all the
    same.
    """
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait([task], timeout=seconds)
    if not done:
        log.warning("stopping.cut_off", stage=stage, seconds=round(seconds, 2))
        await cancelled([task], _CANCEL_SECONDS, insist=True)
        return False
    if error := task.exception():
        log.error("stopping.failed", stage=stage, exc_info=error)
    return error is None


async def cancelled(tasks: list[asyncio.Task[Any]], seconds: float, *, insist: bool = False) -> None:
    """Cancel tasks and wait for their ends, no longer than so many seconds; what holds out is left behind.

    `insist`: cancel again and again. asyncpg waits after a cancelled statement until the server has cancelled it, too,
    then for the end of the transaction, then once more when the connection goes back: of a server that is silent each
    of them is waited for.
    """
    until = asyncio.get_running_loop().time() + seconds
    left = [task for task in tasks if not task.done()]
    while left and (rest := until - asyncio.get_running_loop().time()) > 0:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=min(rest, _INSISTING_SECONDS) if insist else rest)
        left = [task for task in left if not task.done()]
    for task in left:
        log.warning("stopping.holds_out", task=task.get_name())


def keep_a_last_resort() -> None:
    """End this process in time whatever hangs, so that no orchestrator has to kill it: what was in hand comes again."""
    last_resort = threading.Timer(LAST_RESORT_SECONDS, _give_up)
    last_resort.daemon = True
    last_resort.start()


def _give_up() -> None:
    log.critical("service.killed_itself", advice="it did not stop in time; what was in hand comes again")
    sys.stderr.flush()
    os._exit(1)


def end_now() -> None:
    """End this process, in which everything is closed.

    Without taking the interpreter apart: on a busy machine that takes seconds, with no thread left to be the last
    resort, and what held out against its cancellation would be waited for once more.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
