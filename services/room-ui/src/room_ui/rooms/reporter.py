"""Tells the tracker and the other instances who is in the rooms here."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol
from weakref import WeakKeyDictionary

from contracts import PresenceEntry, RoomPresence
from servicekit import BrokerAwayError
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import get_logger

from room_ui.domain import newer_version
from room_ui.rooms.room import Room
from room_ui.rooms.rooms import Rooms
from room_ui.rooms.untold import Kept, Untold

log = get_logger(__name__)

INTERVAL_SECONDS = 5
GATHERING_SECONDS = 0.15
"""How long news is gathered; with the way to the broker a join is told within 250 ms."""
PART = 1_000
AGAIN_SECONDS = 1.0
"""How soon what could not be told is tried again."""
PUBLISHING_SECONDS = 3.0
"""A broker that has not confirmed a part by then counts as away: what it holds up is known here alone."""
_KEEPING_SECONDS = 2.0


class ReportPublisher(Protocol):
    """Publishes a report and waits until the broker has it."""

    async def publish(self, event: RoomPresence, *, correlation_id: str | None = None) -> None:
        """Raises `BrokerAwayError` when it is not known to have arrived."""
        ...


class Reporter:
    """Reports every room with somebody in it every `INTERVAL_SECONDS`, newcomers soon, the end of a webinar at once.

    A report tells facts about the past: what could not be told while the broker was away is told later, whole. Until
    then it is kept in the database: should this instance be killed, another tells it.
    """

    def __init__(self, rooms: Rooms, publisher: ReportPublisher, untold: Untold) -> None:
        self._rooms = rooms
        self._publisher = publisher
        self._untold = untold
        self._kept_at: WeakKeyDictionary[Room, datetime] = WeakKeyDictionary()
        self._is_keeping_well = True
        self._news: set[Room] = set()
        self._has_news = asyncio.Event()
        self._urgent: asyncio.Queue[Room] = asyncio.Queue()
        self._reporting: WeakKeyDictionary[Room, asyncio.Lock] = WeakKeyDictionary()
        self._is_away = False
        rooms.on_news = self.note

    def note(self, room: Room, urgent: bool) -> None:
        """Remember that a room has something to report."""
        if urgent:
            room.owes_end = room.has_reported
            self._urgent.put_nowait(room)
        else:
            self._news.add(room)
            self._has_news.set()

    async def report_all(self) -> None:
        """Report every room with somebody in it, or with a leaving or an end that is not told yet."""
        owing = [room for room in self._rooms.all() if not room.presence.is_empty or room.owes_end]
        # At once: where the broker is silent, each has to be kept in time.
        await asyncio.gather(*map(self.report, owing))

    async def report_untold(self) -> None:
        """Tell what could not be told before: our own, and what any instance has left."""
        if self._is_away:
            await self.report_all()
        while (kept := await self._untold.next()) is not None and await self._tell(kept):
            continue

    async def _tell(self, kept: Kept) -> bool:
        try:
            await self._publish(kept.reports)
        except BrokerAwayError as error:
            self._note_away(kept.reports[0], error)
            return False
        self._is_away = False
        await self._untold.forget(kept)
        log.info("presence.told_late", webinar_id=str(kept.webinar_id), of_instance=kept.instance_id)
        return True

    async def report_news(self) -> None:
        """Wait for news, gather a little, and report what is new alone."""
        await self._has_news.wait()
        await asyncio.sleep(GATHERING_SECONDS)
        self._has_news.clear()
        rooms, self._news = self._news, set()
        for room in rooms:
            if room.presence.news:
                # Newcomers alone, told with the version of the end, would pass for the whole room at its end.
                await self.report(room, only_news=not room.owes_end)

    async def report_next_end(self) -> None:
        """Wait for a webinar to end, and report its room with that version."""
        room = await self._urgent.get()
        if room.owes_end or not room.presence.is_empty:
            await self.report(room)

    async def report(self, room: Room, *, only_news: bool = False) -> None:
        """Report a room in parts; the stays that are over are forgotten once the broker has all parts."""
        async with self._reporting.setdefault(room, asyncio.Lock()):
            if self._is_away:
                await self._keep(room)
            news, room.presence.news = room.presence.news, set()
            over = room.presence.over()
            tells_end = room.has_ended
            reports = self._parts(room, [*over, *room.presence.here(news if only_news else None)])
            try:
                await self._publish(reports)
            except BrokerAwayError as error:
                self._note_away(reports[0], error)
                await self._keep(room)
                return
            room.presence.confirm(len(over))
            room.has_reported = True
            room.owes_end = room.owes_end and not tells_end
            self._is_away = False
            self._kept_at.pop(room, None)

    async def _publish(self, reports: Sequence[RoomPresence]) -> None:
        for report in reports:
            try:
                async with asyncio.timeout(PUBLISHING_SECONDS):
                    await self._publisher.publish(report, correlation_id=str(report.webinar_id))
            except TimeoutError as error:
                raise BrokerAwayError(f"no confirmation within {PUBLISHING_SECONDS:.0f} s") from error

    def _note_away(self, report: RoomPresence, error: BrokerAwayError) -> None:
        if not self._is_away:
            log.warning("presence.not_reported", webinar_id=str(report.webinar_id), error=str(error))
        self._is_away = True

    async def _keep(self, room: Room) -> None:
        """Keep what a whole report would tell now, but not more often than a report is made."""
        now, kept_at = self._rooms.now(), self._kept_at.get(room)
        is_fresh = kept_at is not None and now - kept_at < timedelta(seconds=INTERVAL_SECONDS)
        if is_fresh and not self._rooms.is_closing:
            return
        reports = self._parts(room, [*room.presence.over(), *room.presence.here()])
        try:
            async with asyncio.timeout(_KEEPING_SECONDS):
                await self._untold.keep(reports)
        except DATABASE_TROUBLE as error:
            if self._is_keeping_well:
                log.warning("presence.not_kept", webinar_id=str(room.webinar.webinar_id), error=repr(error))
            self._is_keeping_well = False
            return
        self._kept_at[room] = now
        self._is_keeping_well = True

    def _parts(self, room: Room, entries: Sequence[PresenceEntry]) -> list[RoomPresence]:
        """Return one round of reports."""
        room.round = newer_version(room.round, self._rooms.now())
        chunks = [entries[start : start + PART] for start in range(0, len(entries), PART)] or [()]
        return [
            RoomPresence(
                webinar_id=room.webinar.webinar_id,
                instance_id=self._rooms.instance_id,
                round=room.round,
                part=part,
                parts=len(chunks),
                at=self._rooms.now(),
                interval_seconds=INTERVAL_SECONDS,
                webinar_version=room.webinar.version,
                entries=tuple(chunk),
            )
            for part, chunk in enumerate(chunks)
        ]
