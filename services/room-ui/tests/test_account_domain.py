"""What an account may be, what a CSV file may hold, and where a sign-in may lead."""

from typing import Any

import pytest
from contracts import ContactCard, Role
from hypothesis import given
from hypothesis import strategies as st
from room_ui.accounts.domain import AccountRefused, contact_card, new_account, safe_next, safe_referral
from room_ui.accounts.importing import Change, ImportPreview, Kind, judge, read_rows
from room_ui.accounts.repository import Account
from room_ui.testing import NOON

GOOD = {"login": "Anna", "name": "Анна К.", "role": "candidate", "partner": "Boris", "country": "ru"}


def test_an_account_is_read_from_plain_words() -> None:
    account = new_account({**GOOD, "telegram": "@anna_k", "locale": "en"})

    assert (account.login, account.partner_login, account.country, account.locale) == ("anna", "boris", "RU", "en")
    assert account.contact.telegram == "anna_k"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("login", ""),
        ("login", "two words"),
        ("login", "x" * 101),
        ("name", ""),
        ("name", "a\x00b"),
        ("name", "x" * 201),
        ("name", "anna"),
        ("name", "anna.k@example.org"),
        ("name", "Анна (anna@пример.рф)"),
        ("role", "moderator"),
        ("role", ""),
        ("role", "admin\x00"),
        ("locale", "de"),
        ("country", "Russia"),
        ("telegram", "не имя"),
        ("link", "javascript:alert(1)"),
        ("link", "http://example.org/"),
        ("photo_url", "https://nowhere"),
        ("note", "x" * 501),
    ],
)
def test_what_is_wrong_is_refused_with_its_field(field: str, value: str) -> None:
    with pytest.raises(AccountRefused) as refused:
        new_account({**GOOD, field: value})

    assert refused.value.field == field


@pytest.mark.parametrize("name", ["Anna", "Анна @anna_k", "anna k", "A@B"])
def test_a_name_may_look_like_a_login_without_being_one(name: str) -> None:
    assert new_account({**GOOD, "name": name}).display_name == name


def test_an_empty_contact_card_is_empty() -> None:
    assert contact_card({"telegram": " ", "phone": None}).model_dump(exclude_none=True) == {}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_note_has_one_character_for_each_end_of_a_line(end: str) -> None:
    assert contact_card({"note": f"First{end}second"}).note == "First\nsecond"
    assert contact_card({"note": f"x{end}" * 250}).note == "x\n" * 249 + "x"


@pytest.mark.parametrize(
    "address",
    [
        "/webinars/",
        "/account/webinar_room/",
        "/account/webinar_room/0190?x=1#top",
        "/admin_webinar/",
        "/admin_webinar",
        "/live_room/",
    ],
)
def test_a_page_of_ours_may_be_gone_on_to(address: str) -> None:
    assert safe_next(address) == address


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "webinars/",
        "//evil.example/webinars/",
        "/\\evil.example",
        "/webinars/\\..\\evil",
        "https://evil.example/webinars/",
        "/account/../../evil",
        "/account//evil.example",
        "/webinars/\nSet-Cookie: a=b",
        "/\t/evil.example",
        "/elsewhere/",
        "/webinarsx",
        "/account/" + "x" * 2001,
    ],
)
def test_anything_else_is_not_gone_on_to(address: str | None) -> None:
    assert safe_next(address) is None


@given(st.text(max_size=40))
def test_where_to_go_on_to_is_always_on_this_host(address: str) -> None:
    found = safe_next(address)

    assert found is None or (found.startswith("/") and not found.startswith(("//", "/\\")))


def test_a_referral_is_a_short_word() -> None:
    assert safe_referral("anna_K-1") == "anna_K-1"
    assert [safe_referral(word) for word in (None, "", "a b", "x" * 65, "<script>")] == [None] * 5


def test_a_file_with_partners_and_their_candidates_is_good_in_any_order() -> None:
    preview = judge(
        read_rows("login,name,role,partner\nvera,Вера,candidate,boris\nboris,Борис,partner,\n"), {}, partners=()
    )

    assert preview.is_good
    assert [(row.login, row.kind) for row in preview.rows] == [("vera", Kind.NEW), ("boris", Kind.NEW)]


def test_a_spreadsheet_with_semicolons_and_a_byte_order_mark_is_read() -> None:
    assert read_rows("\ufeffLogin;Name;Role\r\nvera;Вера;candidate\r\n").is_good


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the column 'login' is missing"),
        ("login,name\na,b\n", "the column 'role' is missing"),
        ("login,name,role,salary\na,b,c,d\n", "unknown column 'salary'"),
        ("login,name,role,login\na,b,c,d\n", "a column is there twice"),
        ("login,name,role\n", "there are no rows"),
        ('login,name,role\n"a,b\n', "this is not a CSV file"),
        ("\x00\x01", "this is not a text file"),
        ("login,name,role\n" + "a,b,candidate\n" * 5001, "more than 5000 rows"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, problem: str) -> None:
    preview = read_rows(text)

    assert not preview.is_good
    assert preview.problem is not None
    assert preview.problem.startswith(problem)


def problems(preview: ImportPreview) -> list[tuple[int, str | None]]:
    return [(row.line, row.field) for row in preview.rows if row.problem]


def test_rows_that_will_not_do_say_where_and_none_is_made() -> None:
    preview = judge(
        read_rows(
            "login,name,role,partner\n"
            "anna,Anna,candidate,\n"
            "vera,Vera,moderator,\n"
            "olga,Olga,candidate,nobody\n"
            "ivan,Ivan,candidate,\n"
            "ivan,Ivan again,candidate,\n"
            "self,Self,partner,self\n"
            "long,Long,candidate,,more\n"
        ),
        {"anna": present("anna")},
        partners={"boris"},
    )

    assert not preview.is_good
    wrong = ["role", "partner", "login", "login", "partner", None]
    assert problems(preview) == list(enumerate(wrong, 3))


def present(login: str, **fields: Any) -> Account:
    given: dict[str, Any] = {
        "account_id": f"id-of-{login}",
        "login": login,
        "display_name": login.title(),
        "role": Role.CANDIDATE,
        "partner_id": None,
        "partner_name": None,
        "partner_login": None,
        "locale": "ru",
        "country": None,
        "contact": ContactCard(),
        "active": True,
        "has_password": False,
        "created_at": NOON,
    }
    return Account(**{**given, **fields})


def test_a_row_of_an_account_that_is_there_says_each_field_that_changes() -> None:
    anna = present("anna", partner_login="off", contact=ContactCard(phone="1", note="Hi"), country="RU")

    preview = judge(
        read_rows("login,name,role,partner,note,locale\nAnna,Anna K.,candidate,off,,\n"), {"anna": anna}, partners=()
    )

    [row] = preview.rows
    assert (row.kind, row.account_id) == (Kind.CHANGED, "id-of-anna")
    assert row.changes == (Change("name", "Anna", "Anna K."), Change("note", "Hi", ""))


def test_a_column_that_is_not_there_changes_nothing() -> None:
    anna = present("anna", contact=ContactCard(phone="1"), country="RU", locale="en")

    preview = judge(read_rows("login,name,role\nanna,Anna,candidate\n"), {"anna": anna}, partners=())

    assert [row.kind for row in preview.rows] == [Kind.UNCHANGED]
    assert preview.is_good
    assert not preview.does_something


def test_the_fingerprint_is_of_what_would_be_done() -> None:
    rows = read_rows("login,name,role\nanna,Anna,candidate\n")
    new, unchanged, changed = [
        judge(rows, accounts, partners=()).fingerprint
        for accounts in ({}, {"anna": present("anna")}, {"anna": present("anna", display_name="A.")})
    ]

    assert len({new, unchanged, changed}) == 3
    assert judge(rows, {}, partners=()).fingerprint == new


@pytest.mark.parametrize(
    ("more", "has_other", "is_good"),
    [("", False, False), ("", True, True), ("vera,Vera,admin\n", False, True), ("boris,Boris,admin\n", False, False)],
)
def test_somebody_is_left_who_may_manage_accounts(more: str, has_other: bool, is_good: bool) -> None:
    accounts = {"anna": present("anna", role=Role.ADMIN), "boris": present("boris", active=False)}

    preview = judge(
        read_rows(f"login,name,role\nanna,Anna,speaker\n{more}"), accounts, partners=(), has_other_manager=has_other
    )

    assert preview.is_good is is_good
