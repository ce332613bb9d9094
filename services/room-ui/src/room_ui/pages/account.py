"""A viewer's own pages: signing in, the account, its language, contact card and Telegram, the contact person."""

from dataclasses import replace
from typing import Any

import segno
from contracts import Capability, ChatLinkRequested, ContactCard, ErrorCode
from fastapi import APIRouter, Request
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from room_ui import refusals, repository
from room_ui.accounts.domain import AccountRefused, contact_card, safe_next
from room_ui.pages import queries
from room_ui.pages.commanding import send
from room_ui.pages.forms import command_id, form_id
from room_ui.pages.rendering import language_of, page, part, role_name
from room_ui.pages.words import REFUSALS, Notice, field_words
from room_ui.web import SignedIn, parts_of, viewer_of

router = APIRouter()


@router.get("/account/login/")
async def sign_in(request: Request, login: str = "", error: str = "") -> Response:
    """The form; who is signed in already goes on."""
    next_page = safe_next(request.query_params.get("next"))
    if not viewer_of(request).is_guest:
        return RedirectResponse(next_page or "/account/", 303)
    language = language_of(request)
    notice = None
    if error == "too_many":
        notice = Notice("bad", language.gettext("Too many tries. Wait a quarter of an hour."), "too_many_requests")
    elif error:
        notice = Notice("bad", language.gettext("The login or the password is not right."), "unauthenticated")
    context: dict[str, Any] = {"next": next_page, "login": login[:100], "notice": notice}
    return page(request, "login.html", **context)


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
    request: Request, *, status: int = 200, card: ContactCard | None = None, refused: AccountRefused | None = None
) -> Response:
    viewer, parts, language = viewer_of(request), parts_of(request), language_of(request)
    shows_card = viewer.may(Capability.REPORT_VIEW_OWN_CANDIDATES)
    known = await parts.accounts.get(viewer.account_id or "") if shows_card and card is None else None
    context: dict[str, Any] = {}
    if refused is not None:
        context["notice"] = Notice("bad", field_words(language, refused.field), "invalid_field")
    return page(
        request,
        "account.html",
        status=status,
        role_name=role_name(language, viewer.role),
        card=card or (known.contact if known else None),
        card_errors={refused.field: field_words(language, refused.field)} if refused else {},
        **await _telegram(request),
        **context,
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


@router.post("/account/contact/")
async def set_contact(request: Request, viewer: SignedIn) -> Response:
    """Set what a partner's candidates see."""
    if not viewer.may(Capability.REPORT_VIEW_OWN_CANDIDATES):
        raise refusals.forbidden()
    form = await request.form()
    given = {name: str(form.get(name, "")) for name in ContactCard.model_fields}
    try:
        await parts_of(request).accounts.set_contact(viewer.account_id or "", contact_card(given))
    except AccountRefused as refused:
        # What was typed is shown again as it is, right or wrong.
        typed = ContactCard.model_construct(None, **given)
        return await _account_page(request, status=422, card=typed, refused=refused)
    return RedirectResponse("/account/?done=contact", 303)


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
        context["notice"] = replace(outcome.notice(language_of(request)) or nothing, where="telegram")
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
