"""The desk's form: what was typed, what of it goes to Core, and the id under which a double click is one command."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

from contracts import WebinarEvent

from room_ui.i18n import zone_of
from room_ui.pages.links import embeddable, embeddable_chat

NUMBERS = ("duration_minutes", "completion_percent", "overrun_minutes")
OPTIONAL = ("speaker_id", "scheduled_at", "poster_url", "recording_url", "player_src", "chat_src")
"""Fields whose empty text means "none"."""
TEXTS = ("title", "description", "time_zone", "stream_type", "cta_text", "cta_link")
FIELDS = (*TEXTS, *OPTIONAL, *NUMBERS)
LOCAL_TIME = "%Y-%m-%dT%H:%M"
FORGED_STATE = ("status", "cta_visibility")
"""Passed on to Core when a form carries them, so that its refusal is the one that is heard."""


@dataclass(frozen=True)
class WebinarForm:
    """One submitted form; `values` are the texts as typed, with links made embeddable.

    `original` are the values that the page was made with; None when the form did not bring them.
    """

    webinar_id: UUID | None
    expected_version: int | None
    message_id: UUID | None
    action: str
    values: Mapping[str, str]
    original: Mapping[str, str] | None = None

    @property
    def edited(self) -> dict[str, str]:
        """The values that the person put in the place of those that the page showed."""
        shown = self.original or {}
        return {name: text for name, text in self.values.items() if self.original is None or text != shown.get(name)}

    @property
    def changes(self) -> dict[str, object]:
        """The fields as the command carries them. All that stood in the form: Core finds out which are new."""
        return {name: _typed(name, text) for name, text in self.values.items()}


def values_of(webinar: WebinarEvent) -> dict[str, str]:
    """Return the webinar's fields as the form shows them: `scheduled_at` is the local time of its zone."""
    values = {}
    for name in FIELDS:
        value = getattr(webinar, name)
        values[name] = "" if value is None else str(value)
    if webinar.scheduled_at is not None:
        values["scheduled_at"] = webinar.scheduled_at.astimezone(zone_of(webinar.time_zone)).strftime(LOCAL_TIME)
    return values


def uuid_or_none(text: object) -> UUID | None:
    """Read an id that came with a form; what is not one is None."""
    try:
        return UUID(text) if isinstance(text, str) else None
    except ValueError:
        return None


def read_webinar_form(form: Mapping[str, Any], *, page_host: str) -> WebinarForm:
    """Read what a desk form brought; nothing is judged here, Core does that."""
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    values = {name: texts[name].replace("\r\n", "\n").strip() for name in (*FIELDS, *FORGED_STATE) if name in texts}
    if "player_src" in values:
        values["player_src"] = embeddable(values["player_src"])
    if "chat_src" in values:
        values["chat_src"] = embeddable_chat(values["chat_src"], page_host)
    version = texts.get("expected_version", "")
    return WebinarForm(
        webinar_id=uuid_or_none(texts.get("webinar_id")),
        expected_version=int(version) if re.fullmatch(r"[0-9]{1,18}", version) else None,
        message_id=uuid_or_none(texts.get("message_id")),
        action=texts.get("action", ""),
        values=values,
        original=original_of(texts.get("original")),
    )


def original_of(text: str | None) -> dict[str, str] | None:
    """Read the values that a page was made with, as its form brings them back; None when it does not."""
    try:
        found = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return {name: value for name, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else None


def _typed(name: str, text: str) -> object:
    if name in NUMBERS and re.fullmatch(r"-?[0-9]{1,9}", text):
        return int(text)
    if name in OPTIONAL and not text:
        return None
    return text


def command_id(form_id: UUID, *content: object) -> UUID:
    """Return the id of the command that this form with this content is.

    The same for a double click; another one after the person went back and typed something else.
    """
    return uuid5(form_id, json.dumps(content, sort_keys=True, default=str))


def is_safe_link(link: str) -> bool:
    """Whether `link` may stand in an href: https, or a path of ours."""
    return link.startswith("https://") or (link.startswith("/") and not link.startswith(("//", "/\\")))


def form_id(form: Mapping[str, Any]) -> UUID:
    """Return the id that a form carried, from which that of its command is made; a form without one gets a new id."""
    return uuid_or_none(form.get("message_id")) or uuid4()
