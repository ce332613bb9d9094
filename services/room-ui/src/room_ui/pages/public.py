"""What everybody may see: the schedule, its calendar entries, how to get an account, the switch of languages."""

from datetime import datetime
from functools import lru_cache
from typing import Annotated
from uuid import UUID

from contracts import WebinarStatus
from fastapi import APIRouter, Query, Request
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from room_ui import refusals, repository
from room_ui.accounts.domain import safe_next, safe_referral
from room_ui.cookies import cookie_header
from room_ui.pages.calendar import calendar_entry
from room_ui.pages.rendering import fill, is_part, now_of, page, signup_address
from room_ui.rooms.state import Schedule
from room_ui.viewer import LOCALE_COOKIE, LOCALES, REFERRAL_COOKIE
from room_ui.web import parts_of, viewer_of

router = APIRouter()
REFERRAL_SECONDS = 30 * 24 * 3600
LOCALE_SECONDS = 365 * 24 * 3600


@router.get("/webinars/")
async def schedule(request: Request, ref: str | None = None) -> Response:
    """List the coming webinars; keeps whose link brought the visitor."""
    parts = parts_of(request)
    listed = parts.rooms.schedule()
    signup = signup_address(request) if viewer_of(request).is_guest else None
    cards = _cards(listed, viewer_of(request).locale, signup, now_of(request).replace(microsecond=0))
    if is_part(request, "cards"):
        return HTMLResponse(cards)
    featured = next((webinar for webinar in listed.webinars if not webinar.cancelled), None)
    response = page(request, "schedule.html", featured=featured, cards=cards)
    if (word := safe_referral(ref)) is not None:
        cookie = cookie_header(REFERRAL_COOKIE, word, https=parts.settings.is_https, seconds=REFERRAL_SECONDS)
        response.raw_headers.append((b"set-cookie", cookie))
    return response


@lru_cache(maxsize=256)
def _cards(listed: Schedule, locale: str, signup: str | None, now: datetime) -> Markup:
    """Return the cards of the schedule; a crowd that is told of a change asks for the same ones within a second.

    `signup` is where a guest books a place; None for who is signed in.
    """
    return fill(locale, "parts/schedule_cards.html", now, webinars=listed.webinars, public=listed.public, signup=signup)


@router.get("/live/")
async def live(request: Request) -> Response:
    """The former address of the schedule; a referral goes along."""
    word = safe_referral(request.query_params.get("ref"))
    return RedirectResponse(f"/webinars/?ref={word}" if word else "/webinars/", 307)


@router.get("/webinars/{webinar_id}.ics")
async def calendar(request: Request, webinar_id: UUID) -> Response:
    """The webinar as a calendar entry."""
    parts = parts_of(request)
    webinar = await repository.webinar(parts.database.pool, webinar_id)
    if webinar is None or webinar.status is WebinarStatus.DRAFT or webinar.scheduled_at is None:
        raise refusals.webinar_not_found()
    entry = calendar_entry(webinar, base_url=parts.settings.origin, now=now_of(request))
    headers = {"content-disposition": f'attachment; filename="webinar-{webinar_id}.ics"', "cache-control": "no-cache"}
    return Response(entry, media_type="text/calendar; charset=utf-8", headers=headers)


@router.get("/")
async def home(request: Request) -> Response:
    """The site begins with the schedule."""
    return await live(request)


@router.get("/signup/")
async def sign_up(request: Request) -> Response:
    """How to get an account; where the house has a sign-up of its own, the way is there."""
    return page(request, "signup.html")


@router.get("/language/{locale}/")
async def choose_language(
    request: Request,
    locale: str,
    next: Annotated[str | None, Query()] = None,  # noqa: A002 - the query's own name for it
) -> Response:
    """Keep a visitor's choice of language; a signed-in viewer's is a field of the account."""
    if locale not in LOCALES:
        raise refusals.invalid("There is no such language.")
    response = RedirectResponse(safe_next(next) or "/webinars/", 303)
    if viewer_of(request).is_guest:
        https = parts_of(request).settings.is_https
        cookie = cookie_header(LOCALE_COOKIE, locale, https=https, seconds=LOCALE_SECONDS)
        response.raw_headers.append((b"set-cookie", cookie))
    return response


@router.get("/favicon.ico")
async def icon(request: Request) -> Response:
    """Browsers ask for it by this name whatever the page says."""
    del request
    return RedirectResponse("/static/icon.svg", 308)
