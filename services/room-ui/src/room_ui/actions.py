"""What the room's page says: I am looking, I have finished, I followed the call to action. And who is here."""

import json
import time
from typing import Annotated, Any
from uuid import UUID

from contracts import Capability, CtaVisibility, ErrorCode, WebinarEvent
from fastapi import APIRouter, Depends, Query, Request
from servicekit import Work

from room_ui import domain, facts, refusals, repository
from room_ui.refusals import Refusal
from room_ui.rooms.rooms import PEOPLE_LISTED
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter(prefix="/webinar/v1")

Member = Annotated[Viewer, Depends(require(Capability.WEBINAR_JOIN))]
Participant = Annotated[Viewer, Depends(require(Capability.WEBINAR_PARTICIPATE))]


async def named_webinar(request: Request) -> UUID:
    """Return the `webinar_id` of a JSON or form body; raises `Refusal` for anything else. Nothing else is looked at."""
    if "form" in request.headers.get("content-type", ""):
        given: Any = (await request.form()).get("webinar_id")
    else:
        try:
            body = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            raise refusals.invalid("The body is not JSON.") from None
        given = body.get("webinar_id") if isinstance(body, dict) else None
    try:
        return UUID(given)
    except (AttributeError, TypeError, ValueError):
        raise refusals.invalid("webinar_id is missing or no UUID.") from None


NamedWebinar = Annotated[UUID, Depends(named_webinar)]


async def _newest(work: Work, known_here: WebinarEvent) -> WebinarEvent:
    """Return the webinar as this instance or the projection knows it, whichever is newer.

    A page may have heard of the start by the shortcut before the projection has it, and may ask another instance.
    """
    projected = await repository.webinar(work.connection, known_here.webinar_id)
    return known_here if projected is None or projected.version < known_here.version else projected


@router.post("/seen")
async def say_seen(request: Request, viewer: Member, webinar_id: NamedWebinar) -> dict[str, bool]:
    """A page of the viewer is visible: on connecting, when it comes to the front, and when the webinar goes live."""
    rooms = parts_of(request).rooms
    rooms.mark_seen(await rooms.room(webinar_id, viewer), viewer)
    return {"ok": True}


@router.post("/finish")
async def say_finish(request: Request, viewer: Participant, webinar_id: NamedWebinar) -> dict[str, bool]:
    """The viewer has watched to the end for their part; kept and announced before the answer, once."""
    known_here = (await parts_of(request).rooms.room(webinar_id, viewer)).webinar
    async with parts_of(request).database.work() as work:
        webinar = await _newest(work, known_here)
        if not domain.accepts_finish(webinar):
            raise Refusal(409, ErrorCode.INVALID_STOP, "The webinar is not on air.")
        await facts.announce_finish(work, viewer.account_id or "", webinar_id)
    return {"ok": True}


@router.post("/cta_clicked")
async def say_cta_clicked(request: Request, viewer: Participant, webinar_id: NamedWebinar) -> dict[str, bool]:
    """The viewer followed the call to action; announced once, and only while it is shown."""
    known_here = (await parts_of(request).rooms.room(webinar_id, viewer)).webinar
    async with parts_of(request).database.work() as work:
        webinar = await _newest(work, known_here)
        if webinar.cta_visibility is not CtaVisibility.VISIBLE:
            raise Refusal(409, ErrorCode.FIELD_LOCKED, "The call to action is not shown.")
        await facts.announce_cta_clicked(work, viewer.account_id or "", webinar_id)
    return {"ok": True}


@router.get("/participants")
async def list_participants(
    request: Request,
    viewer: Member,
    webinar_id: UUID | None = None,
    after: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    q: Annotated[str, Query(max_length=100)] = "",
) -> dict[str, Any]:
    """Return who is in the room: hosts first, then by name; `next` is the `after` of the following page, or null."""
    rooms = parts_of(request).rooms
    if not rooms.polls.takes(f"list of {viewer.session_id}", time.monotonic()):
        raise refusals.too_many_requests()
    room = await rooms.room(webinar_id, viewer)
    people = await rooms.people(room, search=q.strip(), skip=after)
    here = room.accounts_here()
    is_full = len(people) == PEOPLE_LISTED
    return {
        "webinar_id": str(room.webinar.webinar_id),
        "total": len(here),
        "viewers": room.viewers,
        "participants": [
            {"name": person.name, "role": person.role, "country": person.country, "host": person.host}
            for person in people
        ],
        "next": after + len(people) if is_full else None,
    }
