"""One webinar's room on this instance."""

from collections.abc import Iterable
from datetime import datetime

from contracts import WebinarEvent

from room_ui import domain
from room_ui.rooms.hub import Connection, Hub
from room_ui.rooms.others import Others
from room_ui.rooms.presence import Presence
from room_ui.rooms.state import Written, room_state, written
from room_ui.viewer import Viewer


class Room:
    """The newest state written out once, the streams that show it, and who is here. Works without any I/O."""

    def __init__(self, webinar: WebinarEvent) -> None:
        self.webinar = webinar
        self.speaker: str | None = None
        self.viewers = 0
        self.hub = Hub()
        self.presence = Presence()
        self._tell_presence()
        self.others = Others()
        self.round = 0
        self.has_reported = False
        self.owes_end = False
        """Whether the end of the webinar has not been reported yet, by an instance that had reported before."""
        self.cta_waiting: set[str] = set()
        """Participants who were sent the call to action; not written down yet."""
        self.cta_told: set[str] = set()
        self._written: Written | None = None

    @property
    def written(self) -> Written:
        """The present state; written out when first asked for."""
        if self._written is None:
            self._written = written(room_state(self.webinar, viewers=self.viewers, speaker=self.speaker))
        return self._written

    def apply(self, webinar: WebinarEvent, now: datetime) -> bool:
        """Take a newer version in and push it; an older one, or the same again, changes nothing."""
        if webinar.version <= self.webinar.version:
            return False
        self.webinar = webinar
        self._tell_presence()
        self._changed(now)
        return True

    def _tell_presence(self) -> None:
        self.presence.started_at = self.webinar.started_at
        self.presence.has_ended = self.has_ended

    def name_speaker(self, speaker: str | None, now: datetime) -> None:
        if speaker != self.speaker:
            self.speaker = speaker
            self._changed(now)

    def recount(self, now: datetime) -> bool:
        """Count the participants on all instances, and push the number if it is another; returns whether it is."""
        self.presence.lapse(now)
        self.others.lapse(now)
        viewers = len({*self.presence.participants(), *self.others.participants()})
        if viewers == self.viewers:
            return False
        self.viewers = viewers
        self._changed(now)
        return True

    def _changed(self, now: datetime) -> None:
        self._written = None
        if self.hub.connections:
            self.hub.publish(self.written.event(now))

    @property
    def has_ended(self) -> bool:
        return self.webinar.status in domain.ENDED

    @property
    def is_idle(self) -> bool:
        """Whether nobody is connected and nothing waits to be told."""
        return not self.hub.connections and self.presence.is_empty and not self.cta_waiting

    def accounts_here(self) -> set[str]:
        """Return everybody in the room, on all instances, hosts too."""
        return {*self.presence.accounts(), *self.others.accounts()}

    def note_cta_sent(self, viewer: Viewer) -> None:
        """A page of this viewer was sent the present state; if that shows the CTA, a participant has been shown it."""
        account_id = viewer.account_id
        if account_id and self.written.shows_cta and not viewer.is_host and account_id not in self.cta_told:
            self.cta_waiting.add(account_id)

    def forget_cta_waiting(self, account_ids: Iterable[str]) -> None:
        """It is written down that these were shown the call to action."""
        self.cta_told.update(account_ids)
        self.cta_waiting.difference_update(account_ids)

    def open_stream(self, viewer: Viewer, expires_at: datetime | None, now: datetime) -> Connection:
        """A stream of this viewer begins: they are here."""
        connection = Connection(
            self.hub, account_id=viewer.account_id, session_id=viewer.session_id, expires_at=expires_at
        )
        self.hub.connections.add(connection)
        if viewer.account_id is not None:
            self.presence.connect(viewer.account_id, now, host=viewer.is_host)
        return connection

    def close_stream(self, connection: Connection, now: datetime) -> None:
        self.hub.connections.discard(connection)
        if connection.account_id is not None:
            self.presence.disconnect(connection.account_id, now)
