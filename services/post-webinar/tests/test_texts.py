"""The words of the messages."""

from datetime import UTC, datetime

import pytest
from contracts import Step
from contracts.message_texts import (
    DEFAULT_TEXTS,
    LOCALES,
    LONGEST_MESSAGE,
    LONGEST_TEMPLATE,
    Locale,
    TemplateError,
    check_template,
    fill,
    visible,
)
from post_webinar.domain.messages import Reader, lead_message, partner_message
from post_webinar.domain.texts import Guest, Occasion, locale_of, minutes, values_for_lead

OCCASION = Occasion(
    title="Start <now> & here",
    begins_at=datetime(2026, 11, 23, 16, 0, tzinfo=UTC),
    time_zone="Europe/Moscow",
    recording_url="https://video.example/?a=1&b=2",
    link="https://webinars.example/account/contacts/",
)
TEMPLATES = {locale: {step: DEFAULT_TEXTS[step, locale] for step in Step} for locale in LOCALES}


def test_there_is_a_good_default_text_for_every_step_in_every_language() -> None:
    assert set(DEFAULT_TEXTS) == {(step, locale) for step in Step for locale in LOCALES}
    for (step, _), text in DEFAULT_TEXTS.items():
        check_template(step, text)


@pytest.mark.parametrize(
    ("locale", "date", "zone"),
    [("ru", "23 ноября 2026, 19:00", "Москва, UTC+3"), ("en", "23 November 2026, 19:00", "Moscow, UTC+3")],
)
def test_date_and_zone_are_those_of_the_webinar_in_the_reader_s_language(locale: Locale, date: str, zone: str) -> None:
    values = values_for_lead("Anna", OCCASION, 2460, locale)
    assert (values["date"], values["zone"], values["watched_minutes"]) == (date, zone, "41")


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("UTC", "UTC"),
        ("Asia/Kolkata", "Kolkata, UTC+5:30"),
        ("America/New_York", "New York, UTC−5"),
        ("Etc/GMT-3", "UTC+3"),
        ("no such zone", "UTC"),
    ],
)
def test_every_zone_has_words(zone: str, words: str) -> None:
    occasion = Occasion("T", OCCASION.begins_at, zone, None, "")
    assert values_for_lead("Anna", occasion, 60, "en")["zone"] == words


def test_values_and_stray_signs_are_escaped_and_marks_stay() -> None:
    message = fill("<b>{title}</b> 1 < 2 & <script>{name}</script>", {"title": "A<b>&", "name": "<i>Eve</i>"})
    assert message == ("<b>A&lt;b&gt;&amp;</b> 1 &lt; 2 &amp; &lt;script&gt;&lt;i&gt;Eve&lt;/i&gt;&lt;/script&gt;")
    assert visible(message) == "A<b>& 1 < 2 & <script><i>Eve</i></script>"


def test_a_value_with_braces_is_not_filled_again() -> None:
    assert fill("{name} {title}", {"name": "{title}", "title": "x"}) == "{title} x"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "x" * (LONGEST_TEMPLATE + 1),
        "{nam}",
        "{name",
        "name}",
        "{}",
        "{recording}",
        "{candidates}",
        "<b>{name}",
        "{name}</b>",
        "<b><i>{name}</b></i>",
    ],
)
def test_a_template_that_cannot_be_sent_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        check_template(Step.ATTENDED, text)


def test_words_belong_to_steps() -> None:
    check_template(Step.RECORDING, "{name}: {recording}")
    check_template(Step.PARTNER_NOTICE, "<b>{name}</b> < {candidates}")
    with pytest.raises(TemplateError, match=r"watched_minutes.*not known here"):
        check_template(Step.PARTNER_NOTICE, "{watched_minutes}")


@pytest.mark.parametrize(("locale", "words"), [("ru", "меньше 1"), ("en", "less than 1")])
def test_who_watched_seconds_is_not_told_of_nought_minutes(locale: Locale, words: str) -> None:
    assert minutes(59, locale) == words
    assert minutes(60, locale) == "1"


@pytest.mark.parametrize(
    ("seconds", "russian", "english"),
    [
        (1239, "не меньше 20", "at least 20"),
        (59, "около 1", "about 1"),
        (5, "около 1", "about 1"),
    ],
)
def test_who_may_have_watched_on_is_not_told_how_long_in_all(seconds: int, russian: str, english: str) -> None:
    assert minutes(seconds, "ru", at_least=True) == russian
    assert minutes(seconds, "en", at_least=True) == english


@pytest.mark.parametrize(("told", "locale"), [(None, "ru"), ("ru", "ru"), ("ru-RU", "ru"), ("en", "en"), ("de", "en")])
def test_who_does_not_read_russian_gets_english(told: str | None, locale: str) -> None:
    assert locale_of(told) == locale


def test_follow_up_and_recording_are_one_message() -> None:
    steps = [Step.NOT_ATTENDED, Step.RECORDING]
    message, count = lead_message(Reader("Anna", "en"), OCCASION, 90, steps, TEMPLATES["en"])
    assert count == 2
    assert visible(message) == (
        "Anna, you looked in on the webinar “Start <now> & here” (23 November 2026, 19:00, Moscow, UTC+3) and "
        "watched 1 min.\n\nIf you have questions: https://webinars.example/account/contacts/\n\n"
        "The recording of “Start <now> & here”: https://video.example/?a=1&b=2"
    )


def test_what_does_not_fit_goes_by_itself() -> None:
    long = TEMPLATES["en"] | {Step.RECORDING: "{recording}" + "x" * 2900, Step.NOT_ATTENDED: "{link}" + "y" * 2900}
    steps = [Step.NOT_ATTENDED, Step.RECORDING]
    message, count = lead_message(Reader("Anna", "en"), OCCASION, 90, steps, long)
    assert (count, "yyy" in message, "xxx" in message) == (1, True, False)
    huge = Occasion("T", None, "UTC", None, "https://e.org/" + "z" * 2000)
    assert lead_message(Reader("Anna", "en"), huge, 90, steps[:1], long) == ("", 0)


def test_a_notice_names_as_many_candidates_as_fit_and_counts_the_others() -> None:
    guests = [Guest(f"Candidate {number} <{number}>", number % 2 == 0, number) for number in range(1000)]
    message = partner_message(Reader("Paul", "ru"), [(OCCASION, guests)], TEMPLATES["ru"])
    assert message is not None
    shown = visible(message)
    assert len(shown) <= LONGEST_MESSAGE
    assert "• Candidate 0 <0>: меньше 1 мин., участие засчитано\n" in shown
    named = shown.count("•")
    assert named > 30
    assert f"… и ещё {1000 - named}" in shown


def test_a_notice_about_two_webinars_is_one_message_with_two_parts() -> None:
    other = Occasion("Second", OCCASION.begins_at, "UTC", None, "https://e.org")
    candidates = [(OCCASION, [Guest("Anna", True, 2460)]), (other, [Guest("Boris", False, 60)])]
    message = partner_message(Reader("Paul", "en"), candidates, TEMPLATES["en"])
    assert message is not None
    assert "• Anna: 41 min, counted as attended" in message
    assert message.index("Second") > message.index("Start")
    assert "• Boris: 1 min, not counted as attended" in message
