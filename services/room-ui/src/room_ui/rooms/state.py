"""The room's state and the public schedule as JSON: what goes out, and what never does. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import CtaVisibility, WebinarEvent
from pydantic import TypeAdapter

from room_ui import domain

DEFAULT_CTA_LINK = "/account/contacts/"
_MOMENTS: TypeAdapter[datetime] = TypeAdapter(datetime)


def moment(value: datetime | None) -> str | None:
    """Return a time as it goes over the wire: RFC 3339 in UTC."""
    return None if value is None else str(_MOMENTS.dump_python(value, mode="json"))


def room_state(webinar: WebinarEvent, *, viewers: int, speaker: str | None = None) -> dict[str, Any]:
    """Return the Room State Sync of who may be in the room.

    Player, chat and stream type are null unless the webinar is on air; `cta` is null unless it is shown.
    """
    on_air = webinar.status in domain.ON_AIR
    shows_cta = webinar.cta_visibility is CtaVisibility.VISIBLE
    return {
        "webinar_id": str(webinar.webinar_id),
        "version": webinar.version,
        "status": webinar.status.value,
        "cta_visibility": webinar.cta_visibility.value,
        "cta": {"text": webinar.cta_text, "link": webinar.cta_link or DEFAULT_CTA_LINK} if shows_cta else None,
        "player_src": webinar.player_src if on_air else None,
        "chat_src": webinar.chat_src if on_air else None,
        "stream_type": webinar.stream_type.value if on_air else None,
        "title": webinar.title,
        "description": webinar.description,
        "speaker": speaker,
        "cancelled": webinar.cancelled,
        "scheduled_at": moment(webinar.scheduled_at),
        "time_zone": webinar.time_zone,
        "started_at": moment(webinar.started_at),
        "finished_at": moment(webinar.finished_at),
        "duration_minutes": webinar.duration_minutes,
        "poster_url": webinar.poster_url,
        "viewers": viewers,
    }


def desk_list(webinars: Iterable[tuple[WebinarEvent, int]]) -> dict[str, Any]:
    """Return what tells a desk when to look at its list again: webinars, drafts too, and how many are in each room."""
    return {
        "webinars": [
            {"webinar_id": str(webinar.webinar_id), "version": webinar.version, "viewers": viewers}
            for webinar, viewers in webinars
        ]
    }


def public_webinar(webinar: WebinarEvent, *, speaker: str | None) -> dict[str, Any]:
    """Return what anybody may know of a webinar on the schedule: no player, no chat, no ids of people."""
    return {
        "webinar_id": str(webinar.webinar_id),
        "version": webinar.version,
        "status": webinar.status.value,
        "cancelled": webinar.cancelled,
        "title": webinar.title,
        "description": webinar.description,
        "speaker": speaker,
        "scheduled_at": moment(webinar.scheduled_at),
        "time_zone": webinar.time_zone,
        "started_at": moment(webinar.started_at),
        "duration_minutes": webinar.duration_minutes,
        "poster_url": webinar.poster_url,
    }


@dataclass(frozen=True, slots=True)
class Written:
    """A state written out once for everybody; only `server_time` is added when it is sent."""

    head: bytes
    """JSON without the closing brace."""
    etag: bytes
    """A weak one, for it does not cover `server_time`."""
    shows_cta: bool = False

    def body(self, now: datetime) -> bytes:
        return b'%b,"server_time":"%b"}' % (self.head, (moment(now) or "").encode())

    def event(self, now: datetime) -> bytes:
        """Return the body as an event of an event stream."""
        return b"id: %b\ndata: %b\n\n" % (self.etag[3:-1], self.body(now))


def written(state: Mapping[str, Any]) -> Written:
    """Write a state out."""
    # json writes no line breaks, so the text is one `data:` line; no `</` either, should a page ever embed it.
    text = json.dumps(state, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/").encode()
    digest = hashlib.blake2b(text, digest_size=9).hexdigest()
    version = state.get("version", "s")
    return Written(text[:-1], f'W/"{version}-{digest}"'.encode(), state.get("cta") is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Schedule:
    """What the public schedule lists at a moment; one object for as long as nothing on it changes."""

    webinars: tuple[WebinarEvent, ...]
    public: Mapping[UUID, Mapping[str, Any]]
    """What everybody is told of each of them."""
    written: Written


def schedule_of(webinars: Iterable[WebinarEvent], speakers: Mapping[str, str], now: datetime) -> Schedule:
    """Return the public schedule; `speakers` are display names by account id."""
    listed = tuple(domain.schedule(webinars, now))
    public = {one.webinar_id: public_webinar(one, speaker=speakers.get(one.speaker_id or "")) for one in listed}
    return Schedule(listed, public, written({"webinars": list(public.values())}))
