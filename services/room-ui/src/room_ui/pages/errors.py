"""Pages for what went wrong: plain words, what to do, a picture, the canonical code; never what is inside."""

from dataclasses import dataclass

from contracts import ErrorCode
from fastapi import Request
from starlette.responses import Response

from room_ui import refusals
from room_ui.addresses import page_address
from room_ui.i18n import mark as _
from room_ui.pages.rendering import language_of, page, role_name
from room_ui.pages.words import REFUSALS
from room_ui.web import viewer_of


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a page of an error says: a title, what to do about it, and a picture of `static/pictures.svg`."""

    title: str
    advice: str
    picture: str


TROUBLES = {
    400: Trouble(_("This did not work"), _("Go back, look at what was sent, and try again."), "lost"),
    403: Trouble(
        _("This page is not for you"),
        _("Perhaps you have another account that may, or the organiser can help."),
        "door",
    ),
    404: Trouble(
        _("There is nothing here"),
        _("Check the address, or look in the schedule for what you want."),
        "lost",
    ),
    405: Trouble(
        _("This page cannot do that"),
        _("This address only takes what a form sends. Open the page with the form again."),
        "lost",
    ),
    413: Trouble(_("This is too much at once"), _("Send less: a file of at most 1 MB."), "lost"),
    429: Trouble(_("A little too fast"), _("Wait a moment, then try again."), "clock"),
    500: Trouble(
        _("Something went wrong here"),
        _("Try again in a moment. If it stays like this, tell the organiser what you did."),
        "broken",
    ),
    503: Trouble(
        _("This does not work just now"),
        _("A part of the site does not answer. It usually takes less than a minute."),
        "asleep",
    ),
}
STALE = Trouble(_("Open this page again"), _("You signed in or out since it was opened. Nothing was changed."), "clock")
FOREIGN = Trouble(_("This did not work"), _("Open the page here and repeat what you did. Nothing was changed."), "door")
GONE = _("The address may be mistyped, or what was here is gone.")
FAILED = _("It is not your fault.")
OURS = {refusals.STALE_PAGE: STALE, refusals.FOREIGN_PAGE: FOREIGN}
"""Refusals that say more than their code."""


async def error_page(request: Request, *, status: int, code: str, message: str) -> Response:
    """Return the page for a refusal or a failure."""
    language = language_of(request)
    words = _words(request, status, code, message)
    trouble = OURS.get(message) or TROUBLES.get(status) or TROUBLES[500 if status >= 500 else 400]
    return page(
        request,
        "error.html",
        status=status,
        title=language.gettext(trouble.title),
        words=language.gettext(words) if words else None,
        advice=language.gettext(trouble.advice),
        picture_name=trouble.picture,
        code=code,
        http_status=status,
        role_name=role_name(language, viewer_of(request).role),
        again=_again(request, status, message),
        is_ours=message in OURS,
        tries_again=status == 503 and request.method == "GET",
    )


def _words(request: Request, status: int, code: str, message: str) -> str | None:
    """Return what happened; None where the title says it all."""
    if message in OURS:
        return message
    if status in {405, 429, 503}:
        return None
    if status == 500 or code not in tuple(ErrorCode):
        return FAILED
    if status == 404 and code == ErrorCode.NOT_FOUND and not _is_about_a_webinar(request):
        return GONE
    return REFUSALS[ErrorCode(code)]


def _again(request: Request, status: int, message: str) -> str | None:
    """Return the page that it makes sense to open again; None where the same would be said."""
    if status == 405:
        # The form is on the page above what it is sent to.
        above = page_address(Request({**request.scope, "method": "POST"}))
        return None if above == "/" else above
    return page_address(request) if message in OURS or status >= 500 or status == 429 else None


def _is_about_a_webinar(request: Request) -> bool:
    path = request.url.path
    if path.startswith("/admin_webinar/people"):
        return False
    return path.startswith(("/account/webinar_room/", "/admin_webinar/", "/webinars/"))
