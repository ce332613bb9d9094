"""The desk's form in a real browser: what it says while it is filled in, and that nothing typed is lost."""

import asyncio
import re
from uuid import UUID

from contracts import (
    CommandError,
    CommandReply,
    CoreWebinarUpsert,
    ErrorCode,
    WebinarStatus,
)
from playwright.async_api import Dialog, Page, Route, expect
from room_ui.testing import BASE_URL, NOON, Member, Web, later, webinar_event
from servicekit import CommandUnanswered
from world.windows import SOON, Window, windows_on


async def test_leaving_with_something_typed_is_asked_about_and_never_after_saving(web: Web) -> None:
    planned = webinar_event(title="Old")
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="New"))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        asked: list[str] = []

        async def refuse(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        page.on("dialog", refuse)
        await page.fill('[name="title"]', "New")
        await expect(page.locator("[data-unsaved-mark]")).to_be_visible()
        await page.click(".crumbs a")
        await expect(page.locator("dialog[data-unsaved]")).to_be_visible()
        await page.click("[data-stay]")
        await expect(page.locator("dialog[data-unsaved]")).to_be_hidden()
        await page.evaluate("location.assign('/webinars/')")
        assert await window.stayed()
        assert asked == ["beforeunload"]

        await page.fill('[name="title"]', "Old")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()
        await page.fill('[name="title"]', "New")
        await page.click('[data-form-actions] [value="publish"]')
        await expect(page.locator("[data-notice]")).to_be_visible()
        await page.click(".crumbs a")
        await expect(page.locator("[data-shelf]").first).to_be_visible()
        assert asked == ["beforeunload"]

        await page.go_back()
        await page.fill('[name="title"]', "Newer still")
        await page.click(".crumbs a")
        await page.click("[data-leave]")
        await expect(page.locator("[data-shelf]").first).to_be_visible()
        assert asked == ["beforeunload"]


async def test_the_form_says_what_a_time_is_here_and_how_far_away(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/new")).page
        await expect(page.locator('[name="time_zone"]')).to_have_value("Europe/Moscow")
        # The page goes by the server's clock, which stands at noon of 2 March.
        await page.fill('[name="time_zone"]', "Asia/Yekaterinburg")
        await page.fill('[name="scheduled_at"]', "2026-03-05T19:00")
        await expect(page.locator("[data-when-time]")).to_have_text("четверг, 5 марта в 17:00")
        await expect(page.locator("[data-when-from-now]")).to_have_text("через 3 дня")
        await expect(page.locator("[data-when-past]")).to_be_hidden()

        await page.fill('[name="scheduled_at"]', "2026-03-01T19:00")
        await expect(page.locator("[data-when-past]")).to_be_visible()
        await page.fill('[name="time_zone"]', "Europe/Berlin")
        await page.fill('[name="scheduled_at"]', "2026-03-29T02:30")
        await expect(page.locator("[data-when-gap]")).to_be_visible()
        await page.fill('[name="scheduled_at"]', "2026-10-25T02:30")
        await expect(page.locator("[data-when-time]")).to_have_text("воскресенье, 25 октября в 03:30")
        await page.fill('[name="time_zone"]', "Europe/Nowhere")
        await expect(page.locator("[data-when-no-zone]")).to_be_visible()
        await page.click("[data-use-zone] button")
        await expect(page.locator('[name="time_zone"]')).to_have_value("Europe/Moscow")
        await expect(page.locator("[data-use-zone]")).to_be_hidden()


async def test_links_and_pictures_are_previewed_while_they_are_typed(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, "/admin_webinar/new")).page
        await page.fill('[name="player_src"]', "https://www.youtube.com/@channel/live")
        await expect(page.locator('[data-link="refused"]')).to_be_visible()
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()

        await page.fill('[name="player_src"]', "https://youtu.be/dQw4w9WgXcQ")
        await expect(page.locator('[data-link="changed"]')).to_be_visible()
        await page.click('[data-preview="player"] summary')
        inner = page.frame_locator('[data-preview="player"] iframe').frame_locator("iframe")
        await expect(inner.locator("p")).to_have_text("outside")

        await page.fill('[name="poster_url"]', "https://posters.example/none.png")
        await expect(page.locator('[data-poster-words="wrong"]')).to_be_visible()
        await page.fill('[name="cta_text"]', "Come along")
        await expect(page.locator("[data-cta-preview]")).to_have_text("Come along")


async def sign_in_again(web: Web, window: Window, member: Member) -> None:
    """Give the browser another session of the account, as signing in in another tab does."""
    async with web.parts.database.work() as work:
        header = await web.parts.sessions.begin(work.connection, member.account_id, work.now)
    name, value = header.decode().split(";")[0].split("=", 1)
    await window.context.add_cookies([{"name": name, "value": value, "url": BASE_URL}])


async def look_again(page: Page) -> None:
    """Come back to the tab."""
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_a_new_webinar_outlives_the_session_that_it_was_typed_in(web: Web) -> None:
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, "/admin_webinar/new")
        page = window.page
        made = webinar_event(webinar_id=UUID(await page.locator('[name="webinar_id"]').input_value()))
        web.commands.answer = CommandReply(ok=True, webinar=made)
        await page.fill('[name="title"]', "Typed for long")
        await web.parts.accounts.sign_out(speaker.viewer)
        await page.click('[name="action"][value="publish"]')
        way_in = page.locator('[data-banner="ended"] a')
        await expect(way_in).to_be_focused()
        await expect(way_in).to_have_attribute("target", "_blank")
        await expect(page.locator('[name="title"]')).to_have_value("Typed for long")
        assert await window.stayed()
        assert web.commands.sent == []

        await sign_in_again(web, window, speaker)
        await page.click('[name="action"][value="publish"]')
        await page.wait_for_url(f"{BASE_URL}/admin_webinar/{made.webinar_id}*")
        await expect(page.locator("[data-notice]")).to_be_visible()
    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert command.changes["title"] == "Typed for long"


async def test_a_page_whose_session_was_replaced_saves_and_presses_at_the_first_try(web: Web) -> None:
    planned = webinar_event(title="Old")
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await sign_in_again(web, window, speaker)
        web.commands.answer = CommandReply(ok=True, webinar=live)
        await page.click('form[action$="/start"] button')
        await expect(page.locator('[data-console="live"]')).to_be_visible()
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        assert await window.stayed()

        await sign_in_again(web, window, speaker)
        web.commands.answer = CommandReply(ok=True, webinar=later(live, title="Typed"))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
    assert len(web.commands.sent) == 2


async def test_the_desk_goes_on_by_itself_after_signing_in_in_another_tab(web: Web) -> None:
    planned = webinar_event(title="Old")
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await web.parts.accounts.sign_out(speaker.viewer)
        await expect(page.locator('[data-banner="ended"]')).to_be_visible()
        await page.click('[data-console] button[value="cancel"]')
        await expect(page.locator('[data-banner="ended"] a')).to_be_focused()
        await look_again(page)
        await sign_in_again(web, window, speaker)
        await look_again(page)
        await expect(page.locator('[data-banner="ended"]')).to_be_hidden()
        await web.know(later(planned, cta_text="Theirs"))
        await expect(page.locator('[name="cta_text"]')).to_have_value("Theirs")
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        assert await window.stayed()


async def test_a_late_refusal_does_not_close_a_desk_that_is_open_again(web: Web) -> None:
    planned = webinar_event(title="Old")
    await web.know(planned)
    speaker = await web.member("speaker")
    path = f"/admin_webinar/{planned.webinar_id}"
    asked, released = asyncio.Event(), asyncio.Event()

    async def refuse_late(route: Route) -> None:
        asked.set()
        await released.wait()
        await route.fulfill(status=403)

    async with windows_on(web) as windows:
        window = await windows.open(speaker, path)
        page, banners = window.page, window.page.locator('[data-banner="ended"], [data-banner="gone"]')
        await page.fill('[name="title"]', "Typed")
        await web.parts.accounts.sign_out(speaker.viewer)
        await expect(banners.filter(visible=True)).to_have_count(1)
        await page.route(f"**{path}", refuse_late, times=1)
        await look_again(page)
        await asyncio.wait_for(asked.wait(), 15)
        await sign_in_again(web, window, speaker)
        await look_again(page)
        await expect(banners.filter(visible=True)).to_have_count(0)
        async with page.expect_response(lambda response: response.status == 403):
            released.set()
        await page.evaluate("new Promise((done) => setTimeout(done))")
        await expect(banners.filter(visible=True)).to_have_count(0)


async def test_what_is_wrong_with_a_form_is_said_in_the_page_that_it_was_typed_in(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    error = CommandError(code=ErrorCode.INVALID_FIELD, field="duration_minutes", message="words for a log")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await page.fill('[name="duration_minutes"]', "3")
        web.commands.answer = CommandReply(ok=False, error=error)
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("#e-duration_minutes")).to_be_visible()
        await expect(page.locator('[name="duration_minutes"]')).to_be_focused()
        await expect(page.locator("[data-refused] [role=alert]")).to_be_visible()

        web.commands.answer = CommandUnanswered("slow")
        await page.fill('[name="duration_minutes"]', "30")
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("[data-said]")).to_have_text(re.compile("Пока неизвестно, сохранилось ли это"))
        await expect(page.locator("[data-said]")).to_be_focused()
        await expect(page.locator("#e-duration_minutes")).to_have_count(0)
        await expect(page.locator('[name="title"]')).to_have_value("Typed")
        await expect(page.locator("[data-unsaved-mark]")).to_be_visible()
        assert await window.stayed()

        web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="Typed", duration_minutes=30))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()


async def test_a_conflict_is_shown_in_the_page_and_saving_again_puts_ones_own_in_its_place(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    theirs = later(planned, title="Theirs")
    await web.know(planned)
    speaker = await web.member("speaker")
    conflict = CommandError(code=ErrorCode.VERSION_CONFLICT, field="title", message="words for a log")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.fill('[name="title"]', "Mine")
        await web.know(theirs)
        await expect(page.locator("h1")).to_have_text("Theirs")
        web.commands.answer = CommandReply(ok=False, error=conflict)
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("#e-title")).to_contain_text("Сейчас там: Theirs")
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        web.commands.answer = CommandReply(ok=True, webinar=later(theirs, title="Mine"))
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Mine")
    commands = [command for command, _, _ in web.commands.sent if isinstance(command, CoreWebinarUpsert)]
    assert [command.expected_version for command in commands] == [1, 2]


async def test_a_save_that_was_broken_off_can_be_repeated(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, title="Typed"))
    asked = asyncio.Event()

    async def hold(route: Route) -> None:
        if asked.is_set() or route.request.method == "GET":
            await route.continue_()
        asked.set()

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.route(f"**/admin_webinar/{planned.webinar_id}", hold)
        await page.fill('[name="title"]', "Typed")
        await page.click("[data-form-actions] .primary", no_wait_after=True)
        await asked.wait()
        await page.evaluate("window.stop()")
        await page.click("[data-form-actions] .primary")
        await expect(page.locator("h1")).to_have_text("Typed")
    assert len(web.commands.sent) == 1


async def test_a_speaker_who_came_after_the_page_is_shown_in_the_form(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        other = await web.member("speaker", name="Somebody new")
        await web.know(later(planned, speaker_id=other.account_id))
        await expect(page.locator('[name="speaker_id"]')).to_have_value(other.account_id)
        await expect(page.locator('[name="speaker_id"] option:checked')).to_have_text("Somebody new")
        await expect(page.locator("[data-unsaved-mark]")).to_be_hidden()


async def test_a_preview_ends_with_its_link_and_with_the_room_that_it_was_for(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON, chat_src=None)
    await web.know(planned)
    admin = await web.member("admin")

    async with windows_on(web) as windows:
        page = (await windows.open(admin, f"/admin_webinar/{planned.webinar_id}")).page
        frame = page.locator('[data-preview="player"] iframe')
        await page.click('[data-preview="player"] summary')
        await expect(frame).to_have_count(1)
        await page.fill('[name="player_src"]', "")
        await expect(frame).to_have_count(0)
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()

        await page.fill('[name="player_src"]', "https://player.example/embed/1")
        await expect(page.locator('[data-link="kept"]')).to_be_visible()
        await expect(frame).to_have_count(1)
        await web.know(later(planned, stream_type="zoom"))
        await expect(page.locator('[name="stream_type"]')).to_have_value("zoom")
        await expect(frame).to_have_count(0)
        await expect(page.locator('[data-preview="player"]')).to_be_hidden()
        await expect(page.locator('[data-link="kept"]')).to_have_count(0)
