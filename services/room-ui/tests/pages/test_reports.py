"""Who took part, as the desk and a partner see it."""

import re
from datetime import datetime, timedelta
from html import unescape
from uuid import UUID, uuid4

import pytest
from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CompletedBy,
    CtaClicked,
    CtaShown,
    CtaWindow,
    DeliveryState,
    ParticipationEvent,
    PostWebinarDelivery,
    PostWebinarFollowupControl,
    Recipient,
    Step,
    WatchedWindow,
    session_id_of,
)
from room_ui.pages import candidate_queries
from room_ui.pages.reports import ROWS_PER_PAGE
from room_ui.testing import NOON, Member, Web, webinar_event


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def entered(lead_id: str, webinar_id: UUID, at: datetime = NOON) -> ClientWebinarEntered:
    return ClientWebinarEntered(
        lead_id=lead_id, webinar_id=webinar_id, session_id=session_id_of(lead_id, webinar_id), timestamp=at
    )


def watched(
    lead_id: str, webinar_id: UUID, minutes: int, by: CompletedBy | None, *, since: float = 0
) -> ParticipationEvent:
    return ParticipationEvent(
        lead_id=lead_id,
        webinar_id=webinar_id,
        version=2,
        watched_seconds=minutes * 60,
        base_seconds=3600,
        windows=(WatchedWindow(from_=minute(since), to=minute(since + minutes)),),
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
    webinar = webinar_event("finished", cta_windows=(CtaWindow(from_=minute(20), to=minute(40)),))
    webinar_id = webinar.webinar_id
    await web.know(webinar)
    await web.under_test.receive(
        entered(anna.account_id, webinar_id, minute(5)),
        entered(vera.account_id, webinar_id),
        watched(anna.account_id, webinar_id, 50, CompletedBy.WATCHED_ENOUGH, since=5),
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


def leads_in(page: str) -> list[str]:
    return re.findall(r'<tr data-lead="([^"]+)"', page)


async def report_page(web: Web, webinar_id: UUID, asked: str = "", member: Member | None = None) -> str:
    speaker = member or await web.member("speaker")
    found = await speaker.browser.get(f"/admin_webinar/{webinar_id}?{asked}")
    assert found.status_code == 200
    return found.text


async def test_the_report_shows_each_participant_with_minutes_verdict_and_messages(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    speaker = await web.member("speaker")

    page = (await speaker.browser.get(f"/admin_webinar/{webinar_id}")).text

    anna, vera, gleb = (row_of(page, ids[name]) for name in ("anna", "vera", "gleb"))
    assert "50 минут" in anna
    assert "83%" in anna
    assert "по времени просмотра: 83%, нужно 70%" in anna
    assert ">15:05</div>" in anna
    assert "15:05:00 – 15:55:00" in anna
    assert '<rect x="8.33%" width="83.33%"' in anna
    assert "просмотрено 16%, нужно 70%" in vera
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
        "median": "30",
        "peak": "2",
        "average": "1",
    }
    assert "50% от вошедших" in page
    assert "всего 60 минут" in page
    assert "100% из 1 зрителя, видевшего её в эфире" in page
    assert speaker.account_id not in leads_in(page)
    states = dict(re.findall(r'data-followup-state="(\w+)" data-count="(\d+)"', page))
    assert states == {"sent": "1", "uncertain": "1", "planned": "1", "failed": "1"}
    assert "Ближайшие уйдут в <time" in page
    assert ">16:05 (Москва, стандартное время)</time>" in page


async def test_who_was_there_comes_first(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)

    page = await report_page(web, webinar_id)

    assert leads_in(page) == [ids["anna"], ids["vera"], ids["boris"], ids["gleb"]]


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("show=attended", ["anna"]),
        ("show=not_attended", ["vera"]),
        ("show=absent", ["boris", "gleb"]),
        ("show=clicked", ["anna"]),
        ("show=undelivered", ["vera"]),
        ("sort=entered", ["vera", "anna", "boris", "gleb"]),
        ("sort=watched", ["anna", "vera", "boris", "gleb"]),
        ("sort=-name", ["vera", "anna", "gleb", "boris"]),
        ("sort=-entered", ["anna", "vera", "boris", "gleb"]),
        ("sort=-watched", ["vera", "anna", "boris", "gleb"]),
        ("sort=-name&q=n", ["anna"]),
        ("q=ER", ["vera"]),
        ("q=_", []),
        ("show=absent&q=gl&sort=watched", ["gleb"]),
        ("show=nonsense&sort=nonsense", ["anna", "vera", "boris", "gleb"]),
        ("sort=--name", ["anna", "vera", "boris", "gleb"]),
        ("q=%00", ["anna", "vera", "boris", "gleb"]),
    ],
)
async def test_the_list_shows_whom_one_asks_for(web: Web, asked: str, listed: list[str]) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)

    page = await report_page(web, webinar_id, asked)

    assert leads_in(page) == [ids[name] for name in listed]
    figures = dict(re.findall(r'data-figure="(\w+)">(\d+)', page))
    assert (figures["entered"], figures["absent"]) == ("2", "2")
    assert ("Никого не нашлось" in page) is (not listed)


async def test_each_choice_says_how_many_it_lists_and_keeps_order_and_search(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)

    page = await report_page(web, webinar_id, "show=absent&sort=watched&q=e")

    counts = dict(re.findall(r'data-show="(\w+)">[^<]*<span class="number">(\d+)</span>', page))
    assert counts == {
        "all": "4", "attended": "1", "not_attended": "1", "absent": "2", "clicked": "1", "undelivered": "1",
    }  # fmt: skip
    [chosen] = re.findall(r'aria-current="true" data-show="(\w+)"', page)
    assert chosen == "absent"
    assert f"/admin_webinar/{webinar_id}?show=clicked&sort=watched&q=e#report-people" in unescape(page)
    assert f"/admin_webinar/{webinar_id}/report.csv?show=absent&sort=watched&q=e" in unescape(page)
    assert 'aria-sort="descending"' in page


@pytest.mark.parametrize(
    ("asked", "said", "after"),
    [
        ("", ["ascending", None, None], ["-name", "entered", "watched"]),
        ("sort=-name", ["descending", None, None], ["name", "entered", "watched"]),
        ("sort=entered", [None, "ascending", None], ["name", "-entered", "watched"]),
        ("sort=-entered", [None, "descending", None], ["name", "entered", "watched"]),
        ("sort=watched", [None, None, "descending"], ["name", "entered", "-watched"]),
        ("sort=-watched", [None, None, "ascending"], ["name", "entered", "watched"]),
    ],
)
async def test_a_second_press_on_a_heading_turns_the_order_round(
    web: Web, asked: str, said: list[str | None], after: list[str]
) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)

    page = unescape(await report_page(web, webinar_id, asked))

    headings = re.findall(r'<th scope="col"([^>]*)><a href="[^"?]*\?sort=([^"]*)#report-people"', page)
    assert [sort for _, sort in headings] == after
    directions = [re.search(r'aria-sort="(\w+)"', attributes) for attributes, _ in headings]
    assert [found and found[1] for found in directions] == said
    chosen = re.findall(r'<option value="(-?\w+)" selected>', page[page.index('id="f-sort"') :])
    assert chosen == [asked.removeprefix("sort=") or "name"]


async def test_a_turned_order_stays_with_filter_search_file_and_pages(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)
    await web.under_test.receive(*(entered(f"lead-{number:03}", webinar_id) for number in range(ROWS_PER_PAGE)))
    speaker = await web.member("speaker")

    page = unescape(await report_page(web, webinar_id, "sort=-watched&page=2", speaker))
    searched = unescape(await report_page(web, webinar_id, "sort=-watched&q=nn&show=attended", speaker))

    base = f"/admin_webinar/{webinar_id}"
    assert f"{base}?page=1&sort=-watched#report-people" in page
    assert f"{base}?show=clicked&sort=-watched#report-people" in page
    assert f'{base}/report.csv?sort=-watched"' in page
    assert '<input type="hidden" name="sort" value="-watched">' in page
    assert f'{base}/report.csv?show=attended&sort=-watched&q=nn"' in searched
    assert f"{base}?show=attended&sort=watched&q=nn#report-people" in searched


async def test_a_message_counts_as_not_arrived_until_the_one_in_its_place_arrives(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    later = UUID(int=2**128 - 1)
    notice = delivery(ids["anna"], webinar_id, DeliveryState.FAILED, recipient=Recipient.PARTNER)
    again = delivery(ids["vera"], webinar_id, DeliveryState.SENT, step=Step.NOT_ATTENDED, delivery_id=later)
    await web.under_test.receive(again, notice)

    assert leads_in(await report_page(web, webinar_id, "show=undelivered")) == []


async def test_a_report_is_read_in_pages(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)
    many = [f"lead-{number:03}" for number in range(ROWS_PER_PAGE)]
    await web.under_test.receive(*(entered(lead, webinar_id) for lead in many))
    speaker = await web.member("speaker")

    first, second, beyond = [
        await report_page(web, webinar_id, f"sort=entered&page={number}", speaker) for number in (1, 2, 99)
    ]

    assert (len(leads_in(first)), len(leads_in(second))) == (ROWS_PER_PAGE, 4)
    assert not set(leads_in(first)) & set(leads_in(second))
    assert leads_in(beyond) == leads_in(second)
    assert f"/admin_webinar/{webinar_id}?page=2&sort=entered#report-people" in unescape(first)
    for number in ("2", "99", "-1", "x", "9" * 30):
        found = await speaker.browser.get(f"/admin_webinar/{webinar_id}?page={number}")
        assert found.status_code == 200


async def test_a_partner_sees_own_candidates_and_nobody_elses(web: Web) -> None:
    webinar_id, ids = await a_webinar_with_three_candidates(web)
    other = await web.member("partner", login="other", name="Other Partner")
    async with web.parts.database.work() as work:
        own = await candidate_queries.own_candidates(work.connection, ids["boris"])

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


# --- the curve and the button -----------------------------------------------------------------------------------------


async def test_the_curve_is_drawn_with_the_times_of_the_button_and_told_in_words(web: Web) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)

    page = await report_page(web, webinar_id)

    [drawn] = re.findall(r"<figure class=\"curve\".*?</figure>", page, re.DOTALL)
    assert 'role="img"' in drawn
    assert "Больше всего: 2 человека, в 15:05." in drawn
    assert "Кнопка была показана с 15:20 до 15:40." in drawn
    assert '<rect class="curve-cta" x="33.33%" width="33.33%"' in drawn
    assert "curve-pause" not in drawn
    assert " style=" not in page


@pytest.mark.parametrize(
    ("present_from", "present_for", "words"),
    [(0, 20, "зрителей не было"), (19, 2, "0% из 1 зрителя"), (40, 5, "зрителей не было")],
    ids=["left as it came", "there for a minute of it", "came as it went"],
)
async def test_the_rate_of_the_button_is_over_those_who_were_there_while_it_was_shown(
    web: Web, present_from: int, present_for: int, words: str
) -> None:
    vera = await web.member(name="Vera")
    webinar = webinar_event("finished", cta_windows=(CtaWindow(from_=minute(20), to=minute(40)),))
    await web.know(webinar)
    await web.under_test.receive(
        entered(vera.account_id, webinar.webinar_id),
        watched(vera.account_id, webinar.webinar_id, present_for, None, since=present_from),
    )

    assert words in await report_page(web, webinar.webinar_id)


async def test_where_core_told_no_times_of_the_button_there_is_no_rate(web: Web) -> None:
    vera = await web.member(name="Vera")
    webinar = webinar_event("finished")
    await web.know(webinar)
    await web.under_test.receive(
        entered(vera.account_id, webinar.webinar_id), watched(vera.account_id, webinar.webinar_id, 30, None)
    )

    assert "её не показывали, или неизвестно когда" in await report_page(web, webinar.webinar_id)


async def test_a_webinar_that_nobody_could_attend_says_so(web: Web) -> None:
    webinar = webinar_event("finished")
    await web.know(webinar)

    page = await report_page(web, webinar.webinar_id)

    assert "Никто не участвовал" in page
    assert "report.csv" not in page
    assert "data-curve" not in page


async def test_who_waits_for_a_verdict_is_counted(web: Web) -> None:
    vera = await web.member(name="Vera")
    webinar = webinar_event("finished")
    await web.know(webinar)
    await web.under_test.receive(entered(vera.account_id, webinar.webinar_id))

    page = await report_page(web, webinar.webinar_id)

    assert "У 1 человека ещё нет решения" in page
    assert "решения ещё нет" in row_of(page, vera.account_id)
    assert "Никто не смотрел, поэтому кривой нет" in page


# --- another percent --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "attended", "gained", "lost"), [(16, 2, "Vera", ""), (90, 0, "", "Anna"), (70, 1, "", "")]
)
async def test_another_percent_shows_who_would_move_and_changes_nothing(
    web: Web, percent: int, attended: int, gained: str, lost: str
) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)
    before = await web.parts.database.pool.fetch("select * from classification order by lead_id")

    page = await report_page(web, webinar_id, f"percent={percent}&sort=watched")

    [shown] = re.findall(r'<div class="notice plain moves".*?</details>', page, re.DOTALL)
    assert f'data-moves="{percent}" data-gained="{len(gained) // 4}" data-lost="{len(lost) // 4}"' in shown
    assert re.search(rf"При {percent}% засчиталось бы участие {attended} человек", shown)
    assert ("Anna" in shown, "Vera" in shown) == (bool(lost), bool(gained))
    assert ("Никто не перешёл бы" in shown) is (not gained and not lost)
    assert "решения и сообщения остаются как есть" in page
    assert await web.parts.database.pool.fetch("select * from classification order by lead_id") == before
    assert web.commands.sent == []
    assert '<input type="hidden" name="sort" value="watched">' in page


@pytest.mark.parametrize("typed", ["0", "101", "x", "-5", "5.5", "٣"])
async def test_a_percent_that_is_none_is_told_at_its_field(web: Web, typed: str) -> None:
    webinar_id, _ = await a_webinar_with_three_candidates(web)

    page = await report_page(web, webinar_id, f"percent={typed}")

    assert 'id="e-percent"' in page
    assert "data-moves" not in page
