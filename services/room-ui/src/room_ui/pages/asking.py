"""A second question before what cannot be taken back, or was hardly meant."""

from collections.abc import Mapping

from contracts import WebinarEvent
from fastapi import Request
from starlette.responses import Response

from room_ui.pages.rendering import language_of, page


async def is_confirmed(request: Request) -> bool:
    """Whether the form is the one of the second question."""
    return (await request.form()).get("confirm") == "confirm"


def ask(
    request: Request,
    webinar: WebinarEvent,
    question: str,
    words: str,
    yes: str,
    *,
    is_final: bool = False,
    about: str | None = None,
    hidden: Mapping[str, str] | None = None,
) -> Response:
    """Ask a second question; `hidden` is what the first form said, to be said again with the yes."""
    language = language_of(request)
    return page(
        request,
        "desk/confirm.html",
        webinar=webinar,
        question=language.gettext(question),
        words=language.gettext(words),
        yes=language.gettext(yes),
        is_final=is_final,
        about=about,
        hidden=hidden or {},
    )
