"""The desk's page of a webinar in a real browser: what it shows by itself, and its buttons."""

import asyncio
import itertools
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from contracts import (
    ClientWebinarEntered,
    CommandError,
    CommandReply,
    CoreWebinarUpsert,
    CtaVisibility,
    ErrorCode,
    ParticipationEvent,
    PostWebinarDelivery,
    WatchedWindow,
    WebinarStatus,
    session_id_of,
)
from playwright.async_api import Route, expect
from room_ui.testing import BASE_URL, NOON, Web, later, webinar_event
from servicekit import CommandUnanswered
from servicekit.testing import eventually
from world.windows import SOON, windows_on


async def test_the_desk_never_throws_away_what_was_typed(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(later(planned), title="Typed"))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Typed")
        await web.know(later(planned, cta_text="Theirs"))
        await expect(page.locator("[data-changed]")).to_be_visible()
        assert await window.stayed()
        await expect(page.locator('[name="title"]')).to_have_value("Typed")

        await page.dblclick('[name="action"][value="publish"]')
        await expect(page.locator("[data-notice]")).to_be_visible()
        assert len({message_id for _, _, message_id in web.commands.sent}) == 1

        await window.stays()
        await web.know(later(later(later(planned)), status=WebinarStatus.LIVE, started_at=NOON))
        await expect(page.locator('[data-desk][data-status="live"]')).to_be_visible()
        await expect(page.locator("[data-elapsed]")).to_be_visible()


async def test_the_desk_warns_by_itself_when_the_planned_time_is_over(web: Web) -> None:
    # The server's clock stands still at noon in this test; the page's own goes on from there.
    webinar = webinar_event("live", automatic_stop_at=NOON + timedelta(minutes=60, seconds=2))
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.get_by_text("Запланированное время вышло.")).to_be_visible()


async def test_the_desk_follows_a_draft_too(web: Web) -> None:
    draft = webinar_event("draft", title="Old")
    await web.know(draft)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{draft.webinar_id}")).page
        await expect(page.locator("h1")).to_have_text("Old")
        await web.know(later(draft, title="Saved after all"))
        await expect(page.locator("h1")).to_have_text("Saved after all")


async def test_the_desk_says_that_the_session_has_ended(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await web.parts.accounts.set_active(speaker.account_id, active=False)
        await expect(page.locator('[data-banner="ended"] a')).to_be_visible()


async def test_what_is_unfolded_in_the_report_stays_so_while_news_come_in(web: Web) -> None:
    anna, speaker = await web.member(name="Anna"), await web.member("speaker")
    webinar = webinar_event("finished")
    lead: dict[str, Any] = {"lead_id": anna.account_id, "webinar_id": webinar.webinar_id}
    half_past = NOON + timedelta(minutes=30)
    await web.know(webinar)
    await web.under_test.receive(
        ClientWebinarEntered(**lead, session_id=session_id_of(**lead), timestamp=NOON),
        ParticipationEvent(
            **lead,
            version=1,
            watched_seconds=1800,
            base_seconds=3600,
            windows=(WatchedWindow(from_=NOON, to=half_past),),
            final=True,
        ),
    )

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}", clock=True)).page
        await page.locator("[data-lead] summary").click()
        await page.locator("h1").click()
        planned = PostWebinarDelivery(
            **lead, delivery_id=uuid4(), version=1, recipient="candidate", step="attended", state="held", attempts=0
        )
        await web.under_test.receive(planned)
        await page.clock.fast_forward(5_000)
        await expect(page.locator('[data-followup-state="held"]')).to_be_visible()
        await expect(page.locator(".windows")).to_be_visible()
        await expect(page.locator("[data-lead] [data-delivery-state]")).to_have_count(0)

        await page.locator("[data-lead] summary").click()
        await page.locator("h1").click()
        await page.clock.fast_forward(5_000)
        await expect(page.locator('[data-lead] [data-delivery-state="held"]')).to_be_visible()


@pytest.mark.parametrize(
    ("zone", "words"),
    [("Europe/Moscow", ""), ("Asia/Vladivostok", "; в 15:00 на ваших часах было 22:00")],
    ids=["in the webinar's zone", "elsewhere"],
)
async def test_the_report_tells_a_host_elsewhere_what_their_clock_showed(web: Web, zone: str, words: str) -> None:
    anna, speaker = await web.member(name="Anna"), await web.member("speaker")
    webinar = webinar_event("finished")
    lead: dict[str, Any] = {"lead_id": anna.account_id, "webinar_id": webinar.webinar_id}
    await web.know(webinar)
    await web.under_test.receive(ClientWebinarEntered(**lead, session_id=session_id_of(**lead), timestamp=NOON))

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}", zone=zone)).page
        caption = page.locator(".report caption")
        await expect(caption).to_have_text(f"Время: Москва, стандартное время{words}", use_inner_text=True)


async def test_what_one_host_does_is_on_the_others_desk_and_takes_nothing_away(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    one, other = await web.member("speaker"), await web.member("speaker")
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    path = f"/admin_webinar/{planned.webinar_id}"

    async with windows_on(web) as windows:
        acts, watches = await windows.open(one, path), await windows.open(other, path)
        await watches.page.fill('[name="title"]', "Typed meanwhile")
        web.commands.answer = CommandReply(ok=True, webinar=live)
        await acts.page.click('form[action$="/start"] button')
        await expect(acts.page.locator("[data-said] .notice.good")).to_have_text(re.compile("Начали"))
        for window in (acts, watches):
            await expect(window.page.locator('[data-desk][data-status="live"]')).to_be_attached()
            await expect(window.page.locator('[data-console="live"]')).to_be_visible()
            await expect(window.page.locator(".page-head .badge")).to_have_text("В эфире")
        await expect(watches.page.locator("[data-said]")).to_have_text(re.compile("Начали"))

        web.commands.answer = CommandReply(ok=True, webinar=later(live, cta_visibility=CtaVisibility.VISIBLE))
        await acts.page.click('form[action$="/cta/show"] button')
        await expect(watches.page.locator('[data-cta-state="visible"]')).to_be_visible()
        await expect(watches.page.locator("[data-said]")).to_have_text("Кнопка показана в комнате.")
        await expect(watches.page.locator("[data-said]")).to_have_attribute("role", "status")

        await expect(watches.page.locator('[name="title"]')).to_have_value("Typed meanwhile")
        await expect(watches.page.locator('[name="scheduled_at"]')).to_be_disabled()
        assert await acts.stayed()
        assert await watches.stayed()


async def test_a_server_that_fails_for_a_while_is_asked_until_it_answers(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=NOON + timedelta(hours=1))
    await web.know(planned)
    speaker = await web.member("speaker")
    path, looks = f"/admin_webinar/{planned.webinar_id}", itertools.count(1)
    seen = 0

    async def fail_ten_times(route: Route) -> None:
        nonlocal seen
        seen = next(looks)
        await (route.fulfill(status=503) if seen <= 10 else route.continue_())

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, path, clock=True)).page
        await page.route(f"**{path}", fail_ten_times)
        await web.know(later(planned, title="Newer"))
        for wanted in range(1, 12):

            async def has_looked(wanted: int = wanted) -> bool:
                await page.clock.run_for(100)
                return seen >= wanted

            await eventually(has_looked, seconds=5, what=f"look {wanted}")
        await expect(page.locator("h1")).to_have_text("Newer")


async def test_fields_that_were_left_alone_follow_and_those_that_both_typed_are_asked_about(web: Web) -> None:
    planned = webinar_event(title="Old", cta_text="Old button", scheduled_at=NOON + timedelta(minutes=5))
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await page.fill('[name="title"]', "Mine")
        await web.know(later(planned, cta_text="Their button"))
        await expect(page.locator('[name="cta_text"]')).to_have_value("Their button")
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        await expect(page.locator('[data-webinar-form] [name="expected_version"]')).to_have_value("2")
        await web.know(later(later(planned), cta_text="Their button", title="Theirs"))
        await expect(page.locator("h1")).to_have_text("Theirs")
        # The title was typed into by both: Core is to see that.
        await expect(page.locator('[name="title"]')).to_have_value("Mine")
        await expect(page.locator('[data-webinar-form] [name="expected_version"]')).to_have_value("2")


async def test_what_happens_while_the_page_is_being_looked_at_is_shown_too(web: Web) -> None:
    planned = webinar_event(title="Old")
    live = later(planned, status=WebinarStatus.LIVE, started_at=NOON)
    await web.know(live)
    speaker = await web.member("speaker")
    path = f"/admin_webinar/{live.webinar_id}"
    before = (await speaker.browser.get(path)).text
    asked, released = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await released.wait()
        await route.fulfill(body=before, content_type="text/html; charset=utf-8")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, path, clock=True)).page
        viewers = page.locator("[data-viewers-count]").first
        await expect(viewers).to_have_text("0")
        await page.route(f"**{path}", late, times=1)
        # Only the looks that the test asks for: the page's time stands.
        await page.clock.pause_at(await page.evaluate("Date.now()") / 1000 + 1)
        await page.clock.run_for(4_000)
        await asyncio.wait_for(asked.wait(), 15)
        await viewers.evaluate("count => { count.textContent = 'not told yet'; }")
        await web.know(later(live, title="New"))
        await expect(viewers).to_have_text("0")
        released.set()
        await expect(page.locator("h1")).to_have_text("New")


async def test_a_press_shows_at_once_that_it_works_and_is_one_command(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.route("**/cta/show", hold)
        button = page.locator('form[action$="/cta/show"] button')
        await button.dblclick()
        await expect(button).to_be_disabled()
        await expect(button).to_have_text("Минутку…")
        await expect(button.locator(".spinner")).to_be_visible()
        web.commands.answer = CommandReply(ok=True, webinar=later(webinar, cta_visibility=CtaVisibility.VISIBLE))
        answer.set()
        await expect(page.locator('[data-cta-state="visible"]')).to_be_visible()
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_a_button_pressed_while_another_is_at_work_waits_for_its_turn(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.route("**/cta/show", hold)
        await page.click('form[action$="/cta/show"] button')
        stop = page.locator('form[action$="/stop"] button')
        await stop.click()
        await expect(stop).to_be_disabled()
        web.commands.answer = CommandReply(ok=True, webinar=later(webinar, cta_visibility=CtaVisibility.VISIBLE))
        answer.set()
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        await expect(page.locator('[data-cta-state="visible"]')).to_have_count(1)
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_a_press_that_does_not_get_through_is_said_and_can_be_repeated(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await page.route("**/cta/show", lambda route: route.abort())
        await page.click('form[action$="/cta/show"] button')
        await expect(page.locator("[data-refused] [role=alert]")).to_be_visible()
        await expect(page.locator('form[action$="/cta/show"] button')).to_be_enabled()
        await expect(page.locator('form[action$="/cta/show"] button')).to_have_text("Показать")


async def test_a_press_that_was_refused_is_another_command_the_next_time_and_one_in_doubt_is_not(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    late = CommandError(code=ErrorCode.EXPIRED, message="too late")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        show = page.locator('form[action$="/cta/show"] button')
        refused = CommandReply(ok=False, error=late)
        answers: list[CommandReply | Exception] = [refused, CommandUnanswered("slow"), refused]
        for number, answer in enumerate(answers):
            web.commands.answer = answer
            async with page.expect_response("**/cta/show"):
                await show.click()
            await expect(show).to_be_enabled()
            assert len(web.commands.sent) == number + 1
    first, in_doubt, repeated = [message_id for _, _, message_id in web.commands.sent]
    assert first != in_doubt
    assert in_doubt == repeated


async def test_stop_asks_in_the_page_and_goes_on_to_messages_and_report(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    over = later(webinar, status=WebinarStatus.FINISHED, finished_at=NOON)

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await page.click('form[action$="/stop"] button')
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("[data-confirm]")).to_have_count(0)
        assert web.commands.sent == []

        web.commands.answer = CommandReply(ok=True, webinar=over)
        await page.click('form[action$="/stop"] button')
        await page.click('button[value="confirm"]')
        await expect(page.locator("[data-followups]")).to_be_visible()
        await expect(page.locator("[data-report]")).to_be_visible()
        await expect(page.locator("[data-people-box]")).to_have_count(0)
        assert len(web.commands.sent) == 1
        assert await window.stayed()


async def test_who_enters_appears_on_the_console_by_itself(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker, anna = await web.member("speaker"), await web.member(name="Anna")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")
        page = window.page
        await expect(page.locator("[data-page-health]")).to_have_attribute("data-page-health", "open")
        await expect(page.locator("[data-people] .name")).to_have_count(1)
        await expect(page.locator("[data-people-nobody]")).to_be_visible()
        await page.fill("[data-people-search]", "typed")
        await expect(page.locator("[data-people-empty]")).to_be_visible()
        await expect(page.locator("[data-people-nobody]")).to_be_hidden()
        await web.under_test.receive(
            ClientWebinarEntered(
                lead_id=anna.account_id,
                webinar_id=webinar.webinar_id,
                session_id=session_id_of(anna.account_id, webinar.webinar_id),
                timestamp=NOON,
            )
        )
        await expect(page.locator("[data-live-part=entrants] .name")).to_have_text("Anna")
        await expect(page.locator("[data-people-search]")).to_have_value("typed")
        assert await window.stayed()


async def test_calling_off_asks_in_the_page_and_saves_nothing_that_was_typed(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, cancelled=True))

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")
        page = window.page
        await page.fill('[name="title"]', "Half typed")
        await page.click('[data-console] button[value="cancel"]')
        await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
        assert web.commands.sent == []
        await page.click('button[value="confirm"]')
        await expect(page.locator('[data-console="cancelled"]')).to_be_visible()
        await expect(page.locator("[data-said]")).to_have_text(re.compile("Отменено"))
        await expect(page.locator('[name="title"]')).to_have_value("Half typed")
        await expect(page.locator('[data-form-actions] button[value="restore"]')).to_be_visible()
        assert await window.stayed()
    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert command.changes == {}


async def test_a_desk_that_is_closed_to_somebody_does_not_say_that_the_session_has_ended(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async def close(route: Route) -> None:
        await route.fulfill(status=404)

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await page.route(re.compile(r"/webinar/v1/state"), close)
        web.parts.rooms.close_sessions([speaker.viewer.session_id or ""])
        await expect(page.locator('[data-banner="gone"]')).to_be_visible()
        await expect(page.locator('[data-banner="ended"]')).to_be_hidden()


async def test_after_a_question_the_keyboard_goes_on_where_it_was_asked(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{webinar.webinar_id}")).page
        stop = page.locator('form[action$="/stop"] button').first
        for leave in ("[data-close]", None):
            await stop.focus()
            await page.keyboard.press("Enter")
            await expect(page.locator("dialog[open] [data-confirm]")).to_be_visible()
            await (page.focus(leave) if leave else page.focus('button[value="confirm"]'))
            await page.keyboard.press("Enter" if leave else "Escape")
            await expect(page.locator("dialog[open]")).to_have_count(0)
            await expect(stop).to_be_focused()
    assert web.commands.sent == []


async def test_a_press_of_another_button_of_the_mouse_holds_nothing_up(web: Web) -> None:
    planned = webinar_event(title="Old", scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        page = (await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}")).page
        await expect(page.locator("[data-viewers-count]")).to_have_text("0")
        await page.hover("h1")
        await page.mouse.down(button="right")
        await web.know(later(planned, title="New"))
        await expect(page.locator("h1")).to_have_text("New")


async def test_the_link_to_the_room_is_copied_at_the_desk_however_often(web: Web) -> None:
    planned = webinar_event(scheduled_at=SOON)
    await web.know(planned)
    speaker = await web.member("speaker")

    async with windows_on(web) as windows:
        window = await windows.open(speaker, f"/admin_webinar/{planned.webinar_id}?done=publish", clock=True)
        page = window.page
        assert page.url == f"{BASE_URL}/admin_webinar/{planned.webinar_id}"
        button = page.locator("[data-copy]")
        for _ in range(2):
            await button.click()
            await expect(button).to_have_text("Скопировано")
        await expect(page.locator("[data-announce]")).to_have_text("Скопировано")
        await page.clock.fast_forward(5_000)
        await expect(button).to_have_text("Скопировать")
        await web.know(later(planned, title="Another"))
        await expect(page.locator("h1")).to_have_text("Another")
        await expect(button).to_be_visible()
