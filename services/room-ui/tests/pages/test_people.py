"""People and message texts, for who may manage them."""

import re
from typing import Any

import pytest
from contracts import (
    AccountEvent,
    CommandError,
    CommandReply,
    ErrorCode,
    MessageTemplateEvent,
    MessageTemplateSet,
    Step,
)
from room_ui.testing import BASE_URL, Web
from servicekit import CommandNotSent

NEW = {"login": "anna", "name": "Anna", "role": "candidate", "locale": "ru"}
GOOD = "login,name,role,partner\nboris,Boris,partner,\nanna,Anna,candidate,boris\n"


async def test_an_account_without_a_password_gets_a_link_that_signs_in_once(web: Web) -> None:
    admin = await web.member("admin")

    page = (await admin.post("/admin_webinar/people/new", data=NEW)).text

    address = re.search(r'value="http://rooms.test(/account/link/[^"]+)"', page)
    assert address is not None
    assert (await web.browser().get(address[1])).status_code == 200
    assert (await web.parts.accounts.find("anna")) is not None


async def test_an_account_with_a_password_is_made_and_listed(web: Web) -> None:
    admin = await web.member("admin", login="the-admin")

    made = await admin.post("/admin_webinar/people/new", data={**NEW, "password": "a long password"})
    page = (await admin.browser.get("/admin_webinar/people/?q=ann")).text

    assert "account/link" not in made.text
    account = await web.parts.accounts.find("anna")
    assert account is not None
    assert account.has_password
    assert f'data-account-id="{account.account_id}"' in page
    assert "the-admin" not in page


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"role": "moderator"}, "role"),
        ({"login": "Ан на"}, "login"),
        ({"name": ""}, "name"),
        ({"name": "anna"}, "name"),
        ({"name": "anna@example.org"}, "name"),
        ({"partner": "nobody"}, "partner"),
        ({"country": "Russia"}, "country"),
        ({"password": "short"}, "password"),
        ({"link": "javascript:alert(1)"}, "link"),
    ],
)
async def test_a_wrong_field_is_refused_at_its_place_and_nothing_is_made(
    web: Web, words: dict[str, str], field: str
) -> None:
    admin = await web.member("admin")

    answer = await admin.post("/admin_webinar/people/new", data={**NEW, "note": "typed", **words})

    assert answer.status_code == 422
    assert 'data-error-code="invalid_field"' in answer.text
    assert f'id="e-{field}"' in answer.text
    assert "typed" in answer.text
    assert await web.parts.accounts.find("anna") is None


async def test_an_account_is_changed_and_keeps_its_login(web: Web) -> None:
    admin, member = await web.member("admin"), await web.member(login="anna", name="Anna")
    path = f"/admin_webinar/people/{member.account_id}"

    page = (await admin.browser.get(path)).text
    answer = await admin.post(path, data={**NEW, "login": "other", "name": "Anna K", "country": "kz"})

    assert 'value="Anna"' in page
    assert answer.headers["location"] == "/admin_webinar/people/?done=saved"
    account = await web.parts.accounts.find("anna")
    assert account is not None
    assert (account.display_name, account.country, account.login) == ("Anna K", "KZ", "anna")
    nobody = await admin.browser.get("/admin_webinar/people/nobody")
    assert nobody.status_code == 404
    assert "вебинар" not in nobody.text.split("<main")[1].lower()


async def test_an_account_is_changed_while_its_partner_is_switched_off(web: Web) -> None:
    admin = await web.member("admin")
    partner, _ = await web.member("partner", login="boris"), await web.member("partner", login="vera")
    member, other = await web.member(login="anna", partner="boris"), await web.member(login="olga", partner="vera")
    await web.parts.accounts.set_active(partner.account_id, active=False)
    path = f"/admin_webinar/people/{member.account_id}"

    page = (await admin.browser.get(path)).text
    changed = await admin.post(path, data={**NEW, "name": "Anna K", "partner": "boris"})
    refused = await admin.post(f"/admin_webinar/people/{other.account_id}", data={**NEW, "partner": "boris"})

    assert 'name="partner" type="text" value="boris"' in page
    assert (changed.status_code, refused.status_code) == (303, 422)
    account = await web.parts.accounts.find("anna")
    assert account is not None
    assert (account.display_name, account.partner_id) == ("Anna K", partner.account_id)


@pytest.mark.parametrize("words", [{"password": "short"}, {"role": "moderator", "password": "a long password"}])
async def test_a_refused_change_changes_nothing_at_all(web: Web, words: dict[str, str]) -> None:
    admin, member = await web.member("admin"), await web.member(login="anna", name="Anna")

    answer = await admin.post(f"/admin_webinar/people/{member.account_id}", data={**NEW, "name": "Other", **words})

    assert answer.status_code == 422
    account = await web.parts.accounts.find("anna")
    assert account is not None
    assert (account.display_name, account.has_password) == ("Anna", False)


async def test_switching_off_ends_the_session_and_on_makes_it_possible_again(web: Web) -> None:
    admin, member = await web.member("admin"), await web.member()
    path = f"/admin_webinar/people/{member.account_id}"
    assert (await member.browser.get("/account/")).status_code == 200

    off = await admin.post(f"{path}/deactivate")

    assert off.headers["location"] == "/admin_webinar/people/?done=account-off"
    assert (await member.browser.get("/account/")).status_code == 303
    page = (await admin.browser.get("/admin_webinar/people/")).text
    assert 'data-active="false"' in page
    assert (await admin.post(f"{path}/activate")).status_code == 303
    await web.under_test.collect()
    assert [event.active for event in web.under_test.said(AccountEvent)][-2:] == [False, True]


async def test_nobody_switches_off_themselves_or_somebody_unknown(web: Web) -> None:
    admin = await web.member("admin")

    assert (await admin.post(f"/admin_webinar/people/{admin.account_id}/deactivate")).status_code == 403
    assert (await admin.post("/admin_webinar/people/nobody/deactivate")).status_code == 404
    assert (await admin.post(f"/admin_webinar/people/{admin.account_id}/explode")).status_code == 400
    assert (await admin.browser.get("/admin_webinar/people/")).status_code == 200


async def test_a_file_is_shown_first_and_imported_after_a_second_press(web: Web) -> None:
    admin = await web.member("admin")

    shown = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", GOOD.encode(), "text/csv")})
    assert await web.parts.accounts.find("anna") is None
    text = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', shown.text, re.DOTALL)
    assert text is not None
    done = await admin.post("/admin_webinar/people-import/", data={"text": text[1], "confirm": "confirm"})

    assert 'data-import-preview="good"' in shown.text
    assert 'data-made="2"' in done.text
    assert done.text.count("data-one-time-link") == 2
    anna = await web.parts.accounts.find("anna")
    assert anna is not None
    assert anna.partner_name == "Boris"


@pytest.mark.parametrize(
    "content",
    [
        b"login,name,role\nanna,Anna,moderator\n",
        b"login,name,role\nanna,Anna,candidate\nanna,Anna,candidate\n",
        b"login,name,role\nvera,Vera,candidate\n<b>,Anna,candidate\n",
        b"login,name\nanna,Anna\n",
        b"\xff\xfe\x00",
        b"",
        b"login,name,role\n",
        b"x" * (1024 * 1024 + 1),
    ],
)
async def test_a_wrong_file_makes_nobody_even_when_confirmed(web: Web, content: bytes) -> None:
    admin = await web.member("admin", login="the-admin")

    answer = await admin.post(
        "/admin_webinar/people-import/",
        files={"file": ("people.csv", content, "text/csv")},
        data={"confirm": "confirm"},
    )

    assert answer.status_code == 422
    assert 'data-error-code="invalid_field"' in answer.text
    assert "<b>," not in answer.text
    assert [account.login for account in await web.parts.accounts.list()] == ["the-admin"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("login,name,role\nanna,Anna,candidate\nanna,Anna,candidate\n", "Этот логин указан в файле дважды."),
        ("login,name,role\nthe-admin,Anna,candidate\n", "Этот логин уже занят."),
        ("login,name,role\nanna,Anna,candidate,more\n", "В этой строке значений больше, чем столбцов."),
        ("login,name,role\nanna,Anna,moderator\n", "Роли: admin,"),
        ("login,name,role\nanna,anna@example.org,candidate\n", "не логин и не адрес почты"),
        ("login,name\nanna,Anna\n", "Нет столбца «role»."),
        ("login,name,role,<b>%s\n", "Столбец «&lt;b&gt;%s» неизвестен."),
        ("login,name,role,role\n", "Один из столбцов указан дважды."),
        ("login,name,role\n", "В файле нет строк."),
        ('login,name,role\n"anna', "Файл не читается как CSV."),
        ("login,name,role\x00", "Это не текстовый файл."),
        ("login,name,role\n" + "a,b,candidate\n" * 5001, "Строк больше 5000."),
    ],
)
async def test_what_is_wrong_with_a_file_is_said_in_the_readers_language(web: Web, content: str, words: str) -> None:
    admin = await web.member("admin", login="the-admin")

    page = await admin.post(
        "/admin_webinar/people-import/", files={"file": ("people.csv", content.encode(), "text/csv")}
    )

    assert page.status_code == 422
    assert words in page.text


async def test_a_russian_file_as_large_as_may_be_is_confirmed_by_the_very_form_that_shows_it(web: Web) -> None:
    admin = await web.member("admin")
    rows = [f"lead-{number},Анна,candidate,{'я' * 500}\n" for number in range(1017)]
    content = ("login,name,role,note\n" + "".join(rows)).encode().ljust(1024 * 1024, b"\n")
    assert len(content) == 1024 * 1024

    shown = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", content, "text/csv")})
    form = re.search(
        r'<form method="post" action="/admin_webinar/people-import/"([^>]*)>\s*<input[^>]* value="([^"]+)">'
        r'<textarea name="text" hidden>\n(.*?)</textarea>',
        shown.text,
        re.DOTALL,
    )
    assert form is not None
    typed = {"csrf_token": form[2], "text": form[3].replace("\n", "\r\n"), "confirm": "confirm"}
    parts: dict[str, Any] = (
        {"files": {name: (None, text) for name, text in typed.items()}} if "multipart" in form[1] else {"data": typed}
    )
    done = await admin.browser.post("/admin_webinar/people-import/", headers={"origin": BASE_URL}, **parts)

    assert done.status_code == 200
    assert 'data-made="1017"' in done.text


async def test_texts_are_shown_with_a_preview_and_saved_by_command(web: Web) -> None:
    admin = await web.member("admin")
    text = "Hello, {name}! {title}\n<b>{unknown}</b>"
    await web.under_test.receive(MessageTemplateEvent(step=Step.ATTENDED, locale="en", version=1, text=text))

    page = (await admin.browser.get("/admin_webinar/messages/")).text
    saved = await admin.post(
        "/admin_webinar/messages/", data={"step": "attended", "locale": "en", "text": "Hi, {name}\r\nBye"}
    )

    assert page.count("data-template=") == 8
    assert "Hello, {name}! {title}" in page
    assert "Hello, Anna! How it all works" in page
    assert "&lt;b&gt;{unknown}&lt;/b&gt;" in page
    [(command, _, _)] = web.commands.sent
    assert command == MessageTemplateSet(step="attended", locale="en", text="Hi, {name}\nBye")
    assert saved.headers["location"] == "/admin_webinar/messages/?done=template"


async def test_a_preview_saves_nothing_and_a_refused_text_is_kept(web: Web) -> None:
    admin = await web.member("admin")
    form = {"step": "recording", "locale": "ru", "text": "Вот запись: {recording}"}

    preview = await admin.post("/admin_webinar/messages/", data={**form, "show": "show"})
    assert web.commands.sent == []
    error = CommandError(code=ErrorCode.INVALID_FIELD, message="unknown word", field="text")
    web.commands.answer = CommandReply(ok=False, error=error)
    refused = await admin.post("/admin_webinar/messages/", data=form)
    web.commands.answer = CommandNotSent("away")
    away = await admin.post("/admin_webinar/messages/", data=form)

    assert "Вот запись: https://example.org/recording" in preview.text
    assert (refused.status_code, away.status_code) == (422, 503)
    assert 'data-error-code="invalid_field"' in refused.text
    for answer in (refused, away):
        assert "Вот запись: {recording}" in answer.text
