"""The product's words: catalogues in Russian and English, plural forms, dates as a reader of that language expects.

The catalogues are `locales/<language>.po`; they are compiled in memory when first asked for, so that there is no build
step to forget. A message's id is its English text.
"""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from gettext import GNUTranslations
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime, get_timezone_name
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from room_ui.viewer import LOCALES

FOLDER = Path(__file__).parent / "locales"


def mark(message: str) -> str:
    """Mark a message for the catalogues where it is written down before the language is known."""
    return message


def catalogue(locale: str) -> Catalog:
    """Read the catalogue of one of `LOCALES`."""
    with (FOLDER / f"{locale}.po").open("rb") as file:
        return read_po(file, locale=locale)


def zone_of(name: str) -> ZoneInfo:
    """Return the IANA zone of that name; an unknown one gives UTC, so that a page never fails over it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@dataclass(frozen=True)
class Texts:
    """One language: its messages and its way to write dates and lengths of time."""

    locale: str
    babel: Locale
    translations: GNUTranslations

    def gettext(self, message: str) -> str:
        return self.translations.gettext(message)

    def ngettext(self, singular: str, plural: str, n: int) -> str:
        return self.translations.ngettext(singular, plural, n)

    def moment(self, moment: datetime, zone: str | tzinfo, *, now: datetime | None = None) -> str:
        """Write day and time of `moment` in `zone`; the year too when it is not the year of `now`."""
        tz = zone_of(zone) if isinstance(zone, str) else zone
        same_year = now is not None and now.astimezone(tz).year == moment.astimezone(tz).year
        pattern = "EEEE, d MMMM, HH:mm" if same_year else "EEEE, d MMMM y, HH:mm"
        return format_datetime(moment, pattern, tzinfo=tz, locale=self.babel)

    def day(self, moment: datetime, zone: str | tzinfo, *, now: datetime | None = None) -> str:
        """Write the day of `moment` in `zone`; the year too when it is not the year of `now`."""
        return self.moment(moment, zone, now=now).rpartition(", ")[0]

    def short_moment(self, moment: datetime, zone: str | tzinfo) -> str:
        """Write day and time of `moment` in `zone` in few characters, for tables."""
        tz = zone_of(zone) if isinstance(zone, str) else zone
        return format_datetime(moment, "d MMM, HH:mm", tzinfo=tz, locale=self.babel)

    def clock(self, moment: datetime, zone: str | tzinfo) -> str:
        """Write the time of day of `moment` in `zone`."""
        tz = zone_of(zone) if isinstance(zone, str) else zone
        return format_datetime(moment, "HH:mm", tzinfo=tz, locale=self.babel)

    def exact_clock(self, moment: datetime, zone: str | tzinfo) -> str:
        """Write the time of day of `moment` in `zone`, to the second."""
        tz = zone_of(zone) if isinstance(zone, str) else zone
        return format_datetime(moment, "HH:mm:ss", tzinfo=tz, locale=self.babel)

    def decimal(self, number: float) -> str:
        """Write a number with one digit after the point, where it is not a whole one."""
        return format_decimal(number, "#,##0.#", locale=self.babel)

    def zone_name(self, zone: str, moment: datetime) -> str:
        """Name `zone` as it is called at `moment`."""
        return get_timezone_name(moment.astimezone(zone_of(zone)), width="long", locale=self.babel)

    def minutes(self, length: timedelta | float, *, accusative: bool = False) -> str:
        """Write a length of time (seconds, when a number) in whole minutes, rounded down.

        `accusative`: as it stands in "in …", "… ago" and "needs …".
        """
        seconds = length.total_seconds() if isinstance(length, timedelta) else length
        n = max(0, int(seconds // 60))
        if accusative:
            words = self.translations.npgettext("accusative", "%(num)d minute", "%(num)d minutes", n)
        else:
            words = self.ngettext("%(num)d minute", "%(num)d minutes", n)
        return words % {"num": n}

    def length(self, seconds: float, *, accusative: bool = False) -> str:
        """Write a length of time in whole minutes, in seconds when it is under one; `accusative` as for `minutes`."""
        n = max(0, int(seconds))
        if n >= 60:
            return self.minutes(n, accusative=accusative)
        if accusative:
            words = self.translations.npgettext("accusative", "%(num)d second", "%(num)d seconds", n)
        else:
            words = self.ngettext("%(num)d second", "%(num)d seconds", n)
        return words % {"num": n}


@lru_cache(maxsize=len(LOCALES))
def texts(locale: str) -> Texts:
    """Return the words of one of `LOCALES`."""
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(locale))
    compiled.seek(0)
    return Texts(locale, Locale.parse(locale), GNUTranslations(compiled))
