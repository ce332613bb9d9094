"""What keeps the rooms and sessions up to date in the background."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import get_logger
from servicekit.stopping import cancelled

from room_ui.accounts.sessions import REFRESH_SECONDS, Sessions
from room_ui.rooms.reporter import AGAIN_SECONDS, INTERVAL_SECONDS, Reporter
from room_ui.rooms.rooms import Rooms

log = get_logger(__name__)

ROOM_REFRESH_SECONDS = 2.0
RECOUNT_SECONDS = 2.0
HEARTBEAT_SECONDS = 10.0
TOLD_AGAIN_SECONDS = 20.0
FIRST_READING_AGAIN_SECONDS = 0.5
_CANCEL_SECONDS = 0.3


async def _repeat(name: str, work: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Do `work` again and again with a pause; what fails is logged, and tried again after the pause."""
    is_well = True
    while True:
        try:
            await work()
            is_well = True
        except DATABASE_TROUBLE as error:
            if is_well:
                log.warning("keeping.waits", work=name, error=repr(error))
            is_well = False
        except Exception:
            log.exception("keeping.failed", work=name)
        await asyncio.sleep(seconds)


async def _done_once(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` as soon as the database lets it be done: one that goes away just now is no reason to give up."""
    while True:
        try:
            await work()
        except DATABASE_TROUBLE as error:
            log.warning("keeping.waits", work=name, error=repr(error))
            await asyncio.sleep(FIRST_READING_AGAIN_SECONDS)
        else:
            return


@asynccontextmanager
async def kept(rooms: Rooms, sessions: Sessions, reporter: Reporter) -> AsyncIterator[None]:
    """Keep the rooms and sessions up to date while the block runs; the first reading is done when it begins."""
    sessions.on_end(rooms.close_sessions)
    await _done_once("refresh_rooms", rooms.refresh)
    await _done_once("refresh_sessions", sessions.refresh)

    async def recount() -> None:
        rooms.recount()

    async def beat() -> None:
        rooms.beat()

    async def tell_again() -> None:
        rooms.tell_again()

    works: list[tuple[str, Callable[[], Awaitable[None]], float]] = [
        ("refresh_rooms", rooms.refresh, ROOM_REFRESH_SECONDS),
        ("name_new_speaker", rooms.name_new_speaker, 0),
        ("refresh_sessions", sessions.refresh, REFRESH_SECONDS),
        ("recount", recount, RECOUNT_SECONDS),
        ("beat", beat, HEARTBEAT_SECONDS),
        ("tell_again", tell_again, TOLD_AGAIN_SECONDS),
        ("report_all", reporter.report_all, INTERVAL_SECONDS),
        ("report_untold", reporter.report_untold, AGAIN_SECONDS),
        ("report_news", reporter.report_news, 0),
        ("report_ends", reporter.report_next_end, 0),
    ]
    tasks = [asyncio.create_task(_repeat(*work), name=work[0]) for work in works]
    try:
        yield
    finally:
        # A silent database keeps a cancelled statement waiting: no reason to wait for it, too.
        await cancelled(tasks, _CANCEL_SECONDS, insist=True)
