"""The picture and the chat before they are saved: what a link becomes, and a frame that shows it."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from contracts import Capability
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from room_ui.headers import framed_by_us, frames
from room_ui.pages.links import embeddable, embeddable_chat, is_https, page_without_frame
from room_ui.pages.rendering import language_of, page, part
from room_ui.pages.words import PAGES_WITHOUT_FRAME
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()


@router.post("/admin_webinar/preview/{place}")
async def preview(
    request: Request,
    place: Literal["player", "chat"],
    viewer: Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE))],
) -> Response:
    """A page that holds nothing but the frame of the address in the form, as the room would show it.

    The desk's own policy frames no page but ours; this page's policy names the host. Sent as a form, with the session's
    token, so that no link from outside can show a page of its choice under our name. For the header `X-Part: words`
    the answer is what becomes of the link, in words.
    """
    host = urlsplit(parts_of(request).settings.origin).hostname or ""
    typed = str((await request.form()).get("address", "")).strip()[:2000]
    address = embeddable(typed) if place == "player" else embeddable_chat(typed, host)
    site = page_without_frame(address)
    refused = language_of(request).gettext(PAGES_WITHOUT_FRAME[site]) if site is not None else None
    is_shown = refused is None and is_https(address)
    words = part(
        request, "desk/link_words.html", "words", typed=typed, address=address, refused=refused, is_shown=is_shown
    )
    if words is not None:
        return words
    framed_by_us(request)
    if not is_shown:
        return page(request, "frame.html", status=422, address=None, part=place)
    frames(request, address)
    return page(request, "frame.html", address=address, part=place)
