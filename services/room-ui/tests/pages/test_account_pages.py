"""Signing in, the account, Telegram, the contact person."""

import re
from datetime import UTC, datetime

import pytest
from contracts import ChatLinkEvent, ChatLinkRequested, CommandError, CommandReply, ErrorCode, Role
from room_ui.testing import NOON, Web, open_web
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


async def test_a_failed_sign_in_says_so_and_keeps_the_login(web: Web) -> None:
    page = (await web.browser().get("/account/login/?error=wrong&login=%22%3Eanna")).text

    assert "Логин или пароль не подходит." in page
    assert 'value="&#34;&gt;anna"' in page
    assert "четверть часа" in (await web.browser().get("/account/login/?error=too_many")).text


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
    assert 'value="javascript:alert(1)"' in answer.text
    assert 'value="12345"' in answer.text
    assert (await web.parts.accounts.get(partner.account_id)).contact.link is None  # type: ignore[union-attr]


async def test_a_candidate_has_no_contact_card_to_set(web: Web) -> None:
    candidate = await web.member()

    assert (await candidate.post("/account/contact/", data={"phone": "1"})).status_code == 403


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


async def test_the_account_says_whether_telegram_is_linked(web: Web) -> None:
    candidate, speaker = await web.member(), await web.member(Role.SPEAKER)
    before = (await candidate.browser.get("/account/")).text
    await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
    after = (await candidate.browser.get("/account/")).text
    await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=2, linked=True, blocked=True))
    blocked = (await candidate.browser.get("/account/telegram/")).text

    assert "Привяжите Telegram" in before
    assert "Ваш Telegram привязан" in after
    assert "заблокировали бота" in blocked
    assert "Telegram" not in (await speaker.browser.get("/account/")).text


async def test_signing_out_is_a_button_on_the_account(web: Web) -> None:
    member = await web.member()

    page = (await member.browser.get("/account/")).text
    answer = await member.post("/account/logout/")

    assert 'method="post" action="/account/logout/"' in page
    assert answer.headers["location"] == "/webinars/"
    assert (await member.browser.get("/account/")).status_code == 303
    assert web.under_test.clock.now() == NOON
