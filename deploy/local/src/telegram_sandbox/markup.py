"""The Bot API's HTML and reply markup: read as the real server reads them, refused in its words."""

import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:\s+[\w-]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'>]+))?)*)\s*>")
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-spoiler": "spoiler",
    "a": "text_link",
}


class BadRequestError(Exception):
    """A request that the Bot API answers with 400; the words are its description."""


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@dataclass
class _Open:
    tag: str
    entity: dict[str, Any] = field(default_factory=dict)


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the plain text of Bot API HTML and its entities (offsets in UTF-16 units).

    Raises:
        BadRequestError: a tag is unknown, not closed, or not opened.
    """
    text = ""
    entities: list[dict[str, Any]] = []
    stack: list[_Open] = []
    at = 0
    while at < len(source):
        if source[at] != "<":
            end = source.find("<", at)
            end = len(source) if end < 0 else end
            text += html.unescape(source[at:end])
            at = end
            continue
        match = _TAG.match(source, at)
        where = f"at byte offset {len(source[:at].encode())}"
        if match is None:
            raise BadRequestError(f'can\'t parse entities: Unsupported start tag "" {where}')
        closing, tag, attributes = match[1], match[2].lower(), match[3]
        if closing:
            if not stack or stack[-1].tag != tag:
                raise BadRequestError(f"can't parse entities: Unexpected end tag {where}")
            entity = stack.pop().entity
            entity["length"] = _units(text) - entity["offset"]
            if entity["length"]:
                entities.append(entity)
        elif tag in _KINDS:
            entity = {"type": _KINDS[tag], "offset": _units(text)}
            if tag == "a":
                entity["url"] = _address(attributes)
            stack.append(_Open(tag, entity))
        else:
            raise BadRequestError(f'can\'t parse entities: Unsupported start tag "{tag}" {where}')
        at = match.end()
    if stack:
        raise BadRequestError(
            f"can't parse entities: Can't find end tag corresponding to start tag \"{stack[-1].tag}\""
        )
    return text, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _address(attributes: str) -> str:
    found = {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _ATTRIBUTE.finditer(attributes)}
    return html.unescape(found.get("href", ""))


def message_text(parameters: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the text and entities of a message to be sent or edited.

    Raises:
        BadRequestError: empty, too long, or not to be parsed.
    """
    source = str(parameters.get("text") or "")
    mode = str(parameters.get("parse_mode") or "").lower()
    if mode not in {"", "html"}:
        raise BadRequestError("unsupported parse_mode")
    text, entities = parse_html(source) if mode else (source, [])
    if not text.strip():
        raise BadRequestError("message text is empty")
    if len(text) > 4096:
        raise BadRequestError("message is too long")
    return text.strip(), entities


def inline_buttons(parameters: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the rows of inline buttons in `reply_markup`; none when there is no inline keyboard.

    Raises:
        BadRequestError: not JSON, or a button without text or without exactly one thing to do.
    """
    markup = parameters.get("reply_markup")
    if not markup:
        return []
    if isinstance(markup, str):
        try:
            markup = json.loads(markup)
        except ValueError:
            raise BadRequestError("can't parse reply keyboard markup JSON object") from None
    if not isinstance(markup, dict):
        raise BadRequestError("object expected as reply markup")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError('field "inline_keyboard" must be an Array of Arrays')
    return [[_button(button) for button in row] for row in rows if row]


def _button(button: object) -> dict[str, Any]:
    if not isinstance(button, dict) or not str(button.get("text") or "").strip():
        raise BadRequestError("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    kept = {name: button[name] for name in ("text", "callback_data", "url") if button.get(name)}
    if len(kept) != 2:
        raise BadRequestError("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if len(str(kept.get("callback_data", "")).encode()) > 64:
        raise BadRequestError("BUTTON_DATA_INVALID")
    return kept
