"""The scripts of account, people, import and message texts, in a real browser."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from contracts import (
    ChatLinkEvent,
    CommandReply,
    MessageTemplateEvent,
    MessageTemplateSet,
    Step,
)
from contracts.message_texts import DEFAULT_TEXTS
from playwright.async_api import Page, Route, expect
from room_ui.testing import BASE_URL, Member, Web, webinar_event
from world.windows import LOOKED_AWAY, SOON, Window, look_away, windows_on


async def test_a_password_can_be_looked_at_and_is_hidden_again_before_it_is_sent(web: Web) -> None:
    async with windows_on(web) as windows:
        page = (await windows.open(None, "/account/login/")).page
        password = page.locator('[name="password"]')
        await page.fill('[name="login"]', "anna")
        await password.fill("a secret")
        await page.get_by_role("button", name="Показать").click()
        await expect(password).to_have_attribute("type", "text")
        await page.get_by_role("button", name="Скрыть").click()
        await expect(password).to_have_attribute("type", "password")
        await page.get_by_role("button", name="Показать").click()
        await page.evaluate("document.forms[0].addEventListener('submit', (event) => event.preventDefault())")
        await password.press("Enter")
        await expect(password).to_have_attribute("type", "password")


async def test_a_text_is_shown_as_it_reads_while_it_is_typed_and_words_go_where_the_caret_is(web: Web) -> None:
    admin = await web.member("admin")
    text = "Привет!"
    await web.under_test.receive(MessageTemplateEvent(step=Step.ATTENDED, locale="ru", version=1, text=text))

    async with windows_on(web) as windows:
        window = await windows.open(admin, "/admin_webinar/messages/")
        form = window.page.locator("#attended-ru")
        await form.locator("textarea").evaluate("(text) => text.setSelectionRange(6, 6)")
        await form.locator("[data-insert='{name}']").click()
        await expect(form.locator("textarea")).to_have_value("Привет{name}!")
        await expect(form.locator("[data-preview-text]")).to_have_text("ПриветАнна!")
        await form.locator("textarea").press_sequentially(" {nmae}")
        await expect(form.locator("[data-preview-problem]")).to_contain_text("{nmae}")
        await form.locator("[data-original]").click()
        await expect(form.locator("textarea")).to_have_value(DEFAULT_TEXTS[Step.ATTENDED, "ru"])
        await expect(form.locator("[data-preview-problem]")).to_have_count(0)
        await expect(form.locator("[data-original]")).to_be_disabled()
        await expect(form.locator('[name="show"]')).to_be_hidden()
        assert await window.stayed()
        assert web.commands.sent == []
        await form.get_by_role("button", name="Сохранить").click()
        await expect(window.page.locator("[data-notice]")).to_have_text("Текст сохранён.")
        [(command, _, _)] = web.commands.sent
        assert command == MessageTemplateSet(step="attended", locale="ru", text=DEFAULT_TEXTS[Step.ATTENDED, "ru"])


async def test_the_contact_card_shows_itself_while_it_is_written(web: Web) -> None:
    partner = await web.member("partner", name="Boris")

    async with windows_on(web) as windows:
        window = await windows.open(partner, "/account/")
        card = window.page.locator("#card-preview")
        await window.page.fill('[name="note"]', "Звоните <b>")
        await expect(card).to_contain_text("Звоните <b>")
        await window.page.fill('[name="link"]', "javascript:alert(1)")
        await window.page.fill('[name="telegram"]', "@boris_p")
        await expect(card.locator("a")).to_have_attribute("href", "https://t.me/boris_p")
        assert await window.stayed()
    account = await web.parts.accounts.get(partner.account_id)
    assert account is not None
    assert account.contact.note is None


@asynccontextmanager
async def invited_to_telegram(web: Web, place: str) -> AsyncIterator[tuple[Member, Window]]:
    """Open the page that invites a candidate to link Telegram: the account, or the lobby of a room."""
    candidate = await web.member()
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    path = f"/account/webinar_room/{planned.webinar_id}" if place == "room" else "/account/"
    web.commands.answer = CommandReply(ok=True, address="https://t.me/our_bot?start=abc", expires_at=SOON)
    async with windows_on(web) as windows:
        yield candidate, await windows.open(candidate, path, script=LOOKED_AWAY, clock=True)


in_both_places = pytest.mark.parametrize("place", ["account", "room"])


@in_both_places
async def test_telegram_is_linked_without_leaving_the_page(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        page = window.page
        await page.get_by_role("button", name="Привязать Telegram").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        await expect(page.locator("[data-telegram-link]")).to_be_focused()
        async with page.expect_response("**/account/telegram/"):
            await page.clock.fast_forward(4_000)
        await expect(page.locator(".qr svg")).to_be_visible()

        await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
        await page.clock.fast_forward(4_000)
        await expect(page.locator('[data-telegram="linked"]')).to_be_visible()
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.get_by_role("button", name="Привязать другой Telegram")).to_be_focused()
        assert await window.stayed()


@in_both_places
async def test_a_square_that_has_had_its_time_gives_way_to_the_button(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (_, window):
        page = window.page
        button = page.get_by_role("button", name="Привязать Telegram")
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        async with page.expect_response("**/account/telegram/"):
            await page.clock.fast_forward(14 * 60_000)
        await expect(page.locator(".qr svg")).to_be_visible()
        await page.clock.fast_forward(60_000)
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.get_by_text("Срок той ссылки вышел")).to_be_visible()
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_without_a_network_linking_telegram_says_so_and_stays(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (_, window):
        page = window.page
        button = page.get_by_role("button", name="Привязать Telegram")
        await page.route("**/account/telegram/", lambda route: route.abort())
        await button.click()
        await expect(page.locator("[data-telegram-error]")).to_be_visible()
        await page.unroute("**/account/telegram/")
        await button.click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_telegram_is_linked_by_whoever_has_signed_in_meanwhile(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        page = window.page
        token = await web.parts.accounts.new_link(candidate.account_id)
        other = await window.context.new_page()
        await other.goto(f"{BASE_URL}/account/link/{token}")
        await other.click("form button.primary")
        await other.wait_for_url(re.compile("/webinar_room/"))
        await page.get_by_role("button", name="Привязать Telegram").click()
        await expect(page.locator(".qr svg")).to_be_visible()
        assert await window.stayed()


@in_both_places
async def test_linking_telegram_when_the_session_has_ended_leads_to_the_sign_in_and_back(web: Web, place: str) -> None:
    async with invited_to_telegram(web, place) as (candidate, window):
        path = window.page.url.removeprefix(BASE_URL)
        await web.parts.accounts.sign_out_everywhere(candidate.viewer, but_here=False)
        await window.page.get_by_role("button", name="Привязать Telegram").click()
        await expect(window.page.locator('form:has([name="password"]) [name="next"]')).to_have_value(path)


async def ready_for_another(web: Web, candidate: Member, window: Window) -> Page:
    """Show the square that links another Telegram than the one that is linked."""
    page = window.page
    await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=1, linked=True))
    await page.reload()
    await page.get_by_role("button", name="Привязать другой Telegram").click()
    await expect(page.locator(".qr svg")).to_be_visible()
    return page


async def test_the_square_for_another_telegram_stays_until_one_comes_back(web: Web) -> None:
    async with invited_to_telegram(web, "account") as (candidate, window):
        page = await ready_for_another(web, candidate, window)
        for _ in range(2):
            async with page.expect_response("**/account/telegram/"):
                await page.clock.fast_forward(4_000)
        await look_away(page)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.clock.run_for(9_000)
        assert asked == []
        await expect(page.locator(".qr svg")).to_be_visible()
        await look_away(page, is_away=False)
        await page.clock.fast_forward(1_500)
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.locator('[data-telegram="linked"]')).to_be_visible()


async def test_another_telegram_is_shown_as_soon_as_it_is_linked(web: Web) -> None:
    async with invited_to_telegram(web, "account") as (candidate, window):
        page = await ready_for_another(web, candidate, window)
        await web.under_test.receive(ChatLinkEvent(account_id=candidate.account_id, version=2, linked=True))
        await page.clock.fast_forward(4_000)
        await expect(page.locator(".qr")).to_have_count(0)
        await expect(page.locator('[data-telegram="linked"]')).to_be_visible()


async def test_what_was_typed_outlives_the_session(web: Web) -> None:
    admin = await web.member("admin")
    path = "/admin_webinar/messages/"

    async with windows_on(web) as windows:
        window = await windows.open(admin, path, script=LOOKED_AWAY)
        page = window.page
        form = page.locator('form[data-template="attended"][data-locale="en"]')
        await form.locator("textarea").fill("Words that took {name} an hour")
        await web.parts.accounts.sign_out_everywhere(admin.viewer, but_here=False)
        await form.get_by_role("button", name="Сохранить").click()
        way_in = page.get_by_role("link", name="Войти снова")
        await expect(way_in).to_be_focused()
        await expect(form.locator("textarea")).to_have_value("Words that took {name} an hour")
        await expect(page.locator("form form, #p-attended-en form")).to_have_count(0)
        assert web.commands.sent == []

        token = await web.parts.accounts.new_link(admin.account_id)
        other = await window.context.new_page()
        await other.goto(f"{BASE_URL}/account/link/{token}")
        await other.click("form button.primary")
        await other.wait_for_url("**/admin_webinar/")
        async with page.expect_response(f"**{path}"):
            await look_away(page, is_away=False)
        await expect(way_in).to_be_hidden()
        assert await window.stayed()
        await form.get_by_role("button", name="Сохранить").click()
        await expect(page.locator("[data-notice]")).to_be_visible()
    [(command, _, _)] = web.commands.sent
    assert command.model_dump()["text"] == "Words that took {name} an hour"


async def test_a_link_to_sign_in_is_copied_by_a_button(web: Web) -> None:
    admin, member = await web.member("admin"), await web.member(name="Anna")

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/people/{member.account_id}")).page
        await page.get_by_role("button", name="Ссылка для входа").click()
        link = page.locator("[data-one-time-link]")
        await page.locator("[data-copy]").click()
        await expect(page.locator("[data-copy]")).to_have_text("Скопировано")
        await page.evaluate("document.querySelector('main').append(document.createElement('textarea'))")
        await page.locator("main > textarea").press("ControlOrMeta+v")
        await expect(page.locator("main > textarea")).to_have_value(await link.input_value())


async def sent_by(page: Page, selector: str, *before: str) -> int:
    """Press a button once for each of `before`, a script that runs first, and return how many forms were sent.

    None of them is answered before the last press.
    """
    sent = 0
    answered = asyncio.Event()

    async def hold(route: Route) -> None:
        nonlocal sent
        if route.request.method == "POST":
            sent += 1
            await answered.wait()
        await route.continue_()

    await page.route("**", hold)
    # By the page itself: from outside nothing is done to a page while another one is on its way.
    pressing = f"document.querySelector({json.dumps(selector)}).click()"
    for place, script in enumerate(before):
        await page.evaluate(f"() => {{ setTimeout(() => {{ {script}; {pressing}; }}, {500 + place * 400}); }}")
    await asyncio.sleep(1 + len(before) * 0.4)
    answered.set()
    return sent


async def test_an_import_pressed_twice_is_done_once_and_its_links_are_shown(web: Web) -> None:
    admin = await web.member("admin")
    content = b"login,name,role\nanna,Anna,candidate\n"

    async with windows_on(web) as windows:
        page = (await windows.open(admin, "/admin_webinar/people-import/")).page
        await page.set_input_files('[name="file"]', {"name": "a.csv", "mimeType": "text/csv", "buffer": content})
        await page.locator("form:has([name=file]) button").click()
        await expect(page.locator('[name="confirm"]')).to_be_visible()

        assert await sent_by(page, '[name="confirm"]', "", "") == 1
        await expect(page.locator('[data-made="1"] [data-one-time-link]')).to_have_count(1)


@pytest.mark.parametrize(
    "again",
    [
        "window.dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
        # It may have been stopped, which a page is not told.
        "const now = performance.now(); performance.now = () => now + 15000",
    ],
)
async def test_a_form_can_be_sent_again_by_who_comes_back_or_has_waited(web: Web, again: str) -> None:
    admin, anna = await web.member("admin"), await web.member()
    button = f'form[action="/admin_webinar/people/{anna.account_id}/link"] button'

    async with windows_on(web) as windows:
        page = (await windows.open(admin, "/admin_webinar/people/")).page
        assert await sent_by(page, button, "", "", again) == 2
        await expect(page.locator("[data-one-time-link]")).to_have_count(1)


async def test_a_form_held_back_by_what_is_typed_elsewhere_can_be_sent_at_once(web: Web) -> None:
    admin, anna = await web.member("admin"), await web.member()

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/people/{anna.account_id}")).page
        stays = [True, False]
        page.on("dialog", lambda dialog: dialog.dismiss() if stays.pop(0) else dialog.accept())
        # Typed as a person does: otherwise a browser asks nobody.
        await page.locator('[name="name"]').press_sequentially("Typed")

        assert await sent_by(page, 'form[action$="/link"] button', "", "") == 1
        await expect(page.locator("[data-one-time-link]")).to_have_count(1)


async def test_a_page_that_got_no_answer_comes_back_by_itself(web: Web) -> None:
    candidate = await web.member()

    async with windows_on(web) as windows:
        window = await windows.open(candidate, "/webinars/", clock=True)
        await web.parts.database.close()
        await window.page.goto(f"{BASE_URL}/account/")
        await expect(window.page.locator("[data-retry]")).to_be_visible()
        await web.parts.database.open()
        await window.page.clock.fast_forward(11_000)
        await expect(window.page.locator(".profile h1")).to_have_text(candidate.viewer.display_name)
