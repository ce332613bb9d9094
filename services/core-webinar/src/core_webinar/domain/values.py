"""Reading the value of each field that a person sets; each reader returns the value or raises a `Refusal`."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from contracts import StreamType

from core_webinar.domain.addresses import check_link, https_host
from core_webinar.domain.refusal import invalid
from core_webinar.domain.schedule import in_utc, instant, zone

_LINE_BREAKS = frozenset("\n\t")
Reader = Callable[[str, Any], Any]


def text(field: str, value: Any, longest: int, *, several_lines: bool = False) -> str:
    """Return plain text without blanks around it; `None` is empty text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(field, "This has to be text.")
    plain: str = value.replace("\r\n", "\n").strip()
    if len(plain) > longest:
        raise invalid(field, f"At most {longest} characters.")
    allowed = _LINE_BREAKS if several_lines else frozenset[str]()
    # A NUL or half of a surrogate pair cannot even be stored; other control characters have no place in plain text.
    if any(_is_control(letter) and letter not in allowed for letter in plain):
        raise invalid(field, "The text has characters that cannot be shown.")
    return plain


def _is_control(letter: str) -> bool:
    return letter < " " or "\x7f" <= letter <= "\x9f" or "\ud800" <= letter <= "\udfff"


def number(field: str, value: Any, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`; digits as text are fine too."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise invalid(field, f"This has to be a whole number from {least} to {most}.")
    return value


def reason(context: object) -> str | None:
    """Return why, in words, out of what a command says of itself; who asks is told by its token alone."""
    if context is None:
        return None
    if not isinstance(context, dict):
        raise invalid("context", "This has to be an object.")
    return text("context.reason", context.get("reason"), 500) or None


def moment(field: str, value: Any, zone_name: str, known: Iterable[datetime | None]) -> datetime | None:
    """Return the instant that `value` means in that zone (see `schedule.instant`); nothing and empty text are none."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return in_utc(value)
    written = text(field, value, 40)
    return instant(written, zone_name, [each for each in known if each is not None]) if written else None


def _text_up_to(longest: int, *, several_lines: bool = False) -> Reader:
    return lambda field, value: text(field, value, longest, several_lines=several_lines)


def _number_from(least: int, most: int) -> Reader:
    return lambda field, value: number(field, value, least, most)


def _time_zone(field: str, value: Any) -> str:
    name = text(field, value, 64)
    zone(name)
    return name


def _account_id(field: str, value: Any) -> str | None:
    return text(field, value, 64) or None


def _address(field: str, value: Any) -> str | None:
    address = text(field, value, 10_000)
    if address:
        https_host(field, address)
    return address or None


def _link(field: str, value: Any) -> str:
    link = text(field, value, 10_000)
    if link:
        check_link(field, link)
    return link


def _stream_type(field: str, value: Any) -> StreamType:
    try:
        return StreamType(value)
    except ValueError as error:
        words = ", ".join(StreamType)
        raise invalid(field, f"This has to be one of {words}.") from error


READERS: dict[str, Reader] = {
    "title": _text_up_to(200),
    "description": _text_up_to(5000, several_lines=True),
    "speaker_id": _account_id,
    "time_zone": _time_zone,
    "duration_minutes": _number_from(5, 600),
    "poster_url": _address,
    "recording_url": _address,
    "stream_type": _stream_type,
    "player_src": _address,
    "chat_src": _address,
    "cta_text": _text_up_to(80),
    "cta_link": _link,
    "completion_percent": _number_from(1, 100),
    "overrun_minutes": _number_from(5, 720),
}
"""A reader for each field of `SETTABLE` but `scheduled_at`, which needs the zone beside it."""
