"""The first reading of rooms and sessions, before anybody is let in."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import asyncpg
from room_ui.accounts.sessions import Sessions
from room_ui.rooms.keeper import kept
from room_ui.rooms.reporter import Reporter
from room_ui.rooms.rooms import Rooms


class Read:
    """Rooms, sessions and a reporter whose database goes away once, in the middle of the first reading."""

    def __init__(self) -> None:
        self.readings = 0

    async def refresh(self) -> None:
        self.readings += 1
        if self.readings == 1:
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    def on_end(self, _: Callable[[set[str]], None]) -> None:
        """Nobody is signed out here."""

    def __getattr__(self, name: str) -> Any:
        if name in {"report_all", "report_news", "report_next_end", "report_untold"}:
            return asyncio.Event().wait
        return lambda *_: None


async def test_a_database_that_goes_away_in_the_first_reading_is_waited_for() -> None:
    read = Read()
    async with kept(cast(Rooms, read), cast(Sessions, read), cast(Reporter, read)):
        assert read.readings >= 3, "once in vain, then rooms and sessions"
