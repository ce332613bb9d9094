"""A viewer's own pages: signing in, the account, its language, password, contact card, Telegram, the contact person."""

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import Any

import segno
from contracts import Capability, ChatLinkRequested, ContactCard, ErrorCode
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from room_ui import refusals, repository
from room_ui.accounts.accounts import SignInRefused
from room_ui.accounts.domain import AccountRefused, contact_card, safe_next, shown_card
from room_ui.accounts.session_repository import ATTEMPT_WINDOW
from room_ui.pages import queries
from room_ui.pages.commanding import send
from room_ui.pages.forms import command_id, form_id
from room_ui.pages.rendering import language_of, now_of, page, part, role_name
from room_ui.pages.words import REFUSALS, Notice, field_words
from room_ui.repository import PartnerCard
from room_ui.web import SignedIn, address_of, parts_of, viewer_of

router = APIRouter()


@router.get("/account/login/")
async def sign_in(request: Request, login: str = "", error: str = "", until: str = "") -> Response:
    """The form; who is signed in already goes on."""
    next_page = safe_next(request.query_params.get("next"))
    if not viewer_of(request).is_guest:
        return RedirectResponse(next_page or "/account/", 303)
    language = language_of(request)
    context: dict[str, Any] = {"wrong": None, "wait_until": None}
    wait_until = None
    if error == "too_many":
        context["wait_until"] = wait_until = _wait_until(until, now_of(request))
        if not until:
            words = language.gettext("Too many tries. Wait a quarter of an hour.")
            context["notice"] = Notice("bad", words, "too_many_requests")
    elif error == "ended":
        words = language.gettext("Your session has ended. Sign in again, and you come back to where you were.")
        context["notice"] = Notice("plain", words)
    elif error:
        context["wrong"] = language.gettext("The login or the password is not right.")
    status = 200 if wait_until is None else 429
    response = page(request, "login.html", status=status, next=next_page, login=login[:100], **context)
    if wait_until is not None:
        response.headers["retry-after"] = str(ceil((wait_until - now_of(request)).total_seconds()))
    return response


def _wait_until(text: str, now: datetime) -> datetime | None:
    """Read until when attempts are refused, in seconds since 1970; None when that is over, or cannot be."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 11):
        return None
    until = datetime.fromtimestamp(int(text), UTC)
    return until if now < until <= now + ATTEMPT_WINDOW else None


@router.get("/account/link/{token}")
async def one_time_link(request: Request, token: str, error: str = "") -> Response:
    """A page with a button; only the button's POST uses the link up."""
    owner = None if error else await parts_of(request).accounts.link_owner(token[:200])
    return page(request, "one_time.html", status=200 if owner else 410, owner=owner)


@router.get("/account/")
async def account(request: Request, viewer: SignedIn) -> Response:
    """The viewer's account."""
    return await _account_page(request)


async def _account_page(
    request: Request,
    *,
    status: int = 200,
    card: ContactCard | None = None,
    errors: dict[str, str] | None = None,
    notice: Notice | None = None,
) -> Response:
    """Return the account; `errors` are words by refused field, `card` is what was typed into it."""
    viewer, parts, language = viewer_of(request), parts_of(request), language_of(request)
    known = await parts.accounts.get(viewer.account_id or "")
    if known is None:
        raise refusals.unauthenticated()
    context: dict[str, Any] = {"card": None, "partner": None}
    if viewer.may(Capability.REPORT_VIEW_OWN_CANDIDATES):
        context["card"] = card or known.contact
        context["partner"] = PartnerCard(known.display_name, shown_card(context["card"].model_dump()))
    if notice is not None:
        context["notice"] = notice
    return page(
        request,
        "account.html",
        status=status,
        account=known,
        role_name=role_name(language, viewer.role),
        devices=await parts.accounts.open_sessions(known.account_id),
        errors=errors or {},
        **context,
        **await _telegram(request),
    )


@router.post("/account/language/")
async def set_language(request: Request, viewer: SignedIn) -> Response:
    """Set the account's language and go back to the page where it was chosen."""
    form = await request.form()
    try:
        await parts_of(request).accounts.set_locale(viewer.account_id or "", str(form.get("locale", "")))
    except AccountRefused as refused:
        raise refusals.invalid(refused.message) from refused
    await parts_of(request).sessions.refresh()
    back = safe_next(str(form.get("next", "")))
    return RedirectResponse(back or "/account/?done=language", 303)


@router.post("/account/password/")
async def set_password(request: Request, viewer: SignedIn) -> Response:
    """Change the viewer's own password; their other sessions end."""
    form, language = await request.form(), language_of(request)
    old, new, again = (str(form.get(name, "")) for name in ("old", "password", "again"))
    try:
        if new != again:
            raise AccountRefused("again", "the two are not the same")
        await parts_of(request).accounts.change_password(viewer, old, new, address=address_of(request))
    except AccountRefused as refused:
        words = field_words(language, refused.field)
        return await _account_page(request, status=422, errors={refused.field: words})
    except SignInRefused as refused:
        seconds = (refused.until - now_of(request)).total_seconds() if refused.until else ATTEMPT_WINDOW.total_seconds()
        words = language.gettext("Too many wrong passwords. Try again in %(time)s.")
        words %= {"time": language.minutes(seconds + 59, accusative=True)}
        response = await _account_page(request, status=429, errors={"old": words})
        response.headers["retry-after"] = str(ceil(seconds))
        return response
    return RedirectResponse("/account/?done=password", 303)


@router.post("/account/contact/")
async def set_contact(request: Request, viewer: SignedIn) -> Response:
    """Set what a partner's candidates see."""
    given = await _card(request)
    try:
        await parts_of(request).accounts.set_contact(viewer.account_id or "", contact_card(given))
    except AccountRefused as refused:
        # What was typed is shown again as it is, right or wrong.
        typed = ContactCard.model_construct(None, **given)
        words = field_words(language_of(request), refused.field)
        notice = Notice("bad", words, "invalid_field")
        return await _account_page(request, status=422, card=typed, errors={refused.field: words}, notice=notice)
    return RedirectResponse("/account/?done=contact", 303)


@router.post("/account/contact/preview/")
async def preview_contact(request: Request, viewer: SignedIn) -> Response:
    """Return the card as candidates would see it; changes nothing."""
    partner = PartnerCard(viewer.display_name, shown_card(await _card(request)))
    return page(request, "parts/contact_card.html", partner=partner)


async def _card(request: Request) -> dict[str, str]:
    """Return what was typed into the fields of a contact card, for who has one."""
    if not viewer_of(request).may(Capability.REPORT_VIEW_OWN_CANDIDATES):
        raise refusals.forbidden()
    form = await request.form()
    return {name: str(form.get(name, "")) for name in ContactCard.model_fields}


async def _telegram(request: Request) -> dict[str, Any]:
    chat_link = await queries.chat_link(parts_of(request).database.pool, viewer_of(request).account_id or "")
    return {"chat_link": chat_link, "chat_link_address": None, "chat_link_qr": None}


@router.get("/account/telegram/")
async def telegram(request: Request, viewer: SignedIn) -> Response:
    """Whether the viewer's Telegram is linked, and the way to link it."""
    context = await _telegram(request)
    return part(request, "parts/telegram.html", "telegram-state", **context) or page(
        request, "telegram.html", **context
    )


@router.post("/account/telegram/")
async def link_telegram(request: Request, viewer: SignedIn) -> Response:
    """Show a one-time Telegram address and its QR code; it is part of the answer, never of an address of ours."""
    message_id = command_id(form_id(await request.form()), "chat_link", viewer.account_id)
    outcome = await send(request, ChatLinkRequested(account_id=viewer.account_id or ""), message_id)
    context = await _telegram(request)
    status = 200
    if outcome.reply is not None and outcome.reply.address:
        address = outcome.reply.address
        context |= {"chat_link_address": address, "chat_link_qr": qr_code(address)}
    else:
        status = outcome.status if outcome.error or outcome.not_sent else 503
        nothing = Notice("bad", language_of(request).gettext(REFUSALS[ErrorCode.UNAVAILABLE]), ErrorCode.UNAVAILABLE)
        notice = outcome.notice(language_of(request)) or nothing
        context["notice"] = replace(notice, where="telegram", code=notice.code or ErrorCode.UNAVAILABLE)
    return part(request, "parts/telegram.html", "telegram", **context) or page(
        request, "telegram.html", status=status, **context
    )


def qr_code(address: str) -> Markup:
    """Return the address as a QR code, an SVG without style attributes (the page's policy allows none)."""
    # segno writes numbers and fixed names alone; the address itself is in the pattern, not in the markup.
    return Markup(segno.make(address, error="m").svg_inline(scale=4, border=2, omitsize=True))  # noqa: S704


@router.get("/account/contacts/")
async def contacts(request: Request, viewer: SignedIn) -> Response:
    """The viewer's own partner, else the organiser."""
    async with parts_of(request).database.pool.acquire() as connection:
        partner = await repository.partner_card(connection, viewer.account_id or "")
    return page(request, "contacts.html", partner=partner)
