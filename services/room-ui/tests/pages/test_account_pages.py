"""Signing in, the account, Telegram, the contact person."""

import re
from datetime import UTC, datetime

import pytest
from contracts import ChatLinkEvent, ChatLinkRequested, CommandError, CommandReply, ErrorCode, Role
from room_ui.accounts.domain import new_account
from room_ui.testing import BASE_URL, NOON, Member, Web, open_web
from servicekit import CommandNotSent, CommandUnanswered
from servicekit.testing import Harness


async def test_the_sign_in_form_carries_token_and_next(web: Web) -> None:
    page = (await web.browser().get("/account/login/", params={"next": "/admin_webinar/"})).text

    assert 'action="/account/login/"' in page
    assert '<input type="hidden" name="next" value="/admin_webinar/">' in page
    assert re.search(r'name="csrf_token" value="[^"]{20,}"', page)
    assert 'name="login"' in page
    assert 'name="password"' in page


@pytest.mark.parametrize("next_page", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x"])
async def test_the_sign_in_form_forgets_a_next_that_is_not_ours(web: Web, next_page: str) -> None:
    page = (await web.browser().get("/account/login/", params={"next": next_page})).text

    form = page.split("<main")[1]
    assert "evil.example" not in form
    assert 'name="next"' not in form


async def test_a_failed_sign_in_says_so_at_the_field_and_keeps_the_login(web: Web) -> None:
    page = (await web.browser().get("/account/login/?error=wrong&login=%22%3Eanna")).text

    assert "Логин или пароль не подходит." in page
    assert re.search(r'id="f-password"[^>]* aria-invalid="true" autofocus aria-describedby="e-password "', page)
    assert 'data-error-code="unauthenticated"' in page
    assert 'value="&#34;&gt;anna"' in page


async def test_after_too_many_tries_the_form_says_when_to_try_again(web: Web) -> None:
    await web.parts.accounts.add(new_account({"login": "anna", "name": "Anna", "role": "candidate"}))
    browser = web.browser()
    await browser.get("/account/login/")
    form = {"login": "anna", "password": "guess", "csrf_token": browser.cookies["wh_guest"].strip('"')}
    for _ in range(11):
        answer = await browser.post("/account/login/", data=form, headers={"origin": BASE_URL})

    told = answer.headers["location"]
    page = (await browser.get(told)).text
    web.under_test.clock.advance(14 * 60)
    later = (await browser.get(told)).text
    web.under_test.clock.advance(60)
    over = (await browser.get(told)).text

    assert 'data-error-code="too_many_requests"' in page
    assert "Попробовать снова можно через" in page
    assert '<b class="number" data-remaining>15:00</b>' in page
    assert "data-remaining>01:00</b>" in later
    assert "too_many_requests" not in over
    for odd in ("x", "-1", "9" * 11, "9" * 30, "²"):
        page = (await browser.get("/account/login/", params={"error": "too_many", "until": odd})).text
        assert "data-remaining" not in page
    assert "четверть часа" in (await browser.get("/account/login/?error=too_many")).text


async def test_who_is_sent_to_sign_in_by_an_ended_session_is_told_so(web: Web) -> None:
    member = await web.member()
    await web.parts.accounts.sign_out(member.viewer)

    address = (await member.browser.get("/account/contacts/")).headers["location"]
    page = (await web.browser().get(address)).text

    assert address == "/account/login/?next=/account/contacts/&error=ended"
    assert "Ваш сеанс закончился" in page
    assert '<input type="hidden" name="next" value="/account/contacts/">' in page
    assert "сеанс" not in (await web.browser().get("/account/login/?next=/account/contacts/")).text


async def test_a_guest_is_sent_to_sign_in_from_every_page_of_the_account(web: Web) -> None:
    for path in (
        "/account/",
        "/account/webinar_room/",
        "/account/contacts/",
        "/account/candidates/",
        "/account/telegram/",
    ):
        found = await web.browser().get(path)

        assert found.status_code == 303
        assert found.headers["location"] == f"/account/login/?next={path}"


async def test_a_one_time_link_shows_a_button_and_is_not_used_up_by_looking(web: Web) -> None:
    member = await web.member(name="Anna")
    token = await web.parts.accounts.new_link(member.account_id)

    first, second = [await web.browser().get(f"/account/link/{token}") for _ in range(2)]
    wrong = await web.browser().get("/account/link/nonsense")

    assert first.status_code == second.status_code == 200
    assert "Anna" in first.text
    assert f'method="post" action="/account/link/{token}"' in second.text
    assert wrong.status_code == 410
    assert "<form" not in wrong.text.split("<main")[1]


async def test_the_language_of_an_account_is_set_by_its_switch(web: Web) -> None:
    member = await web.member()

    page = (await member.browser.get("/webinars/?ref=abc")).text
    assert '<input type="hidden" name="next" value="/webinars/?ref=abc">' in page
    answer = await member.post("/account/language/", data={"locale": "en", "next": "/webinars/"})
    page = (await member.browser.get("/webinars/")).text

    assert answer.headers["location"] == "/webinars/"
    assert '<html lang="en">' in page
    assert (await member.post("/account/language/", data={"locale": "xx"})).status_code == 400


async def test_a_partner_shows_a_contact_card_and_a_candidate_sees_it(web: Web) -> None:
    partner = await web.member("partner", login="boris", name="Boris")
    candidate = await web.member(partner="boris")
    card = {"telegram": "@boris_p", "phone": "+7 900 000", "link": "https://b.example", "note": "<i>Hello</i>"}

    answer = await partner.post("/account/contact/", data=card)
    page = (await candidate.browser.get("/account/contacts/")).text

    assert answer.headers["location"] == "/account/?done=contact"
    assert 'href="https://t.me/boris_p"' in page
    assert 'href="tel:+7900000"' in page
    assert 'href="https://b.example"' in page
    assert "&lt;i&gt;Hello&lt;/i&gt;" in page


async def test_a_wrong_contact_card_is_refused_at_its_field_and_keeps_what_was_typed(web: Web) -> None:
    partner = await web.member("partner")

    answer = await partner.post("/account/contact/", data={"link": "javascript:alert(1)", "phone": "12345"})

    assert answer.status_code == 422
    assert 'data-error-code="invalid_field"' in answer.text
    assert 'id="e-link"' in answer.text
    assert 'value="javascript:alert(1)"' in answer.text
    assert 'value="12345"' in answer.text
    assert 'href="javascript:' not in answer.text
    assert (await web.parts.accounts.get(partner.account_id)).contact.link is None  # type: ignore[union-attr]


async def test_the_card_is_previewed_as_candidates_would_see_it_and_nothing_is_saved(web: Web) -> None:
    partner = await web.member("partner", name="Boris")
    typed = {"telegram": "@boris_p", "link": "http://not-safe", "photo_url": "https://p.example/b.jpg", "note": "<i>Hi"}

    preview = await partner.post("/account/contact/preview/", data=typed)

    assert preview.status_code == 200
    assert "<html" not in preview.text
    assert 'href="https://t.me/boris_p"' in preview.text
    assert 'src="https://p.example/b.jpg"' in preview.text
    assert "&lt;i&gt;Hi" in preview.text
    assert "not-safe" not in preview.text
    assert (await web.parts.accounts.get(partner.account_id)).contact.telegram is None  # type: ignore[union-attr]
    page = (await partner.browser.get("/account/")).text
    assert 'data-live-preview="/account/contact/preview/"' in page
    assert page.count("Boris") >= 2


async def test_a_candidate_has_no_contact_card_to_set(web: Web) -> None:
    candidate = await web.member()

    assert (await candidate.post("/account/contact/", data={"phone": "1"})).status_code == 403
    assert (await candidate.post("/account/contact/preview/", data={"phone": "1"})).status_code == 403


async def another_session(web: Web, member: Member) -> str:
    async with web.parts.database.work() as work:
        cookie = await web.parts.sessions.begin(work.connection, member.account_id, work.now)
    return cookie.decode().split(";")[0]


async def test_the_account_says_on_how_many_devices_one_is_signed_in(web: Web) -> None:
    member = await web.member(login="anna")

    alone = (await member.browser.get("/account/")).text
    await another_session(web, member)
    two = (await member.browser.get("/account/")).text

    assert 'data-devices="1"' in alone
    assert "/account/logout/everywhere/" not in alone
    assert "на 2 устройствах" in two
    assert 'action="/account/logout/everywhere/"' in two
    assert "логин для входа: anna" in two


async def test_signing_out_everywhere_stays_here_if_wanted_and_says_so(web: Web) -> None:
    member = await web.member()
    elsewhere = web.browser(await another_session(web, member))

    kept = await member.post("/account/logout/everywhere/", data={"here": "stay"})
    assert (await elsewhere.get("/account/")).status_code == 303
    page = await member.browser.get(kept.headers["location"])
    gone = await member.post("/account/logout/everywhere/", data={})

    assert kept.headers["location"] == "/account/?done=elsewhere"
    assert "Вы вышли везде, кроме этого устройства." in page.text
    assert gone.headers["location"] == "/account/login/?done=everywhere"
    assert gone.headers["set-cookie"].startswith('wh_session=""')
    assert (await member.browser.get("/account/")).status_code == 303
    assert "на всех устройствах" in (await web.browser().get(gone.headers["location"])).text


async def test_a_password_is_set_and_then_changed_with_the_present_one(web: Web) -> None:
    member = await web.member()
    first, second = "a long password", "another password"

    before = (await member.browser.get("/account/")).text
    set_now = await member.post("/account/password/", data={"password": first, "again": first})
    after = (await member.browser.get("/account/?done=password")).text
    wrong = await member.post("/account/password/", data={"old": "wrong", "password": second, "again": second})
    changed = await member.post("/account/password/", data={"old": first, "password": second, "again": second})

    assert 'name="old"' not in before
    assert 'name="old"' in after
    assert "Пароль изменён." in after
    assert [answer.headers.get("location") for answer in (set_now, changed)] == ["/account/?done=password"] * 2
    assert wrong.status_code == 422
    assert 'id="e-old"' in wrong.text
    assert second not in wrong.text


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"password": "short", "again": "short"}, "password"),
        ({"password": "a long password", "again": "another password"}, "again"),
        ({"password": "x" * 201, "again": "x" * 201}, "password"),
        ({}, "password"),
    ],
)
async def test_a_password_that_will_not_do_is_refused_at_its_field(web: Web, words: dict[str, str], field: str) -> None:
    member = await web.member()

    answer = await member.post("/account/password/", data=words)

    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    account = await web.parts.accounts.get(member.account_id)
    assert account is not None
    assert not account.has_password


async def test_too_many_wrong_passwords_say_when_it_goes_on(web: Web) -> None:
    member = await web.member()
    await web.parts.accounts.set_password(member.account_id, "a long password", keep_session=member.viewer.session_id)
    form = {"old": "guess", "password": "another password", "again": "another password"}

    answers = [await member.post("/account/password/", data=form) for _ in range(11)]
    web.under_test.clock.advance(14 * 60)
    later = await member.post("/account/password/", data=form)

    assert [answer.status_code for answer in answers] == [422] * 10 + [429]
    assert "через 15 минут" in answers[-1].text
    assert "через 1 минуту" in later.text


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("@house", 'href="https://t.me/house"'),
        ("https://house.example/x", 'href="https://house.example/x"'),
        ("Call <us>", "Call &lt;us&gt;"),
        ("", "не оставил здесь контакт"),
    ],
)
async def test_without_a_partner_there_is_the_organiser(harness: Harness, contact: str, shown: str) -> None:
    web = await open_web(harness, organiser_contact=contact)
    candidate = await web.member()

    assert shown in (await candidate.browser.get("/account/contacts/")).text


async def test_linking_telegram_shows_the_address_and_its_square(web: Web) -> None:
    candidate = await web.member()
    address = "https://t.me/our_bot?start=abc"
    web.commands.answer = CommandReply(ok=True, address=address, expires_at=datetime(2026, 3, 2, 12, 15, tzinfo=UTC))

    whole = await candidate.post("/account/telegram/", data={})
    alone = await candidate.post("/account/telegram/", data={}, headers={"x-part": "telegram"})

    [(command, actor, _), _] = web.commands.sent
    assert command == ChatLinkRequested(account_id=candidate.account_id)
    assert actor.account_id == candidate.account_id
    for page in (whole.text, alone.text):
        assert f'href="{address}"' in page
        assert "<svg" in page
        assert "style=" not in page
    assert "<html" not in alone.text


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (CommandNotSent("away"), "unavailable"),
        (CommandReply(ok=False, error=CommandError(code=ErrorCode.UNAVAILABLE, message="no bot")), "unavailable"),
        (CommandReply(ok=True), "unavailable"),
    ],
)
async def test_linking_telegram_that_fails_says_so_plainly(
    web: Web, answer: CommandReply | Exception, code: str
) -> None:
    candidate = await web.member()
    web.commands.answer = answer

    page = await candidate.post("/account/telegram/", data={})

    assert page.status_code == 503
    assert f'data-error-code="{code}"' in page.text


async def test_linking_telegram_without_an_answer_says_that_it_is_not_known(web: Web) -> None:
    candidate = await web.member()
    web.commands.answer = CommandUnanswered("slow")

    page = await candidate.post("/account/telegram/", data={})

    assert page.status_code == 503
    assert "Пока неизвестно" in page.text
    assert 'data-error-code="unavailable"' in page.text


async def test_the_account_says_whether_telegram_is_linked(web: Web) -> None:
    candidate, speaker = await web.member(), await web.member(Role.SPEAKER)
    before = (await candidate.browser.get("/account/")).text
    await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
    after = (await candidate.browser.get("/account/")).text
    await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=2, linked=True, blocked=True))
    blocked = (await candidate.browser.get("/account/telegram/")).text

    assert "Привяжите Telegram" in before
    assert "Ваш Telegram привязан" in after
    assert "/stop" in after
    assert "заблокировали бота" in blocked
    states = [re.findall(r'data-state="(\w+)"', page) for page in (before, after, blocked)]
    assert states == [["none"], ["linked"], ["blocked"]]
    assert "Telegram" not in (await speaker.browser.get("/account/")).text


async def test_signing_out_is_a_button_on_the_account(web: Web) -> None:
    member = await web.member()

    page = (await member.browser.get("/account/")).text
    answer = await member.post("/account/logout/")

    assert 'method="post" action="/account/logout/"' in page
    assert answer.headers["location"] == "/webinars/"
    assert (await member.browser.get("/account/")).status_code == 303
    assert web.under_test.clock.now() == NOON
