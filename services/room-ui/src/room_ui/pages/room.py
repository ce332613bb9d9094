"""The webinar's room: one page with four screens; the scripts move it by push from here on."""

from typing import Annotated, Literal
from uuid import UUID

from contracts import HIGHEST_VERSION, Capability, WebinarEvent, WebinarStatus
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from room_ui import domain, refusals, repository
from room_ui.headers import framed_by_us, frames
from room_ui.pages import queries
from room_ui.pages.known import known_room
from room_ui.pages.rendering import now_of, page
from room_ui.rooms.state import room_state
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require, viewer_of

router = APIRouter()
Joining = Annotated[Viewer, Depends(require(Capability.WEBINAR_JOIN))]
SCREENS = {
    WebinarStatus.DRAFT: "lobby",
    WebinarStatus.SCHEDULED: "lobby",
    WebinarStatus.LIVE: "live",
    WebinarStatus.PAUSED: "paused",
    WebinarStatus.FINISHED: "finished",
    WebinarStatus.ARCHIVED: "finished",
}


async def _webinar(request: Request, webinar_id: UUID) -> WebinarEvent:
    """Return the webinar if the viewer may know of it."""
    webinar = await repository.webinar(parts_of(request).database.pool, webinar_id)
    if webinar is None or not domain.is_visible_to(webinar, viewer_of(request).capabilities):
        raise refusals.webinar_not_found()
    return webinar


@router.get("/live_room/")
async def former_address(request: Request) -> Response:
    """The former address of the room."""
    del request
    return RedirectResponse("/account/webinar_room/", 307)


@router.get("/account/webinar_room/")
async def current(request: Request, viewer: Joining) -> Response:
    """Go on to the room of the current webinar."""
    webinar = await repository.current_webinar(parts_of(request).database.pool, now_of(request))
    if webinar is None:
        return page(request, "no_room.html", status=404)
    return RedirectResponse(f"/account/webinar_room/{webinar.webinar_id}", 303)


@router.get("/account/webinar_room/{webinar_id}")
async def room(request: Request, webinar_id: UUID, viewer: Joining) -> Response:
    """The room of one webinar; it stays with this webinar whatever is current."""
    parts = parts_of(request)
    webinar = await _webinar(request, webinar_id)
    async with parts.database.pool.acquire() as connection:
        chat_link = await queries.chat_link(connection, viewer.account_id or "")
        speakers = await repository.display_names(connection, [webinar.speaker_id] if webinar.speaker_id else [])
        planned = await repository.schedule(connection, now_of(request))
    viewers = parts.rooms.viewers(webinar_id)
    addresses = (webinar.player_src, webinar.chat_src)
    frames(request, *addresses, "self")
    return page(
        request,
        "room.html",
        webinar=webinar,
        screen=SCREENS[webinar.status],
        state=room_state(webinar, viewers=viewers),
        viewers=viewers,
        speaker=speakers.get(webinar.speaker_id or ""),
        frame_origins=[origin for origin in map(_origin, addresses) if origin],
        next_webinar=next((one for one in planned if one.webinar_id != webinar_id and not one.cancelled), None),
        chat_link=chat_link,
        chat_link_address=None,
        chat_link_qr=None,
    )


@router.get("/account/webinar_room/{webinar_id}/frame/{part}")
async def frame(
    request: Request,
    webinar_id: UUID,
    part: Literal["player", "chat"],
    viewer: Joining,
    v: Annotated[int, Query(ge=0, le=HIGHEST_VERSION)] = 0,
) -> Response:
    """A page that holds nothing but the player's or the chat's frame.

    The room's policy names the hosts that were known when it was loaded; where the address moves to another host while
    the room is open, the room frames this page, and this page's policy names the new host. `v` is the version that
    the room has heard of; where this instance has not, the page asks again by itself.
    """
    webinar = (await known_room(request, webinar_id)).webinar
    address = webinar.player_src if part == "player" else webinar.chat_src
    framed_by_us(request)
    if webinar.version < v:
        waiting = page(request, "frame.html", status=503, address=None, part=part)
        waiting.headers["refresh"] = "1"
        return waiting
    if webinar.status not in domain.ON_AIR or address is None:
        raise refusals.webinar_not_found()
    frames(request, address)
    return page(request, "frame.html", address=address, part=part)


def _origin(address: str | None) -> str | None:
    """Return scheme and host of a frame's address, as a script sees them."""
    if not address:
        return None
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.split('/', 1)[0].split('?', 1)[0].lower()}"
