"""When a webinar is to begin: an instant, or a local time in an IANA zone."""

import functools
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

from core_webinar.domain.refusal import invalid

_FIELD = "scheduled_at"
_LOCAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_YEARS = range(2000, 2200)


@functools.cache
def _zone_names() -> frozenset[str]:
    # The package's own list, as the system's directory also holds names such as "localtime".
    return frozenset((files("tzdata") / "zones").read_text().split())


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name; raises a `Refusal` where there is none."""
    if name not in _zone_names():
        raise invalid("time_zone", f"{name[:64]!r} is not a time zone.")
    return ZoneInfo(name)


def instant(text: str, zone_name: str, known: Iterable[datetime] = ()) -> datetime:
    """Return the instant that `text` means: RFC 3339 with an offset, or a local time in `zone_name`.

    A local time of the hour that a clock goes through twice means the first. One that tells no more than the minute
    of one of the `known` instants means that one: a form sends minutes back, and nothing was changed by that.
    """
    if _LOCAL.fullmatch(text):
        return _instant_of_local(text, zone_name, known)
    if not _INSTANT.fullmatch(text):
        raise invalid(_FIELD, "The time has to look like 2026-12-01T19:00 or 2026-12-01T16:00:00Z.")
    return in_utc(_read(text.upper()))


def in_utc(moment: datetime) -> datetime:
    """Return an aware moment in UTC; raises a `Refusal` for a year that no webinar is planned in."""
    if moment.year not in _YEARS:
        raise invalid(_FIELD, f"The year has to be from {_YEARS.start} to {_YEARS.stop - 1}.")
    return moment.astimezone(UTC)


def _instant_of_local(text: str, zone_name: str, known: Iterable[datetime]) -> datetime:
    place = zone(zone_name)
    local = _read(text)
    for moment in known:
        if moment.astimezone(place).replace(tzinfo=None, second=0, microsecond=0) == local:
            return moment
    moment = in_utc(local.replace(tzinfo=place, fold=0))
    if moment.astimezone(place).replace(tzinfo=None) != local:
        raise invalid(_FIELD, f"The clocks of {zone_name} go forward then: {text} does not exist there.")
    return moment


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(_FIELD, "There is no such day or time.") from error
