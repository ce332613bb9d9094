"""The texts of the messages after a webinar: what may stand in them, whether they can be sent, how they are filled.

A template is plain text in which `{word}` stands for a value and `<b>`, `<i>`, `<u>`, `<s>` may mark a stretch;
everything else is shown as it is written. A message is the HTML that the Bot API takes. Who edits a text, who shows how
it will read and who sends it hold it against the same rules.
"""

import html
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from contracts.followup import Step

Locale = Literal["ru", "en"]
LOCALES: tuple[Locale, ...] = ("ru", "en")
LONGEST_TEMPLATE = 3000
LONGEST_MESSAGE = 4096

_TOKEN = re.compile(r"(?P<tag></?[bius]>)|\{(?P<word>[^{}]*)\}|(?P<brace>[{}])")
_TO_LEAD = ("name", "title", "date", "zone", "watched_minutes", "link")
WORDS: dict[Step, tuple[str, ...]] = {
    Step.ATTENDED: _TO_LEAD,
    Step.NOT_ATTENDED: _TO_LEAD,
    Step.RECORDING: (*_TO_LEAD, "recording"),
    Step.PARTNER_NOTICE: ("name", "title", "date", "zone", "candidates", "link"),
}
"""What may stand in braces, by step."""

DEFAULT_TEXTS: dict[tuple[Step, Locale], str] = {
    (Step.ATTENDED, "ru"): (
        "{name}, спасибо, что были на вебинаре «{title}» ({date}, {zone}).\n\n"
        "Вы смотрели {watched_minutes} мин. Следующий шаг и ответы на вопросы: {link}"
    ),
    (Step.ATTENDED, "en"): (
        "{name}, thank you for being at the webinar “{title}” ({date}, {zone}).\n\n"
        "You watched {watched_minutes} min. The next step, and answers to your questions: {link}"
    ),
    (Step.NOT_ATTENDED, "ru"): (
        "{name}, вы заходили на вебинар «{title}» ({date}, {zone}) и смотрели {watched_minutes} мин.\n\n"
        "Если остались вопросы: {link}"
    ),
    (Step.NOT_ATTENDED, "en"): (
        "{name}, you looked in on the webinar “{title}” ({date}, {zone}) and watched {watched_minutes} min.\n\n"
        "If you have questions: {link}"
    ),
    (Step.RECORDING, "ru"): "Запись вебинара «{title}»: {recording}",
    (Step.RECORDING, "en"): "The recording of “{title}”: {recording}",
    (Step.PARTNER_NOTICE, "ru"): (
        "{name}, ваши кандидаты на вебинаре «{title}» ({date}, {zone}):\n{candidates}\n\nПодробнее: {link}"
    ),
    (Step.PARTNER_NOTICE, "en"): (
        "{name}, your candidates at the webinar “{title}” ({date}, {zone}):\n{candidates}\n\nMore: {link}"
    ),
}
"""The texts that every installation begins with; an admin may change each."""


class TemplateProblem(StrEnum):
    """Why a text cannot be used."""

    EMPTY = "empty"
    TOO_LONG = "too_long"
    LONE_BRACE = "lone_brace"
    UNKNOWN_WORD = "unknown_word"
    NOT_OPENED = "not_opened"
    NOT_CLOSED = "not_closed"


class TemplateError(ValueError):
    """A template that cannot be used: `problem`, with the word, brace or mark in question as `detail`."""

    def __init__(self, problem: TemplateProblem, detail: str, words: str) -> None:
        super().__init__(words)
        self.problem = problem
        self.detail = detail


def check_template(step: Step, text: str) -> None:
    """Raise `TemplateError` unless `text` can be sent: not empty, not too long, known words, closed marks."""
    if not text.strip():
        raise TemplateError(TemplateProblem.EMPTY, "", "The text is empty.")
    if len(text) > LONGEST_TEMPLATE:
        limit = str(LONGEST_TEMPLATE)
        raise TemplateError(TemplateProblem.TOO_LONG, limit, f"The text is longer than {limit} characters.")
    opened: list[str] = []
    for token in _TOKEN.finditer(text):
        if brace := token["brace"]:
            words = f"A lone {brace} stands in the text; braces are for words such as {{name}}."
            raise TemplateError(TemplateProblem.LONE_BRACE, brace, words)
        if token["word"] is not None and token["word"] not in WORDS[step]:
            known = ", ".join(f"{{{word}}}" for word in sorted(WORDS[step]))
            words = f"{{{token['word']}}} is not known here. Known are {known}."
            raise TemplateError(TemplateProblem.UNKNOWN_WORD, token[0], words)
        if tag := token["tag"]:
            if not tag.startswith("</"):
                opened.append(tag[1])
            elif not opened or opened.pop() != tag[2]:
                raise TemplateError(TemplateProblem.NOT_OPENED, tag, f"{tag} closes what was not opened last.")
    if opened:
        tag = f"<{opened[-1]}>"
        raise TemplateError(TemplateProblem.NOT_CLOSED, tag, f"{tag} is not closed.")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the message in HTML: words replaced by their values, all but the marks escaped."""
    parts: list[str] = []
    at = 0
    for token in _TOKEN.finditer(template):
        parts.append(_escaped(template[at : token.start()]))
        at = token.end()
        if token["tag"]:
            parts.append(token["tag"])
        elif token["word"] in values:
            parts.append(_escaped(values[token["word"]]))
        else:
            parts.append(_escaped(token[0]))
    parts.append(_escaped(template[at:]))
    return "".join(parts).strip()


def _escaped(text: str) -> str:
    return html.escape(text, quote=False)


def visible(message: str) -> str:
    """Return what a person reads of a message in HTML."""
    return html.unescape(re.sub(r"</?[bius]>", "", message))
