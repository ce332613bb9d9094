"""People, for who may manage them."""

import html
import json
import re
from typing import Any

import pytest
from contracts import AccountEvent
from room_ui.accounts.importing import COLUMNS
from room_ui.pages import people, people_import
from room_ui.testing import BASE_URL, Web

NEW = {"login": "anna", "name": "Anna", "role": "candidate", "locale": "ru"}
GOOD = "login,name,role,partner\nboris,Boris,partner,\nanna,Anna,candidate,boris\n"


async def test_an_account_without_a_password_gets_a_link_that_signs_in_once(web: Web) -> None:
    admin = await web.member("admin")

    page = (await admin.post("/admin_webinar/people/new", data=NEW)).text

    address = re.search(r'value="http://rooms.localhost(/account/link/[^"]+)"', page)
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


def shown_form(page: str) -> dict[str, str]:
    """Return what a browser sends of the form of an account that nobody has typed into."""
    found = re.search(r'name="original" value="([^"]*)"', page)
    assert found is not None
    original = html.unescape(found[1])
    return {**json.loads(original), "original": original}


async def test_a_change_leaves_alone_what_somebody_else_has_changed_meanwhile(web: Web) -> None:
    admin = await web.member("admin")
    boris = await web.member("partner", login="boris", name='Boris "B" <b>', note="First\nsecond", phone="1")
    path = f"/admin_webinar/people/{boris.account_id}"

    form = shown_form((await admin.browser.get(path)).text)
    await boris.post("/account/contact/", data={"phone": "2", "note": "First\nsecond"})
    await boris.post("/account/language/", data={"locale": "en"})
    # A browser sends each end of a line as two characters.
    answer = await admin.post(path, data={**form, "note": "First\r\nsecond", "country": "kz"})

    assert answer.status_code == 303
    account = await web.parts.accounts.find("boris")
    assert account is not None
    assert (account.country, account.locale, account.contact.phone) == ("KZ", "en", "2")
    assert (account.display_name, account.contact.note) == ('Boris "B" <b>', "First\nsecond")


async def test_a_refused_change_shows_what_was_typed_beside_what_is_there_now(web: Web) -> None:
    admin = await web.member("admin")
    boris = await web.member("partner", login="boris", phone="1")
    path = f"/admin_webinar/people/{boris.account_id}"

    form = shown_form((await admin.browser.get(path)).text)
    await boris.post("/account/contact/", data={"phone": "2"})
    refused = await admin.post(path, data={**form, "name": "Boris B", "country": "Russia"})
    corrected = {**shown_form(refused.text), "name": "Boris B", "country": "RU", "phone": "2"}
    saved = await admin.post(path, data=corrected)

    assert refused.status_code == 422
    for shown in ('name="name" type="text" value="Boris B"', 'value="Russia"', 'name="phone" type="tel" value="2"'):
        assert shown in refused.text
    assert saved.status_code == 303
    account = await web.parts.accounts.find("boris")
    assert account is not None
    assert (account.display_name, account.country, account.contact.phone) == ("Boris B", "RU", "2")


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

    asked = await admin.post(f"{path}/deactivate")
    assert (await member.browser.get("/account/")).status_code == 200
    off = await admin.post(f"{path}/deactivate", data={"confirm": "confirm"})

    assert "data-confirm" in asked.text
    assert "сразу выйдет везде" in asked.text
    assert off.headers["location"] == "/admin_webinar/people/?done=account-off"
    assert (await member.browser.get("/account/")).status_code == 303
    page = (await admin.browser.get("/admin_webinar/people/")).text
    assert 'data-active="false"' in page
    assert (await admin.post(f"{path}/activate")).status_code == 200
    assert (await admin.post(f"{path}/activate", data={"confirm": "confirm"})).status_code == 303
    await web.under_test.collect()
    assert [event.active for event in web.under_test.said(AccountEvent)][-2:] == [False, True]


async def test_nobody_switches_off_themselves_or_somebody_unknown(web: Web) -> None:
    admin, _ = await web.member("admin"), await web.member("admin")
    confirm = {"confirm": "confirm"}

    oneself = await admin.post(f"/admin_webinar/people/{admin.account_id}/deactivate", data=confirm)

    assert oneself.status_code == 403
    assert "Свою собственную учётную запись" in oneself.text
    assert (await admin.post("/admin_webinar/people/nobody/deactivate", data=confirm)).status_code == 404
    assert (await admin.post("/admin_webinar/people/nobody/link")).status_code == 404
    assert (await admin.post(f"/admin_webinar/people/{admin.account_id}/explode", data=confirm)).status_code == 400
    assert (await admin.browser.get("/admin_webinar/people/")).status_code == 200


async def test_the_last_administrator_stays_one_and_the_page_says_why(web: Web) -> None:
    admin, other = await web.member("admin", login="first"), await web.member("admin", login="second")
    path = f"/admin_webinar/people/{other.account_id}"
    # Switched off from elsewhere while the page was open; their session goes on until that is heard of.
    viewer = admin.viewer
    async with web.parts.database.work() as work:
        await work.connection.execute("update account set active = false where account_id = $1", admin.account_id)
    assert viewer.session_id

    off = await admin.post(f"{path}/deactivate", data={"confirm": "confirm"})
    demoted = await admin.post(path, data={**NEW, "name": "Second", "role": "speaker"})

    assert (off.status_code, demoted.status_code) == (409, 422)
    for answer in (off, demoted):
        assert "последний включённый администратор" in answer.text
    assert 'id="e-role"' in demoted.text
    account = await web.parts.accounts.get(other.account_id)
    assert account is not None
    assert (account.active, account.role) == (True, "admin")


async def test_people_are_found_by_role_and_state_page_by_page(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "PEOPLE_PER_PAGE", 2)
    admin = await web.member("admin", login="the-admin")
    for number in range(5):
        await web.member(login=f"lead-{number}")
    off = await web.member("partner", login="off")
    await web.parts.accounts.set_active(off.account_id, active=False)

    async def logins(query: str) -> tuple[list[str], str]:
        page = (await admin.browser.get(f"/admin_webinar/people/{query}")).text
        return re.findall(r'data-label="Логин"><div>([^<]+)<', page), page

    first, page = await logins("?role=candidate&q=lead")
    following = re.search(r'href="(\?[^"]+after=lead-1)" rel="next"', page)
    assert following is not None
    second, page = await logins(html.unescape(following[1]))
    third, last_page = await logins("?role=candidate&after=lead-3")

    assert (first, second, third) == (["lead-0", "lead-1"], ["lead-2", "lead-3"], ["lead-4"])
    assert 'data-count="5"' in page
    assert 'href="/admin_webinar/people/?q=lead&amp;role=candidate"' in page
    assert 'rel="next"' not in last_page
    assert (await logins("?state=off"))[0] == ["off"]
    assert (await logins("?state=on&role=partner"))[0] == []
    assert 'data-count="7"' in (await logins("?role=nonsense&state=nonsense"))[1]


async def test_a_file_is_shown_first_and_imported_after_a_second_press(web: Web) -> None:
    admin = await web.member("admin")

    shown = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", GOOD.encode(), "text/csv")})
    assert await web.parts.accounts.find("anna") is None
    text = re.search(r'<textarea name="text" hidden>\n(.*?)</textarea>', shown.text, re.DOTALL)
    assert text is not None
    done = await admin.post("/admin_webinar/people-import/", data={"text": text[1], "confirm": "confirm"})

    assert 'data-import-preview="good"' in shown.text
    assert re.findall(r'data-row="(\w+)" data-line="(\d)"', shown.text) == [("new", "2"), ("new", "3")]
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
        b"\x98",
        b"PK\x03\x04 login,name,role",
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
        (b"PK\x03\x04...", "Это книга электронной таблицы."),
        (b"\xd0\xcf\x11\xe0...", "Это книга электронной таблицы."),
        (b"\x98", "Это не текстовый файл, который можно прочитать."),
        (b"x" * (1024 * 1024 + 1), "Файл больше 1 МБ."),
        (b"", "Файл не выбран или пуст."),
    ],
)
async def test_why_a_file_cannot_be_read_is_said(web: Web, content: bytes, words: str) -> None:
    admin = await web.member("admin")

    page = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", content, "text/csv")})

    assert page.status_code == 422
    assert words in page.text


@pytest.mark.parametrize(
    ("content", "is_open"),
    [("login,name,salary\n", True), ("a", True), (GOOD.replace("partner,\n", "king,\n"), True), (GOOD, False)],
)
async def test_the_columns_are_unfolded_beside_a_file_that_is_wrong(web: Web, content: str, is_open: bool) -> None:
    admin = await web.member("admin")

    page = await admin.post("/admin_webinar/people-import/", data={"text": content})

    assert ('<details class="columns" open>' in page.text) is is_open


@pytest.mark.parametrize(
    ("encoding", "locale", "name", "is_guessed"),
    [
        ("utf-8-sig", "ru", "Анна Ёлкина", False),
        ("utf-16", "ru", "Анна Ёлкина", False),
        ("cp1251", "ru", "Анна Ёлкина", True),
        ("cp1252", "en", "Renée Müller", True),
    ],
)
async def test_a_file_is_read_as_spreadsheets_save_it(
    web: Web, encoding: str, locale: str, name: str, is_guessed: bool
) -> None:
    admin = await web.member("admin", locale=locale)
    content = f"login;name;role\nanna;{name};candidate\n".encode(encoding)

    page = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", content, "text/csv")})

    assert 'data-import-preview="good"' in page.text
    assert name in page.text
    assert ("data-guessed" in page.text) is is_guessed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("login,name,role\nanna,Anna,candidate\nanna,Anna,candidate\n", "Этот логин указан в файле дважды."),
        ("login,name,role\nthe-admin,Anna,candidate\n", "Не останется никого"),
        ("login,name,role\nanna,Anna,candidate,more\n", "В этой строке значений больше, чем столбцов."),
        ("login,name,role\nanna,Anna,moderator\n", "Роли: admin,"),
        ("login,name,role\nanna,anna@example.org,candidate\n", "не логин и не адрес почты"),
        ("login,name\nanna,Anna\n", "Нет столбца «role»."),
        ("login,name,role,<b>%s\n", "Столбец «&lt;b&gt;%s» неизвестен. Возможные перечислены ниже."),
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


async def test_a_file_shows_what_changes_from_what_to_what_and_does_just_that(web: Web) -> None:
    admin = await web.member("admin", login="the-admin")
    await web.member("partner", login="boris", name="Boris")
    await web.member(login="anna", name="Anna", partner="boris", phone="<1>")
    vera = await web.member(login="vera", name="Vera")
    rows = ("login;name;role;partner;phone", "anna;Anna K.;candidate;;<2>", "vera;Vera;candidate;;")
    text = "\n".join([*rows, "olga;Olga;candidate;boris;"])

    shown = await admin.post("/admin_webinar/people-import/", data={"text": text})
    fingerprint = re.search(r'name="shown" value="(\w+)"', shown.text)
    assert fingerprint is not None
    form = {"text": text, "confirm": "confirm", "shown": fingerprint[1]}
    await web.parts.accounts.edit(vera.account_id, {"name": "V.", "role": "candidate"})
    overtaken = await admin.post("/admin_webinar/people-import/", data=form)
    assert (await web.parts.accounts.find("olga")) is None
    fingerprint = re.search(r'name="shown" value="(\w+)"', overtaken.text)
    assert fingerprint is not None
    done = await admin.post("/admin_webinar/people-import/", data={**form, "shown": fingerprint[1]})

    figures = dict(re.findall(r'data-figure="(\w+)">(\d+)', shown.text))
    assert figures == {"new": "1", "changed": "1", "unchanged": "1", "wrong": "0"}
    changes = re.findall(r"<code>(\w+)</code> <del>(.*?)</del>.*?<ins>(.*?)</ins>", shown.text)
    assert changes == [("name", "Anna", "Anna K."), ("partner", "boris", "–"), ("phone", "&lt;1&gt;", "&lt;2&gt;")]
    assert overtaken.status_code == 409
    assert "Тем временем что-то изменилось" in overtaken.text
    assert 'data-made="1" data-changed-accounts="2"' in done.text
    anna = await web.parts.accounts.find("anna")
    assert anna is not None
    assert (anna.display_name, anna.partner_id, anna.contact.phone) == ("Anna K.", None, "<2>")


async def test_of_a_long_file_the_first_rows_of_each_kind_are_shown(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people_import, "SHOWN_ROWS", 2)
    admin = await web.member("admin")
    for number in range(3):
        await web.member(login=f"there-{number}", name="Old")
    rows = [f"{word}-{number},New,candidate" for word in ("new", "there") for number in range(5)]
    text = "\n".join(["login,name,role", *rows, "wrong-1,W,king"])

    bad = await admin.post("/admin_webinar/people-import/", data={"text": text})
    good = await admin.post("/admin_webinar/people-import/", data={"text": text.rpartition("\n")[0]})
    done = await admin.post(
        "/admin_webinar/people-import/", data={"text": text.rpartition("\n")[0], "confirm": "confirm"}
    )

    lines = re.findall(r'data-row="(\w+)" data-line="(\d+)"', bad.text)
    assert lines == [("wrong", "12"), ("changed", "7"), ("changed", "8"), ("new", "2"), ("new", "3")]
    assert re.findall(r'data-more="(\d+)"', bad.text) == ["1", "5"]
    assert "и ещё 5 строк" in good.text
    assert 'data-figure="new">7' in good.text
    assert done.text.count("data-one-time-link") == 7


async def test_a_note_of_several_lines_is_imported_as_it_was_shown_and_once(web: Web) -> None:
    admin = await web.member("admin")
    await web.member("partner", login="boris", name="Boris")
    text = 'login,name,role,note\nboris,Boris,partner,"First\nsecond"\n'
    path = "/admin_webinar/people-import/"

    shown = await admin.post(path, files={"file": ("people.csv", text.encode(), "text/csv")})
    fingerprint = re.search(r'name="shown" value="(\w+)"', shown.text)
    assert fingerprint is not None
    # A browser sends each end of a line as two characters.
    form = {"text": text.replace("\n", "\r\n"), "shown": fingerprint[1], "confirm": "confirm"}
    done = await admin.post(path, data=form)
    again = await admin.post(path, files={"file": ("people.csv", text.encode(), "text/csv")})

    assert (done.status_code, again.status_code) == (200, 200)
    assert 'data-changed-accounts="1"' in done.text
    assert 'data-figure="unchanged">1' in again.text
    account = await web.parts.accounts.find("boris")
    assert account is not None
    assert account.contact.note == "First\nsecond"


async def test_a_file_that_changes_nothing_has_no_button(web: Web) -> None:
    admin = await web.member("admin")
    await web.member(login="anna", name="Anna")

    shown = await admin.post(
        "/admin_webinar/people-import/", data={"text": "login,name,role\nanna,Anna,candidate\n", "confirm": "confirm"}
    )

    assert shown.status_code == 200
    assert "делать нечего" in shown.text
    assert 'name="confirm"' not in shown.text


async def test_links_whose_page_was_lost_are_made_anew_from_the_same_file(web: Web) -> None:
    admin = await web.member("admin")
    path, form = "/admin_webinar/people-import/", {"text": GOOD, "confirm": "confirm"}

    lost = await admin.post(path, data=form)
    second = await admin.post(path, data=form)
    made = await admin.post(path, data={"text": GOOD, "links": "links"})

    tokens = [re.findall(r"/account/link/([\w-]+)", answer.text) for answer in (lost, made)]
    assert [len(found) for found in tokens] == [2, 2]
    assert 'data-newcomers="2"' in second.text
    assert "2 человека" in second.text
    assert 'name="links"' not in lost.text
    assert "Ссылки, выданные раньше, больше не действуют." in made.text
    owners = [[await web.parts.accounts.link_owner(token) for token in found] for found in tokens]
    assert owners == [[None, None], ["Boris", "Anna"]]


async def test_links_are_made_anew_only_for_a_file_that_does_nothing_and_holds_newcomers(web: Web) -> None:
    admin = await web.member("admin", login="the-admin")
    await web.member(login="anna", name="Anna")
    path = "/admin_webinar/people-import/"

    # Anna has signed in; Boris is not there yet.
    known = await admin.post(path, data={"text": "login,name,role\nanna,Anna,candidate\n", "links": "links"})
    changing = await admin.post(path, data={"text": GOOD, "links": "links"})
    wrong = await admin.post(path, data={"text": "login,name,role\nanna,Anna,moderator\n", "links": "links"})

    for answer in (known, changing, wrong):
        assert "data-newcomers" not in answer.text
        assert "data-import-preview" in answer.text
    assert [account.login for account in await web.parts.accounts.list()] == ["anna", "the-admin"]


@pytest.mark.parametrize(("locale", "delimiter"), [("ru", ";"), ("en", ",")])
async def test_the_template_is_a_file_that_the_import_understands(web: Web, locale: str, delimiter: str) -> None:
    admin = await web.member("admin", locale=locale)

    template = await admin.browser.get("/admin_webinar/people-import/template.csv")
    row = delimiter.join(["anna", "Anna", "candidate", *[""] * (len(COLUMNS) - 3)])
    content = template.content + row.encode()
    shown = await admin.post("/admin_webinar/people-import/", files={"file": ("people.csv", content, "text/csv")})

    assert template.headers["content-type"].startswith("text/csv")
    assert "attachment" in template.headers["content-disposition"]
    assert template.content.startswith(b"\xef\xbb\xbflogin" + delimiter.encode())
    assert 'data-import-preview="good"' in shown.text
    speaker = await web.member("speaker")
    assert (await speaker.browser.get("/admin_webinar/people-import/template.csv")).status_code == 403


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
