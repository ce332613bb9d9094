"""Both languages are complete, and dates read as they should."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from room_ui.i18n import catalogue, texts
from room_ui.locales.update import extracted
from room_ui.pages.rendering import remaining
from room_ui.viewer import LOCALES

MOMENT = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)


CODE = re.compile(r"[a-z0-9]+(?:[._][a-z0-9]+)+")
PLACE = re.compile(r"%\(\w+\)[sd]|\{\w+\}")


def places(words: str) -> list[str]:
    """Return what is filled in later, in order of the alphabet."""
    return sorted(PLACE.findall(words))


def pairs(message: Any, translation: Any) -> list[tuple[str, str]]:
    """Return each written form beside the English that it stands for; of a plural its last form."""
    if isinstance(message, str):
        return [(message, str(translation))]
    return [(message[-1], form) for form in translation]


def said() -> set[tuple[str | tuple[str, ...], str | None]]:
    """Return every message with its context."""
    return {(message, context) for _, _, message, context in extracted()}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_message_is_translated_and_none_is_left_over(locale: str) -> None:
    written = {(entry.id, entry.context): entry.string for entry in catalogue(locale) if entry.id}

    assert len(written) > 300
    assert said() - written.keys() == set(), "run python -m room_ui.locales.update"
    assert written.keys() - said() == set(), "run python -m room_ui.locales.update"
    for message, translation in written.items():
        assert all(translation) if isinstance(translation, tuple) else translation, message


@pytest.mark.parametrize(("locale", "forms"), [("ru", 3), ("en", 2)])
def test_every_plural_has_all_its_forms(locale: str, forms: int) -> None:
    plurals = [(entry.id, tuple(entry.string or ())) for entry in catalogue(locale) if isinstance(entry.id, tuple)]

    assert plurals
    wrong = [
        words for words, written in plurals if len(written) != forms or not all("%(num)d" in form for form in written)
    ]
    assert wrong == []


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_is_left_to_be_looked_at_again(locale: str) -> None:
    found = catalogue(locale)

    assert [entry.id for entry in found if entry.fuzzy and entry.id] == []
    assert list(found.obsolete) == []


def test_a_message_is_what_a_person_reads_in_english_and_no_code() -> None:
    singular = [message if isinstance(message, str) else message[0] for message, _ in said()]

    assert [message for message in singular if CODE.fullmatch(message)] == []
    # A word of several letters that is all small ones may be a word; with a dot or a line below it is a code.
    assert CODE.fullmatch("room.lobby_title")
    assert not CODE.fullmatch("attended")


@pytest.mark.parametrize("locale", LOCALES)
def test_a_translation_has_the_same_places_to_fill_as_its_message(locale: str) -> None:
    wrong = [entry.id for entry in catalogue(locale) if entry.id and entry.check()]
    unlike = [
        (translation, places(words))
        for entry in catalogue(locale)
        if entry.id
        for words, translation in pairs(entry.id, entry.string)
        if places(translation) != places(words)
    ]

    assert wrong == []
    assert unlike == []


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
    ("seconds", "words"),
    [(60, "1 минуту"), (180, "3 минуты"), (300, "5 минут"), (1260, "21 минуту"), (1, "1 секунду"), (21, "21 секунду")],
)
def test_a_time_that_something_takes_is_said_in_its_case(seconds: int, words: str) -> None:
    assert texts("ru").length(seconds, accusative=True) == words
    assert texts("en").length(seconds, accusative=True) == texts("en").length(seconds)


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(days=2, hours=3, minutes=4, seconds=5), "2 дня 3 часа"),
        (timedelta(days=1, minutes=59), "1 день"),
        (timedelta(hours=1), "01:00:00"),
        (timedelta(seconds=61), "01:01"),
        (timedelta(seconds=-5), "00:00"),
    ],
)
def test_the_time_left_says_days_in_words(length: timedelta, words: str) -> None:
    assert remaining(texts("ru"), length) == words
