"""What a host does at the desk, by the desk's own forms."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import httpx

from world.caller import Caller, error_code
from world.wire import Said, Wire

ZONE = "Europe/Moscow"
VIDEO = "https://www.youtube.com/watch?v=aqz-KE-bpKQ"
EMBEDDED = "https://www.youtube.com/embed/aqz-KE-bpKQ"
SOON = timedelta(minutes=10)


def local_time(moment: datetime, zone: str = ZONE) -> str:
    """Return a moment as the form has it: local time of the zone, to the minute."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def from_now(ahead: timedelta) -> datetime:
    """Return a whole minute that far ahead."""
    return (datetime.now(UTC) + ahead).replace(second=0, microsecond=0)


class Desk:
    """The desk of one host. Outcomes are taken from the wire, not from the page's word."""

    def __init__(self, caller: Caller, wire: Wire, planned: Callable[[UUID], None]) -> None:
        self.caller = caller
        self._wire = wire
        self._planned = planned

    def save(self, action: str, *, webinar_id: UUID | None = None, **fields: str) -> httpx.Response:
        """Send the form of a new webinar, or of one that exists."""
        path = f"/admin_webinar/{webinar_id}" if webinar_id else "/admin_webinar/new"
        return self.caller.post(path, action=action, **fields)

    def plan(self, title: str, *, ahead: timedelta = SOON, action: str = "publish", **fields: str) -> UUID:
        """Plan a webinar and return its id when it was announced."""
        webinar_id = uuid4()
        self._planned(webinar_id)
        given = {
            "title": title,
            "scheduled_at": local_time(from_now(ahead)),
            "time_zone": ZONE,
            "player_src": VIDEO,
            "cta_text": "Написать партнёру",
            **fields,
        }
        answer = self.caller.post("/admin_webinar/new", webinar_id=str(webinar_id), action=action, **given)
        assert answer.status_code == 303, f"{answer.status_code} {error_code(answer)}"
        self._wire.wait_for("webinar_event", webinar_id=webinar_id)
        return webinar_id

    def press(self, webinar_id: UUID, button: str, **fields: str) -> httpx.Response:
        """Press a button: `start`, `stop`, `cta/show`, `followups/hold`, …; nothing is confirmed by itself."""
        return self.caller.post(f"/admin_webinar/{webinar_id}/{button}", **fields)

    def start(self, webinar_id: UUID) -> Said:
        """Start and return `webinar_started`."""
        return self._done(webinar_id, "start", "webinar_started")

    def stop(self, webinar_id: UUID) -> Said:
        """Stop and return `webinar_finished`."""
        return self._done(webinar_id, "stop", "webinar_finished")

    def show_cta(self, webinar_id: UUID) -> None:
        """Show the call to action."""
        answer = self.press(webinar_id, "cta/show")
        assert answer.status_code == 303, f"{answer.status_code} {error_code(answer)}"

    def _done(self, webinar_id: UUID, button: str, fact: str) -> Said:
        answer = self.press(webinar_id, button, confirm="confirm")
        assert answer.status_code == 303, f"{button}: {answer.status_code} {error_code(answer)}"
        [said] = self._wire.wait_for(fact, webinar_id=webinar_id)
        return said
