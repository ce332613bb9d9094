"""The report as a file for a spreadsheet."""

import csv
import io
from datetime import timedelta
from urllib.parse import unquote
from uuid import UUID

import pytest
from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CtaClicked,
    DeliveryState,
    ParticipationEvent,
    PostWebinarDelivery,
    Recipient,
    Step,
    WatchedWindow,
    session_id_of,
)
from hypothesis import given
from hypothesis import strategies as st
from room_ui.i18n import texts
from room_ui.pages import report_csv
from room_ui.pages.report_csv import defused, disposition, file_name, lines
from room_ui.testing import NOON, Web, webinar_event

WEBINAR = webinar_event("finished", title='What: "is" next? / Всё')


async def a_webinar(web: Web, *names: str) -> dict[str, str]:
    """Return the ids of candidates by name; the first of them watched three quarters."""
    await web.member("partner", login="boris", name="Boris")
    ids = {name: (await web.member(name=name, partner="boris")).account_id for name in names}
    await web.know(WEBINAR)
    first, webinar_id = ids[names[0]], WEBINAR.webinar_id
    await web.under_test.receive(
        ClientWebinarEntered(
            lead_id=first, webinar_id=webinar_id, session_id=session_id_of(first, webinar_id), timestamp=NOON
        ),
        ParticipationEvent(
            lead_id=first,
            webinar_id=webinar_id,
            version=1,
            watched_seconds=2730,
            base_seconds=3600,
            windows=(WatchedWindow(from_=NOON, to=NOON + timedelta(seconds=2730)),),
            final=True,
        ),
        ClientWebinarAttendanceClassified(
            lead_id=first,
            webinar_id=webinar_id,
            attended=True,
            timestamp=NOON + timedelta(hours=1),
            reason="watched_enough",
            watched_seconds=2730,
            base_seconds=3600,
            watched_percent=75,
            rule_version=1,
        ),
        CtaClicked(lead_id=first, webinar_id=webinar_id, at=NOON),
        PostWebinarDelivery(
            delivery_id=UUID(int=1),
            version=1,
            webinar_id=webinar_id,
            lead_id=first,
            recipient=Recipient.CANDIDATE,
            step=Step.ATTENDED,
            state=DeliveryState.SENT,
            attempts=1,
        ),
    )
    return ids


def read(body: bytes, delimiter: str) -> list[list[str]]:
    text = body.decode("utf-8")
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == text.count("\n")
    return list(csv.reader(io.StringIO(text[1:], newline=""), delimiter=delimiter))


async def test_a_russian_file_opens_in_a_russian_spreadsheet(web: Web) -> None:
    await a_webinar(web, "Anna")
    speaker = await web.member("speaker")

    found = await speaker.browser.get(f"/admin_webinar/{WEBINAR.webinar_id}/report.csv")

    head, anna, boris = read(found.content, ";")
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert head[:4] == ["Имя", "Кто пригласил", "Вход (Москва, стандартное время)", "Просмотрено, минут"]
    assert anna == [
        "Anna",
        "Boris",
        "2026-03-02 15:00:00",
        "45,5",
        "75",
        "15:00:00–15:45:30",
        "засчитано",
        "по времени просмотра: 75%, нужно 70%",
        "нажатие",
        "участнику: отправлено",
    ]
    assert (boris[0], boris[2:7]) == ("Boris", ["", "", "", "", "входа не было"])


async def test_an_english_one_in_an_english_spreadsheet(web: Web) -> None:
    await a_webinar(web, "Anna")
    admin = await web.member("admin", locale="en")

    found = await admin.browser.get(f"/admin_webinar/{WEBINAR.webinar_id}/report.csv?show=attended")

    head, anna = read(found.content, ",")
    assert head[0] == "Name"
    assert anna[2:7] == ["2026-03-02 15:00:00", "45.5", "75", "15:00:00–15:45:30", "attended"]


async def test_the_file_holds_every_page_of_what_is_asked_for_in_its_order(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"Person {number:02}" for number in range(7)]
    await a_webinar(web, *reversed(names))
    speaker = await web.member("speaker")
    monkeypatch.setattr(report_csv, "ROWS_AT_ONCE", 3)

    address = f"/admin_webinar/{WEBINAR.webinar_id}/report.csv?q=person&page=2"
    usual, turned = [await speaker.browser.get(f"{address}&sort={sort}") for sort in ("name", "-name")]

    assert [row[0] for row in read(usual.content, ";")[1:]] == [names[-1], *names[:-1]]
    assert [row[0] for row in read(turned.content, ";")[1:]] == names[::-1]


async def test_the_file_is_for_who_may_view_reports_of_what_has_begun(web: Web) -> None:
    await web.know(WEBINAR, planned := webinar_event("scheduled"))
    address = f"/admin_webinar/{WEBINAR.webinar_id}/report.csv"
    members = {role: await web.member(role) for role in ("speaker", "partner", "candidate")}

    answers = {role: (await member.browser.get(address)).status_code for role, member in members.items()}
    guest = await web.browser().get(address)
    too_early = await members["speaker"].browser.get(f"/admin_webinar/{planned.webinar_id}/report.csv")

    assert answers == {"speaker": 200, "partner": 403, "candidate": 403}
    assert (guest.status_code, too_early.status_code) == (303, 404)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_looks_like_a_formula_is_text(start: str) -> None:
    assert defused(f"{start}1+1") == f"'{start}1+1"
    assert defused(f"1{start}1") == f"1{start}1"


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)), st.sampled_from(["ru", "en"]))
def test_whatever_stands_in_a_cell_comes_back_and_is_no_formula(rows: list[list[str]], locale: str) -> None:
    written = lines(rows, locale)
    came_back = list(csv.reader(io.StringIO(written, newline=""), delimiter=";" if locale == "ru" else ","))

    assert came_back == [[defused(cell) for cell in row] for row in rows]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in came_back for cell in row)


def test_the_file_is_named_by_day_and_title_in_any_alphabet() -> None:
    name = file_name(texts("ru"), WEBINAR)
    header = disposition(name)

    assert name == "Отчёт 2026-03-02 What is next Всё.csv"
    assert 'filename="2026-03-02-What-is-next.csv"' in header
    assert unquote(header.split("filename*=UTF-8''")[1]) == name
    assert header.isascii()
    assert file_name(texts("en"), webinar_event("finished", title="../")) == "Report 2026-03-02.csv"
