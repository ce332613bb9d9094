"""A partner's own candidates: how they took part, and what messages they got."""

from typing import Annotated

from contracts import Capability
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from room_ui.pages import candidate_queries, queries
from room_ui.pages.rendering import page
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()


@router.get("/account/candidates/")
async def candidates(
    request: Request, viewer: Annotated[Viewer, Depends(require(Capability.REPORT_VIEW_OWN_CANDIDATES))], q: str = ""
) -> Response:
    """Show the viewer's own candidates, and nobody else's: each across webinars, and each webinar that they entered."""
    partner_id = viewer.account_id or ""
    async with parts_of(request).database.pool.acquire() as connection:
        summary = await candidate_queries.summary_of(connection, partner_id)
        people = await candidate_queries.candidates_of(
            connection, partner_id, search=q[:100].strip(), page=request.query_params.get("page", "1")
        )
        reports = await queries.own_candidates(connection, partner_id)
    return page(request, "candidates.html", summary=summary, people=people, reports=reports, q=q[:100])
