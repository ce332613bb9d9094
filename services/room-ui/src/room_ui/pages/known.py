"""The newest that is known of a webinar: what the projection has, or what Core has just answered."""

from uuid import UUID

from contracts import WebinarEvent
from fastapi import Request

from room_ui import projections, repository
from room_ui.rooms.room import Room
from room_ui.web import parts_of, viewer_of


async def known_room(request: Request, webinar_id: UUID) -> Room:
    """Return the room of that webinar as the viewer may know it; raises `Refusal` (404)."""
    parts = parts_of(request)
    stored = await repository.webinar(parts.database.pool, webinar_id)
    if stored is not None:
        parts.rooms.apply(stored)
    return await parts.rooms.room(webinar_id, viewer_of(request))


async def take_in(request: Request, webinar: WebinarEvent | None) -> None:
    """Take in the snapshot that came with a command's reply, so that the next page shows what was just done.

    The same snapshot comes by `webinar_event` too, a moment later.
    """
    if webinar is None:
        return
    parts = parts_of(request)
    async with parts.database.work() as work:
        await projections.keep_webinars(work, [webinar])
    parts.rooms.apply(webinar)
