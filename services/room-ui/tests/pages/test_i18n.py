"""Both languages are complete, and dates read as they should."""

from datetime import UTC, datetime, timedelta

import pytest
from room_ui.i18n import catalogue, texts
from room_ui.locales.update import extracted
from room_ui.pages.rendering import remaining
from room_ui.viewer import LOCALES

MOMENT = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)


def said() -> set[str | tuple[str, ...]]:
    return {message for _, _, message in extracted()}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_translated_and_none_is_left_over(locale: str) -> None:
    written = {entry.id: entry.string for entry in catalogue(locale) if entry.id}

    assert len(written) > 300
    assert said() - written.keys() == set(), "run python -m room_ui.locales.update"
    assert written.keys() - said() == set(), "run python -m room_ui.locales.update"
    for message, translation in written.items():
        assert all(translation) if isinstance(translation, tuple) else translation, message


def test_every_plural_has_all_its_forms() -> None:
    plurals = {entry.id: tuple(entry.string or ()) for entry in catalogue("ru") if isinstance(entry.id, tuple)}

    assert plurals
    assert all(len(forms) == 3 and all("%(num)d" in form for form in forms) for forms in plurals.values())


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_has_the_same_places_to_fill_as_its_message(locale: str) -> None:
    wrong = [entry.id for entry in catalogue(locale) if entry.id and entry.check()]

    assert wrong == []


def test_russian_texts_hold_no_english_and_english_ones_no_russian() -> None:
    for entry in catalogue("ru"):
        words = entry.string if isinstance(entry.string, str) else "".join(entry.string or ())
        assert not entry.id or any("а" <= letter.lower() <= "я" for letter in words), entry.id
    for entry in catalogue("en"):
        assert not any("а" <= letter.lower() <= "я" for letter in str(entry.string)), entry.id


def test_dates_are_written_in_the_language_and_the_zone() -> None:
    ru, en = texts("ru"), texts("en")

    assert ru.moment(MOMENT, "Europe/Moscow", now=MOMENT) == "пятница, 27 ноября, 19:00"
    assert en.moment(MOMENT, "America/New_York", now=MOMENT) == "Friday, 27 November, 11:00"
    assert ru.moment(MOMENT, "Europe/Moscow") == "пятница, 27 ноября 2026, 19:00"
    assert ru.zone_name("Europe/Moscow", MOMENT) == "Москва, стандартное время"
    assert en.moment(MOMENT, "No/Such_Zone", now=MOMENT).endswith("16:00")


@pytest.mark.parametrize(
    ("minutes", "words"), [(1, "1 минута"), (3, "3 минуты"), (5, "5 минут"), (21, "21 минута"), (0, "0 минут")]
)
def test_minutes_are_counted_in_russian(minutes: int, words: str) -> None:
    assert texts("ru").minutes(timedelta(minutes=minutes, seconds=59)) == words


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=2, hours=3, minutes=4, seconds=5), "2 дня 03:04:05"),
        (timedelta(hours=1), "01:00:00"),
        (timedelta(seconds=61), "01:01"),
        (timedelta(seconds=-5), "00:00"),
    ],
)
def test_the_time_left_says_days_in_words(length: timedelta, words: str) -> None:
    assert remaining(texts("ru"), length) == words
