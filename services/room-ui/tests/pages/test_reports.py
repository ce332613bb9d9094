"""Who took part, as the desk and a partner see it."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CompletedBy,
    CtaClicked,
    CtaShown,
    DeliveryState,
    ParticipationEvent,
    PostWebinarDelivery,
    PostWebinarFollowupControl,
    Recipient,
    Step,
    session_id_of,
)
from room_ui.pages import queries
from room_ui.testing import NOON, Web, webinar_event


def entered(lead_id: str, webinar_id: UUID) -> ClientWebinarEntered:
    return ClientWebinarEntered(
        lead_id=lead_id, webinar_id=webinar_id, session_id=session_id_of(lead_id, webinar_id), timestamp=NOON
    )


def watched(lead_id: str, webinar_id: UUID, minutes: int, by: CompletedBy | None) -> ParticipationEvent:
    return ParticipationEvent(
        lead_id=lead_id,
        webinar_id=webinar_id,
        version=2,
        watched_seconds=minutes * 60,
        base_seconds=3600,
        completed_by=by,
        final=True,
    )


def verdict(lead_id: str, webinar_id: UUID, minutes: int, *, attended: bool) -> ClientWebinarAttendanceClassified:
    return ClientWebinarAttendanceClassified(
        lead_id=lead_id,
        webinar_id=webinar_id,
        attended=attended,
        timestamp=NOON + timedelta(hours=1),
        reason="watched_enough" if attended else "not_completed",
        watched_seconds=minutes * 60,
        base_seconds=3600,
        watched_percent=minutes * 100 // 60,
        rule_version=1,
    )


def delivery(lead_id: str, webinar_id: UUID, state: DeliveryState, **fields: object) -> PostWebinarDelivery:
    given = {
        "delivery_id": uuid4(),
        "version": 1,
        "webinar_id": webinar_id,
        "lead_id": lead_id,
        "recipient": Recipient.CANDIDATE,
        "step": Step.ATTENDED,
        "state": state,
        "attempts": 1,
        "due_at": NOON + timedelta(hours=1, minutes=5),
    }
    return PostWebinarDelivery.model_validate({**given, **fields})


async def a_webinar_with_three_candidates(web: Web) -> tuple[UUID, dict[str, str]]:
    partner = await web.member("partner", login="boris", name="Boris")
    anna = await web.member(name="Anna", partner="boris")
    vera = await web.member(name="Vera")
    gleb = await web.member(name="Gleb", partner="boris")
    webinar = webinar_event("finished")
    webinar_id = webinar.webinar_id
    await web.know(webinar)
    await web.under_test.receive(
        entered(anna.account_id, webinar_id),
        entered(vera.account_id, webinar_id),
        watched(anna.account_id, webinar_id, 50, CompletedBy.WATCHED_ENOUGH),
        watched(vera.account_id, webinar_id, 10, None),
        verdict(anna.account_id, webinar_id, 50, attended=True),
        verdict(vera.account_id, webinar_id, 10, attended=False),
        CtaShown(lead_id=anna.account_id, webinar_id=webinar_id, at=NOON),
        CtaClicked(lead_id=anna.account_id, webinar_id=webinar_id, at=NOON),
        CtaShown(lead_id=vera.account_id, webinar_id=webinar_id, at=NOON),
        delivery(anna.account_id, webinar_id, DeliveryState.SENT),
        delivery(vera.account_id, webinar_id, DeliveryState.UNCERTAIN, step=Step.NOT_ATTENDED, reason="<timeout>"),
        delivery(vera.account_id, webinar_id, DeliveryState.PLANNED, step=Step.RECORDING),
        delivery(vera.account_id, webinar_id, DeliveryState.FAILED, reason="sent_again"),
    )
    ids = {"anna": anna.account_id, "vera": vera.account_id, "gleb": gleb.account_id, "boris": partner.account_id}
    return webinar_id, ids


def row_of(page: str, lead_id: str) -> str:
    found = re.search(rf'<tr data-lead="{lead_id}".*?</tr>', page, re.DOTALL)
    assert found is not None
    return found[0]


async def test_the_report_shows_each_participant_with_minutes_verdict_and_messages(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    speaker = await web.member("speaker")

    page = (await speaker.browser.get(f"/admin_webinar/{webinar_id}")).text

    anna, vera, gleb = (row_of(page, ids[name]) for name in ("anna", "vera", "gleb"))
    assert "50 минут" in anna
    assert "83%" in anna
    assert "по времени просмотра" in anna
    assert 'data-attended="true"' in anna
    assert "нажатие" in anna
    assert "участнику: отправлено" in anna
    assert "от партнёра: Boris" in anna
    assert 'data-attended="false"' in vera
    assert "неизвестно, дошло ли" in vera
    assert "&lt;timeout&gt;" in vera
    assert "отправлено ещё раз" in vera
    assert vera.count('name="delivery_id"') == 1
    assert 'data-attended=""' in gleb
    assert "входа не было" in gleb
    figures = dict(re.findall(r'data-figure="(\w+)">(\d+)', page))
    assert figures == {
        "entered": "2",
        "completed": "1",
        "attended": "1",
        "not_attended": "1",
        "absent": "2",
        "clicked": "1",
    }
    assert f'data-lead="{speaker.account_id}"' not in page.split("<form class=")[0]
    states = dict(re.findall(r'data-followup-state="(\w+)" data-count="(\d+)"', page))
    assert states == {"sent": "1", "uncertain": "1", "planned": "1", "failed": "1"}
    assert "Ближайшие уйдут в <time" in page
    assert ">16:05 (Москва, стандартное время)</time>" in page


async def test_who_was_there_comes_first(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)

    report = await queries.report(web.parts.database.pool, webinar_id)

    assert [row.lead_id for row in report.rows[:2]] == [ids["anna"], ids["vera"]]
    assert [row.name for row in report.rows[2:]] == ["Boris", "Gleb"]


async def test_a_report_is_read_in_pages(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)
    pool = web.parts.database.pool
    many = [f"lead-{number:03}" for number in range(queries.ROWS_PER_PAGE)]
    await web.under_test.receive(*(entered(lead, webinar_id) for lead in many))

    first, second = [await queries.report(pool, webinar_id, page) for page in (1, 2)]
    beyond = await queries.report(pool, webinar_id, 99)

    assert (len(first.rows), len(second.rows), first.pages) == (queries.ROWS_PER_PAGE, 4, 2)
    assert not {row.lead_id for row in first.rows} & {row.lead_id for row in second.rows}
    assert beyond.page == 2
    speaker = await web.member("speaker")
    for number in ("2", "99", "-1", "x", "9" * 30):
        found = await speaker.browser.get(f"/admin_webinar/{webinar_id}?page={number}")
        assert found.status_code == 200


async def test_a_partner_sees_own_candidates_and_nobody_elses(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    other = await web.member("partner", login="other", name="Other Partner")
    async with web.parts.database.work() as work:
        own = await queries.own_candidates(work.connection, ids["boris"])

    [(event, rows)] = own
    assert event.webinar_id == webinar_id
    assert [row.lead_id for row in rows] == [ids["anna"]]
    page = (await other.browser.get("/account/candidates/")).text
    assert "Anna" not in page
    assert "Пока никто не отмечен" in page


async def test_the_partners_page_shows_them_without_a_button_to_send_again(web: Web) -> None:
    partner = await web.member("partner", login="dina")
    nobody_yet = (await partner.browser.get("/account/candidates/")).text
    candidate = await web.member(name="Egor", partner="dina")
    not_there_yet = (await partner.browser.get("/account/candidates/")).text
    webinar = webinar_event("finished", title="The evening")
    await web.know(webinar)
    await web.under_test.receive(
        entered(candidate.account_id, webinar.webinar_id),
        delivery(candidate.account_id, webinar.webinar_id, DeliveryState.FAILED),
    )

    page = (await partner.browser.get("/account/candidates/")).text

    assert "Пока никто не отмечен" in nobody_yet
    assert "Никто из ваших кандидатов пока не был" in not_there_yet
    assert "The evening" in page
    assert "Egor" in page
    assert "не удалось" in page
    assert 'name="delivery_id"' not in page
    assert (await candidate.browser.get("/account/candidates/")).status_code == 403


async def test_a_message_in_doubt_is_shown_first_with_what_it_means(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)
    admin = await web.member("admin", locale="en")

    page = (await admin.browser.get(f"/admin_webinar/{webinar_id}")).text

    [doubtful] = re.findall(r'<div class="doubtful" data-doubtful>.*?</ul>\s*</div>', page, re.DOTALL)
    assert "each may have arrived, or not" in doubtful
    assert "Vera" in doubtful
    assert "Anna" not in doubtful
    assert doubtful.count('name="delivery_id"') == 1
    speaker = await web.member("speaker")
    assert "каждое могло дойти, а могло и нет" in (await speaker.browser.get(f"/admin_webinar/{webinar_id}")).text


async def test_what_was_sent_again_is_no_longer_in_doubt_and_has_no_button(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    speaker = await web.member("speaker")
    later = UUID(int=2**128 - 1)
    copy = delivery(ids["vera"], webinar_id, DeliveryState.SENT, step=Step.NOT_ATTENDED, delivery_id=later)
    await web.under_test.receive(copy)

    page = (await speaker.browser.get(f"/admin_webinar/{webinar_id}")).text

    assert "data-doubtful" not in page
    assert 'name="delivery_id"' not in row_of(page, ids["vera"])
    assert row_of(page, ids["vera"]).count("отправлено ещё раз") == 2


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (DeliveryState.UNCERTAIN, "возможно, оно уже дошло"),
        (DeliveryState.FAILED, "Сообщение не дошло"),
        (DeliveryState.BLOCKED, "заблокировал нашего бота"),
        (DeliveryState.NOT_LINKED, "не привязан Telegram"),
    ],
)
async def test_sending_again_asks_first_and_says_what_to_know(web: Web, state: DeliveryState, words: str) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    speaker = await web.member("speaker")
    one = delivery(ids["anna"], webinar_id, state, step=Step.RECORDING)
    await web.under_test.receive(one)
    button = f"/admin_webinar/{webinar_id}/followups/resend"

    asked = await speaker.post(button, data={"delivery_id": str(one.delivery_id)})
    sent_before = list(web.commands.sent)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    await speaker.post(button, data=hidden | {"confirm": "confirm"})

    assert words in asked.text
    assert "Anna" in asked.text
    assert sent_before == []
    [(command, _, _)] = web.commands.sent
    assert command == PostWebinarFollowupControl(action="resend", delivery_id=one.delivery_id)
