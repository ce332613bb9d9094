"""What the words of the messages stand for; the texts themselves and their rules are in `contracts.message_texts`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_datetime, get_timezone_location
from contracts.message_texts import Locale


def locale_of(account_locale: str | None) -> Locale:
    """Return the language of the messages for an account's locale; Russian where none is known."""
    return "ru" if (account_locale or "ru").lower().startswith("ru") else "en"


@dataclass(frozen=True, slots=True)
class Occasion:
    """The webinar that a message is about."""

    title: str
    begins_at: datetime | None
    time_zone: str
    recording_url: str | None
    link: str


@dataclass(frozen=True, slots=True)
class Guest:
    """A candidate as their partner reads of them."""

    name: str
    attended: bool
    watched_seconds: int
    at_least: bool = False
    """The seconds are those until "finish" was pressed; how long they stayed after that is not known."""


def values_for_lead(
    name: str, occasion: Occasion, watched_seconds: int, locale: Locale, *, at_least: bool = False
) -> dict[str, str]:
    """Return what the words stand for in a message to a lead; `at_least` as with a `Guest`."""
    return {
        **_occasion_values(name, occasion, locale),
        "watched_minutes": minutes(watched_seconds, locale, at_least=at_least),
        "recording": occasion.recording_url or "",
    }


def values_for_partner(
    name: str, occasion: Occasion, guests: Sequence[Guest], locale: Locale, *, at_most: int
) -> dict[str, str]:
    """Return what the words stand for in a notice; of the guests the first `at_most` are named, the others counted."""
    return {**_occasion_values(name, occasion, locale), "candidates": _guest_list(guests, locale, at_most)}


def _occasion_values(name: str, occasion: Occasion, locale: Locale) -> dict[str, str]:
    zone = _zone(occasion.time_zone)
    begins = occasion.begins_at
    return {
        "name": name,
        "title": occasion.title,
        "date": format_datetime(begins, "d MMMM y, HH:mm", tzinfo=zone, locale=locale) if begins else "",
        "zone": _zone_words(zone, begins, locale) if begins else "",
        "link": occasion.link,
    }


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _zone_words(zone: ZoneInfo, moment: datetime, locale: Locale) -> str:
    """`Москва, UTC+3`; without a city just the difference."""
    total = moment.astimezone(zone).utcoffset()
    offset = int(total.total_seconds()) // 60 if total else 0
    hours, rest = divmod(abs(offset), 60)
    sign = "+" if offset > 0 else "−"
    difference = f"UTC{sign}{hours}" + (f":{rest:02}" if rest else "") if offset else "UTC"
    if "/" not in zone.key or zone.key.startswith("Etc/"):
        return difference
    return f"{get_timezone_location(zone, locale=locale, return_city=True)}, {difference}"


def minutes(watched_seconds: int, locale: Locale, *, at_least: bool = False) -> str:
    """Return whole minutes; under one in words, since nobody watched for nothing.

    Where it was perhaps longer, "less than" would claim too much.
    """
    if at_least and watched_seconds < 60:
        return {"ru": "около 1", "en": "about 1"}[locale]
    if at_least:
        return {"ru": f"не меньше {watched_seconds // 60}", "en": f"at least {watched_seconds // 60}"}[locale]
    if watched_seconds < 60:
        return {"ru": "меньше 1", "en": "less than 1"}[locale]
    return str(watched_seconds // 60)


def _guest_list(guests: Sequence[Guest], locale: Locale, at_most: int) -> str:
    lines = [_guest_line(guest, locale) for guest in guests[:at_most]]
    if left := len(guests) - len(lines):
        lines.append({"ru": f"… и ещё {left}", "en": f"… and {left} more"}[locale])
    return "\n".join(lines)


def _guest_line(guest: Guest, locale: Locale) -> str:
    watched = minutes(guest.watched_seconds, locale, at_least=guest.at_least)
    if locale == "ru":
        return f"• {guest.name}: {watched} мин., участие {'засчитано' if guest.attended else 'не засчитано'}"
    return f"• {guest.name}: {watched} min, {'counted' if guest.attended else 'not counted'} as attended"


def together(messages: Iterable[str]) -> str:
    """Return several texts as one message, a blank line between them."""
    return "\n\n".join(messages)
