"""A partner's own candidates: how they took part, and what messages they got."""

from typing import Annotated

from contracts import Capability
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from room_ui.pages import queries
from room_ui.pages.rendering import page
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()


@router.get("/account/candidates/")
async def candidates(
    request: Request, viewer: Annotated[Viewer, Depends(require(Capability.REPORT_VIEW_OWN_CANDIDATES))]
) -> Response:
    """List the webinars that the viewer's own candidates entered, and nobody else's candidates."""
    partner_id = viewer.account_id or ""
    async with parts_of(request).database.pool.acquire() as connection:
        reports = await queries.own_candidates(connection, partner_id)
        has_candidates = bool(reports) or await queries.has_candidates(connection, partner_id)
    return page(request, "candidates.html", reports=reports, has_candidates=has_candidates)
