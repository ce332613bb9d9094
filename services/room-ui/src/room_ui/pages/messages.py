"""The texts of the messages after a webinar, for who may edit them, with a preview."""

import re
from typing import Annotated, Any

from contracts import Capability, MessageTemplateSet, Step
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from room_ui.i18n import Texts, texts
from room_ui.i18n import mark as _
from room_ui.pages import queries
from room_ui.pages.commanding import send
from room_ui.pages.forms import command_id, form_id
from room_ui.pages.rendering import language_of, now_of, page
from room_ui.pages.words import STEPS, Notice
from room_ui.viewer import LOCALES, Viewer
from room_ui.web import parts_of, require

router = APIRouter()
Managing = Annotated[Viewer, Depends(require(Capability.TEMPLATE_MANAGE))]

SAMPLES = {
    "name": _("Anna"),
    "title": _("How it all works"),
    "watched_minutes": "47",
    "link": "https://example.org/account/contacts/",
    "recording": "https://example.org/recording",
    "candidates": _("Boris, Vera"),
}
"""What stands in the place of the words in braces in a preview; a word that is not here is shown as it is."""


TO_LEADS = ("name", "title", "date", "zone", "watched_minutes", "link", "recording")
WORDS = {
    Step.ATTENDED: TO_LEADS[:-1],
    Step.NOT_ATTENDED: TO_LEADS[:-1],
    Step.RECORDING: TO_LEADS,
    Step.PARTNER_NOTICE: ("name", "title", "date", "zone", "candidates", "link"),
}
"""What may stand in braces, by step; post-webinar decides, this only tells."""


def preview(template: str, language: Texts, **more: str) -> str:
    """Return the text as a reader would get it, with sample values in the place of the words in braces."""
    samples = {name: language.gettext(value) if value else value for name, value in SAMPLES.items()} | more
    return re.sub(r"\{([a-z_]+)\}", lambda found: samples.get(found[1], found[0]), template)


@router.get("/admin_webinar/messages/")
async def messages(request: Request, viewer: Managing) -> Response:
    """Every text in both languages, each in a form of its own."""
    return await _page(request)


async def _page(
    request: Request,
    *,
    typed: dict[tuple[str, str], str] | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    known = {
        (template.step, template.locale): template.text
        for template in await queries.templates(parts_of(request).database.pool)
    }
    shown = known | (typed or {})
    now = now_of(request)
    language = language_of(request)
    cards = []
    for step in Step:
        for locale in LOCALES:
            in_language = texts(locale)
            text = shown.get((step, locale), "")
            date = in_language.moment(now, "Europe/Moscow", now=now)
            zone = in_language.zone_name("Europe/Moscow", now)
            cards.append(
                {
                    "step": step.value,
                    "locale": locale,
                    "name": language.gettext(STEPS[step]),
                    "text": text,
                    "words": WORDS[step],
                    "preview": preview(text, in_language, date=date, zone=zone),
                }
            )
    context: dict[str, Any] = {"notice": notice} if notice else {}
    return page(request, "desk/messages.html", status=status, cards=cards, **context)


@router.post("/admin_webinar/messages/")
async def set_message(request: Request, viewer: Managing) -> Response:
    """Set one text, or only show how it would read (`show`)."""
    form = await request.form()
    step, locale, text = (str(form.get(name, "")) for name in ("step", "locale", "text"))
    text = text.replace("\r\n", "\n").strip()
    typed = {(step, locale): text}
    if form.get("show"):
        return await _page(request, typed=typed)
    command = MessageTemplateSet(step=step, locale=locale, text=text)
    outcome = await send(request, command, command_id(form_id(form), command.topic, command.model_dump()))
    if outcome.is_done:
        return RedirectResponse("/admin_webinar/messages/?done=template", 303)
    if outcome.unanswered:
        return RedirectResponse("/admin_webinar/messages/?done=unknown", 303)
    notice = outcome.notice(language_of(request))
    return await _page(request, typed=typed, notice=notice, status=outcome.status)
