"""Who took part: the report of a webinar at the desk, and a partner's own candidates."""

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from contracts import Capability, WebinarEvent
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from room_ui.pages import candidate_queries, queries, report_queries
from room_ui.pages.curve import Curve
from room_ui.pages.moving import Moves, moves_at
from room_ui.pages.queries import ReportRow
from room_ui.pages.rendering import now_of, page
from room_ui.pages.report_queries import Figures, Listing, Show, Sort
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()
ROWS_PER_PAGE = 100
LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a webinar: figures over all leads, the curve, and one page of the people who are listed.

    `moves`: who would move at the percent that was asked for; `asked_percent` is what was typed there.
    """

    figures: Figures
    curve: Curve | None
    listing: Listing
    rows: tuple[ReportRow, ...]
    page: int
    pages: int
    moves: Moves | None
    asked_percent: str

    def query(self, **changes: str) -> str:
        """Return the part of an address that asks for this listing, with some of it changed."""
        asked = {"show": self.listing.show, "sort": self.listing.sort, "q": self.listing.search} | changes
        usual = {"show": Show.ALL, "sort": Sort.NAME, "q": ""}
        return urlencode({name: value for name, value in asked.items() if value != usual.get(name)})


def listing_of(request: Request) -> Listing:
    """Return which people are asked for, and in which order; what is not known is the usual."""
    asked = request.query_params
    show, sort = asked.get("show", ""), asked.get("sort", "")
    return Listing(
        Show(show) if show in set(Show) else Show.ALL,
        Sort(sort) if sort in set(Sort) else Sort.NAME,
        asked.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH],
    )


def percent_of(text: str) -> int | None:
    """Return the completion percent that was typed; None for what is none."""
    text = text.strip()
    is_number = text.isascii() and text.isdecimal() and len(text) <= 3
    return int(text) if is_number and 1 <= int(text) <= 100 else None


async def report_of(request: Request, connection: Any, webinar: WebinarEvent, number: int = 1) -> Report:
    """Return a webinar's report as the address asks for it, with its page of that number (or the last one)."""
    listing = listing_of(request)
    curve = await queries.curve_of(connection, webinar, now_of(request))
    leads = await report_queries.leads_of(connection, webinar.webinar_id, listing)
    pages = max(1, -(-len(leads) // ROWS_PER_PAGE))
    number = min(max(number, 1), pages)
    shown = leads[(number - 1) * ROWS_PER_PAGE : number * ROWS_PER_PAGE]
    asked_percent = request.query_params.get("percent", "")[:10]
    percent = percent_of(asked_percent)
    moves = None
    if percent is not None:
        verdicts = await report_queries.verdicts_of(connection, webinar.webinar_id)
        moves = moves_at(verdicts, percent, minimum_seconds=parts_of(request).settings.minimum_watched_seconds)
    return Report(
        figures=await report_queries.figures_of(connection, webinar.webinar_id, curve.cta if curve else ()),
        curve=curve,
        listing=listing,
        rows=await queries.rows_of(connection, webinar.webinar_id, shown),
        page=number,
        pages=pages,
        moves=moves,
        asked_percent=asked_percent,
    )


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
        reports = await candidate_queries.own_candidates(connection, partner_id)
    return page(request, "candidates.html", summary=summary, people=people, reports=reports, q=q[:100])
