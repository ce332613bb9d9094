"""The texts of the messages after a webinar, for who may edit them, each as Telegram will show it."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from babel.dates import format_datetime
from contracts import Capability, ErrorCode, MessageTemplateSet, Step
from contracts.message_texts import (
    DEFAULT_TEXTS,
    LONGEST_MESSAGE,
    LONGEST_TEMPLATE,
    WORDS,
    TemplateError,
    TemplateProblem,
    check_template,
    fill,
    visible,
)
from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.responses import Response

from room_ui import refusals
from room_ui.i18n import Texts, texts, zone_of
from room_ui.i18n import mark as _
from room_ui.pages import queries
from room_ui.pages.commanding import send
from room_ui.pages.forms import command_id, form_id
from room_ui.pages.rendering import LANGUAGES, language_of, now_of, page
from room_ui.pages.words import CONFLICT, REFUSALS, STEPS, UNANSWERED_FORM, Notice, done_notice
from room_ui.viewer import LOCALES, Viewer
from room_ui.web import parts_of, require

router = APIRouter()
TextsKept = dict[tuple[Step, str], str]
Managing = Annotated[Viewer, Depends(require(Capability.TEMPLATE_MANAGE))]

SAMPLES = {
    "name": _("Anna"),
    "title": _("How it all works"),
    "zone": _("Moscow, UTC+3"),
    "candidates": _("• Boris: 47 min, counted as attended\n• Vera: 12 min, not counted as attended"),
}
"""What stands in the place of the words in braces in a preview, beside date, minutes and links."""

WORD_NAMES = {
    "name": _("the reader's name"),
    "title": _("the webinar's title"),
    "date": _("day and time"),
    "zone": _("the time zone"),
    "watched_minutes": _("minutes watched"),
    "link": _("link to the next step"),
    "recording": _("link to the recording"),
    "candidates": _("the list of candidates"),
}

PROBLEMS = {
    TemplateProblem.EMPTY: _("The text is empty."),
    TemplateProblem.TOO_LONG: _("The text is longer than %(detail)s characters: names and titles need room too."),
    TemplateProblem.LONE_BRACE: _("A lone %(detail)s stands in the text. Braces are for words such as {name}."),
    TemplateProblem.UNKNOWN_WORD: _("%(detail)s is not known here. Choose from the words below the text."),
    TemplateProblem.NOT_OPENED: _("%(detail)s closes what was not opened last."),
    TemplateProblem.NOT_CLOSED: _("%(detail)s is not closed."),
}
_LINK = re.compile(r"https?://[^\s<]*[^\s<.,;:!?)»”]")


@dataclass(frozen=True, slots=True)
class Preview:
    """A text as Telegram would show it with sample values, its length there, and what is wrong with it."""

    html: Markup
    length: int
    problem: str | None

    @property
    def is_too_long(self) -> bool:
        return self.length > LONGEST_MESSAGE


def preview_of(step: Step, text: str, *, reader: Texts, editor: Texts, base_url: str, date: str) -> Preview:
    """Return how a text would read in the reader's language; what is wrong with it is said in the editor's."""
    samples = {name: reader.gettext(value) for name, value in SAMPLES.items()}
    page_of_link = "/account/candidates/" if step is Step.PARTNER_NOTICE else "/account/contacts/"
    links = {"link": base_url + page_of_link, "recording": "https://example.org/recording"}
    message = fill(text, samples | links | {"date": date, "watched_minutes": "47"})
    # `fill` has escaped all but the marks that Telegram shows.
    html = Markup(_LINK.sub(r'<span class="tg-link">\g<0></span>', message))  # noqa: S704
    return Preview(html, len(visible(message)), problem_of(step, text, editor))


def problem_of(step: Step, text: str, language: Texts) -> str | None:
    """Return why a text cannot be sent, naming the word or mark; None when it can."""
    try:
        check_template(step, text)
    except TemplateError as error:
        return language.gettext(PROBLEMS[error.problem]) % {"detail": error.detail}
    return None


def _preview(request: Request, step: Step, locale: str, text: str) -> Preview:
    reader = texts(locale)
    begins = now_of(request) - timedelta(hours=1)
    date = format_datetime(begins, "d MMMM y, HH:mm", tzinfo=zone_of("Europe/Moscow"), locale=reader.babel)
    origin = parts_of(request).settings.origin
    return preview_of(step, text, reader=reader, editor=language_of(request), base_url=origin, date=date)


@router.get("/admin_webinar/messages/")
async def messages(request: Request, viewer: Managing) -> Response:
    """Every text in both languages, each in a form of its own."""
    return await _page(request)


async def _page(
    request: Request,
    *,
    typed: TextsKept | None = None,
    saved: TextsKept | None = None,
    refused: TextsKept | None = None,
    notice: Notice | None = None,
    status: int = 200,
) -> Response:
    """Return the page; `typed` stands in the place of what is kept, `refused` are the words at a text.

    `saved` was kept a moment ago, which the projection may not know yet.
    """
    language = language_of(request)
    kept = await _kept(request) | (saved or {})
    shown = kept | (typed or {})
    steps = []
    for step in Step:
        in_languages = []
        for locale, name in LANGUAGES:
            text = shown.get((step, locale), "")
            in_languages.append(
                {
                    "locale": locale,
                    "language": name,
                    "text": text,
                    "seen": _digest(kept.get((step, locale), "")),
                    "original": DEFAULT_TEXTS[step, "en" if locale == "en" else "ru"],
                    "preview": _preview(request, step, locale, text),
                    "error": (refused or {}).get((step, locale)),
                }
            )
        words = [(word, language.gettext(WORD_NAMES[word])) for word in WORDS[step]]
        steps.append({"step": step.value, "name": language.gettext(STEPS[step]), "words": words, "texts": in_languages})
    context: dict[str, Any] = {"notice": notice} if notice else {}
    limits = {"longest_message": LONGEST_MESSAGE, "longest_template": LONGEST_TEMPLATE}
    return page(request, "desk/messages.html", status=status, steps=steps, **limits, **context)


async def _kept(request: Request) -> TextsKept:
    found = await queries.templates(parts_of(request).database.pool)
    return {(Step(one.step), one.locale): one.text for one in found}


def _digest(text: str) -> str:
    """Return what stands for a text in a form: which one its reader began with."""
    return hashlib.sha256(text.encode()).hexdigest()


async def _typed(request: Request) -> tuple[Any, Step, str, str]:
    """Return the form, and which text it is about: step, language, text."""
    form = await request.form()
    step, locale, text = (str(form.get(name, "")) for name in ("step", "locale", "text"))
    if step not in set(Step) or locale not in LOCALES:
        raise refusals.invalid("There is no such text.")
    return form, Step(step), locale, text.replace("\r\n", "\n").strip()


@router.post("/admin_webinar/messages/preview/")
async def preview_message(request: Request, viewer: Managing) -> Response:
    """Return how a text would read, for a script that asks while it is typed; changes nothing."""
    _form, step, locale, text = await _typed(request)
    context: dict[str, Any] = {"preview": _preview(request, step, locale, text), "locale": locale}
    return page(request, "parts/message_preview.html", longest_message=LONGEST_MESSAGE, **context)


@router.post("/admin_webinar/messages/")
async def set_message(request: Request, viewer: Managing) -> Response:
    """Set one text; or only show how it would read (`show`), or the text that it began with (`original`)."""
    form, step, locale, text = await _typed(request)
    language = language_of(request)
    if form.get("original"):
        text = DEFAULT_TEXTS[step, "en" if locale == "en" else "ru"]
        notice = Notice(
            "plain", language.gettext("This is the text that it began with. Save it, and it is sent from now on.")
        )
        return await _page(request, typed={(step, locale): text}, notice=notice)
    typed = {(step, locale): text}
    if form.get("show"):
        return await _page(request, typed=typed)
    if (problem := problem_of(step, text, language)) is not None:
        notice = Notice("bad", problem, "invalid_field")
        return await _page(request, typed=typed, refused={(step, locale): problem}, notice=notice, status=422)
    present = (await _kept(request)).get((step, locale), "")
    if form.get("seen") and form.get("seen") != _digest(present) and text != present:
        words = language.gettext(CONFLICT) % {"value": present}
        notice = Notice("bad", language.gettext(REFUSALS[ErrorCode.VERSION_CONFLICT]), ErrorCode.VERSION_CONFLICT)
        return await _page(request, typed=typed, refused={(step, locale): words}, notice=notice, status=409)
    command = MessageTemplateSet(step=step, locale=locale, text=text)
    outcome = await send(request, command, command_id(form_id(form), command.topic, command.model_dump()))
    # No redirect: the next page would show what the projection has, and post-webinar tells of its texts a moment later.
    said = outcome.notice(language, unanswered=UNANSWERED_FORM) or done_notice(language, "template")
    return await _page(
        request, typed=typed, saved=typed if outcome.is_done else None, notice=said, status=outcome.status
    )
