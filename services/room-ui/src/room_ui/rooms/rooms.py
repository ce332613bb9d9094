"""All rooms of this instance: what is known of each webinar, who is where, what changes when."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import RoomPresence, WebinarEvent
from servicekit import Database, HouseClock

from room_ui import domain, measures, refusals, repository
from room_ui.repository import PersonHere
from room_ui.rooms.hub import Connection, Hub
from room_ui.rooms.room import Room
from room_ui.rooms.state import Schedule, Written, desk_list, schedule_of, written
from room_ui.rooms.throttle import Allowance
from room_ui.settings import RoomUiSettings
from room_ui.viewer import Viewer

PEOPLE_LISTED = 200
GOODBYES_PER_SECOND = 4_500
_GOODBYES_AT_ONCE = 50
_LIST_FRESH_SECONDS = 2.0


class Rooms:
    """The state of every webinar that is not archived, in memory.

    Truth is the projection, read by `refresh`; a snapshot overheard on the instance's own queue comes in earlier by
    `apply`. Nothing ever goes back to an older version.
    """

    def __init__(self, settings: RoomUiSettings) -> None:
        self.instance_id = settings.instance_id
        self._settings = settings
        self._database: Database | None = None
        self._clock: HouseClock = HouseClock()
        self._rooms: dict[UUID, Room] = {}
        self._speakers: dict[str, str] = {}
        self._streams: dict[str, set[Connection]] = {}
        self._stream_count = 0
        self.is_closing = False
        self._people: dict[UUID, tuple[float, list[PersonHere]]] = {}
        self._people_lock = asyncio.Lock()
        self._schedule: Schedule | None = None
        self._has_new_speaker = asyncio.Event()
        self._desk: Written | None = None
        self.schedule_hub = Hub()
        self.desk_hub = Hub()
        self.polls = Allowance(per_second=settings.state_requests_per_second, burst=settings.state_burst)
        self.on_news: Callable[[Room, bool], None] | None = None
        """Called with a room that has something to report, and whether it is urgent (the webinar has ended)."""

    def open(self, database: Database, clock: HouseClock) -> None:
        """Begin to work with the service's database (which may not be open yet) and clock."""
        self._database = database
        self._clock = clock

    @property
    def _pool(self) -> Any:
        if self._database is None:
            raise ConnectionError("the database is not open yet")
        return self._database.pool

    def now(self) -> datetime:
        return self._clock.now()

    def all(self) -> Iterable[Room]:
        return list(self._rooms.values())

    # --- what is known ---------------------------------------------------------------------------------------------

    def apply(self, webinar: WebinarEvent) -> None:
        """Take a webinar's snapshot in if it is newer than what is known."""
        room = self._rooms.get(webinar.webinar_id)
        if room is None:
            self._rooms[webinar.webinar_id] = room = Room(webinar)
            room.speaker = self._speakers.get(webinar.speaker_id or "")
        else:
            had_ended = room.has_ended
            if not room.apply(webinar, self.now()):
                return
            room.name_speaker(self._speakers.get(webinar.speaker_id or ""), self.now())
            if room.has_ended and not had_ended:
                self._tell_news(room, urgent=True)
        if webinar.speaker_id is not None and webinar.speaker_id not in self._speakers:
            self._has_new_speaker.set()
        self._publish()

    async def refresh(self) -> None:
        """Read what the projection has that is newer, and who the speakers are."""
        known = [(room.webinar.webinar_id, room.webinar.version) for room in self._rooms.values()]
        for webinar in await repository.newer_webinars(self._pool, known):
            self.apply(webinar)
        await self._name_speakers()
        self._forget_archived()
        self._publish()

    async def name_new_speaker(self) -> None:
        """Wait for a webinar with a speaker whose name has not been read yet, and read it."""
        await self._has_new_speaker.wait()
        await self._name_speakers()
        self._publish_schedule()

    async def _name_speakers(self) -> None:
        self._has_new_speaker.clear()
        wanted = [room.webinar.speaker_id for room in self._rooms.values() if room.webinar.speaker_id]
        self._speakers = await repository.display_names(self._pool, wanted) if wanted else {}
        for room in self._rooms.values():
            room.name_speaker(self._speakers.get(room.webinar.speaker_id or ""), self.now())

    def _forget_archived(self) -> None:
        for webinar_id, room in list(self._rooms.items()):
            if room.webinar.status == "archived" and room.is_idle:
                del self._rooms[webinar_id]
                self._people.pop(webinar_id, None)

    def known(self, webinar_id: UUID) -> WebinarEvent | None:
        """Return the webinar as this instance knows it, without asking the database."""
        room = self._rooms.get(webinar_id)
        return room.webinar if room else None

    async def room(self, webinar_id: UUID | None, viewer: Viewer) -> Room:
        """Return the room of that webinar, or of the current one; raises `Refusal` (404) for what is not there.

        A draft is not there for who may not manage.
        """
        if webinar_id is None:
            current = domain.current_webinar((room.webinar for room in self._rooms.values()), self.now())
            if current is None:
                raise refusals.no_webinar()
            return self._rooms[current.webinar_id]
        room = self._rooms.get(webinar_id)
        if room is None:
            webinar = await repository.webinar(self._pool, webinar_id)
            if webinar is None:
                raise refusals.webinar_not_found()
            self.apply(webinar)
            room = self._rooms[webinar_id]
        if not domain.is_visible_to(room.webinar, viewer.capabilities):
            raise refusals.webinar_not_found()
        return room

    # --- the schedule, and the desk's list --------------------------------------------------------------------------

    def schedule(self) -> Schedule:
        """Return the public schedule, as of the last change or refresh."""
        return self._schedule or self._publish_schedule()

    def desk_list(self) -> Written:
        """Return what tells a desk that its list is another: each webinar's version and viewers, drafts too."""
        return self._desk or self._publish_desk()

    def _publish(self) -> None:
        self._publish_schedule()
        self._publish_desk()

    def _publish_desk(self) -> Written:
        told = written(desk_list((room.webinar, room.viewers) for room in self._rooms.values()))
        if self._desk is None or told.etag != self._desk.etag:
            self._desk = told
            self.desk_hub.publish(told.event(self.now()))
        return self._desk

    def _publish_schedule(self) -> Schedule:
        """Push the schedule if it has changed; time alone changes it too, when a webinar never started."""
        webinars = (room.webinar for room in self._rooms.values())
        schedule = schedule_of(webinars, self._speakers, self.now())
        if self._schedule is None or schedule.written.etag != self._schedule.written.etag:
            self._schedule = schedule
            self.schedule_hub.publish(schedule.written.event(self.now()))
        return self._schedule

    # --- who is here -----------------------------------------------------------------------------------------------

    def check_room_for_stream(self, session_id: str | None) -> None:
        """Raise `Refusal` when this process (503), or this session (429), may hold no further stream."""
        most = self._settings.streams_per_process
        # The schedule's visitors, whom nobody knows, leave room for those who sit in a webinar.
        is_crowded = session_id is None and len(self.schedule_hub.connections) >= most // 2
        if self._stream_count >= most or is_crowded:
            raise refusals.unavailable()
        if session_id is not None and len(self._streams.get(session_id, ())) >= self._settings.streams_per_session:
            raise refusals.too_many_requests()

    def enter(self, room: Room, viewer: Viewer, expires_at: datetime | None, *, visible: bool) -> Connection:
        """A stream of this viewer begins."""
        connection = room.open_stream(viewer, expires_at, self.now())
        self.hold(connection)
        if visible:
            self.mark_seen(room, viewer)
        else:
            self._tell_if_news(room)
        return connection

    def leave(self, room: Room, connection: Connection) -> None:
        room.close_stream(connection, self.now())
        self.release(connection)

    def hold(self, connection: Connection) -> None:
        """Count a stream, and find it again when its session ends."""
        self._stream_count += 1
        if connection.session_id is not None:
            self._streams.setdefault(connection.session_id, set()).add(connection)
        if self.is_closing:
            # Not refused, which would make the page ask and wait: shown the state, and sent on.
            connection.close()

    def release(self, connection: Connection) -> None:
        self._stream_count -= 1
        if connection.session_id is not None:
            held = self._streams.get(connection.session_id, set())
            held.discard(connection)
            if not held:
                self._streams.pop(connection.session_id, None)

    def poll(self, room: Room, viewer: Viewer, *, visible: bool) -> None:
        """A page of this viewer asks for the state instead of holding a stream."""
        if viewer.account_id is None:
            return
        room.presence.poll(viewer.account_id, self.now(), host=viewer.is_host)
        if visible:
            self.mark_seen(room, viewer)
        else:
            self._tell_if_news(room)

    def mark_seen(self, room: Room, viewer: Viewer) -> None:
        """A page of this viewer is visible."""
        if viewer.account_id is not None:
            room.presence.mark_seen(viewer.account_id, self.now(), host=viewer.is_host)
            self._tell_if_news(room)

    def _tell_if_news(self, room: Room) -> None:
        if not room.presence.news:
            return
        self._tell_news(room, urgent=False)
        # Whoever comes first would read that nobody is here; those after them can wait for the next count.
        if not room.viewers and room.recount(self.now()):
            self._publish_desk()

    def _tell_news(self, room: Room, *, urgent: bool) -> None:
        if self.on_news is not None:
            self.on_news(room, urgent)

    def hear_others(self, report: RoomPresence) -> None:
        """Take in what another instance reports; our own reports come back too and are passed over."""
        room = self._rooms.get(report.webinar_id)
        if room is not None and report.instance_id != self.instance_id:
            room.others.hear(report, self.now())

    def recount(self) -> None:
        """Count again who is in the rooms; at most every 2 s."""
        for room in self.all():
            room.recount(self.now())
        self._publish_desk()
        measures.STREAMS.set(self._stream_count)
        measures.VIEWERS.set(sum(room.viewers for room in self._rooms.values()))
        for status in ("live", "paused"):
            measures.OPEN_ROOMS.labels(status).set(sum(room.webinar.status == status for room in self._rooms.values()))

    def viewers(self, webinar_id: UUID) -> int:
        """Return how many participants are in the room on all instances, as last counted."""
        room = self._rooms.get(webinar_id)
        return room.viewers if room else 0

    async def people(self, room: Room, *, search: str = "", skip: int = 0) -> list[PersonHere]:
        """Return the list of who is here, hosts first; the first page is shared for 2 s by all who ask."""
        webinar_id = room.webinar.webinar_id
        if search or skip:
            return await repository.people_here(
                self._pool, list(room.accounts_here()), search=search, skip=skip, limit=PEOPLE_LISTED
            )
        async with self._people_lock:
            read_at, people = self._people.get(webinar_id, (-_LIST_FRESH_SECONDS, []))
            if time.monotonic() - read_at >= _LIST_FRESH_SECONDS:
                people = await repository.people_here(self._pool, list(room.accounts_here()), limit=PEOPLE_LISTED)
                self._people[webinar_id] = time.monotonic(), people
        return people

    # --- streams ---------------------------------------------------------------------------------------------------

    def beat(self) -> None:
        """Send a sign of life on every stream, so that a dead one is noticed."""
        for hub in self._hubs():
            hub.heartbeat(self.now())
        self.polls.forget_quiet(time.monotonic())

    def tell_again(self) -> None:
        """Send the present state on every stream, changed or not: a page cannot see comments, and a dead stream not."""
        for room in self._rooms.values():
            if room.hub.connections:
                room.hub.publish(room.written.event(self.now()))
        for hub, told in (self.schedule_hub, self.schedule().written), (self.desk_hub, self.desk_list()):
            if hub.connections:
                hub.publish(told.event(self.now()))

    def _hubs(self) -> list[Hub]:
        return [self.schedule_hub, self.desk_hub, *(room.hub for room in self._rooms.values())]

    def close_sessions(self, session_ids: Collection[str]) -> None:
        """Close the streams of sessions that have ended or whose rights have changed."""
        for session_id in session_ids:
            for connection in list(self._streams.get(session_id, ())):
                connection.close()

    async def close_streams(self, seconds: float) -> None:
        """Say goodbye on every stream, within so many seconds; returns when none is left.

        A crowd is not sent to the other instances in one instant.
        """
        self.is_closing = True
        connections = [connection for hub in self._hubs() for connection in hub.connections]
        pause = min(1 / GOODBYES_PER_SECOND, seconds / 2 / max(1, len(connections)))
        for number, connection in enumerate(connections, 1):
            connection.close()
            if number % _GOODBYES_AT_ONCE == 0:
                await asyncio.sleep(_GOODBYES_AT_ONCE * pause)
        while self._stream_count:
            await asyncio.sleep(0.02)
