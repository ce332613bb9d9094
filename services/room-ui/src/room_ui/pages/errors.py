"""Pages for what went wrong: the status, plain words, the canonical code."""

from contracts import ErrorCode
from fastapi import Request
from starlette.responses import Response

from room_ui import refusals
from room_ui.i18n import mark as _
from room_ui.pages.rendering import language_of, page
from room_ui.pages.words import REFUSALS

TITLES = {
    403: _("This page is not for you"),
    404: _("There is nothing here"),
    405: _("This page cannot do that"),
    410: _("This link cannot be used any more"),
    429: _("A little too fast"),
    500: _("Something went wrong here"),
    503: _("This does not work just now"),
}
NOT_FOUND = _("The address may be mistyped, or what was here is gone.")
FAILED = _("It is not your fault. Try again in a moment; if it stays like this, tell the organiser.")
OWN_WORDS = (refusals.STALE_PAGE, refusals.FOREIGN_PAGE)
"""Refusals that say more than their code."""


async def error_page(request: Request, *, status: int, code: str, message: str) -> Response:
    """Return the page for a refusal or a failure."""
    language = language_of(request)
    title = TITLES.get(status, TITLES[500] if status >= 500 else _("This did not work"))
    known = code in tuple(ErrorCode)
    words = REFUSALS[ErrorCode(code)] if known else FAILED
    if status == 404 and code == ErrorCode.NOT_FOUND and not _is_about_a_webinar(request):
        words = NOT_FOUND
    elif status == 500:
        words = FAILED
    elif message in OWN_WORDS:
        title, words = _("This did not work"), message
    context = {"title": language.gettext(title), "words": language.gettext(words), "code": code}
    return page(request, "error.html", status=status, is_stale=message == refusals.STALE_PAGE, **context)


def _is_about_a_webinar(request: Request) -> bool:
    path = request.url.path
    if path.startswith("/admin_webinar/people"):
        return False
    return path.startswith(("/account/webinar_room/", "/admin_webinar/", "/webinars/"))
