"""What the desk shows first: whether all is ready, how it goes on air, how the messages after it get away."""

import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import httpx
from contracts import (
    ChatLinkEvent,
    ClientWebinarEntered,
    CommandReply,
    CtaClicked,
    CtaShown,
    DeliveryState,
    ParticipationEvent,
    PostWebinarDelivery,
    Recipient,
    Step,
    session_id_of,
)
from room_ui.main import create_application
from room_ui.pages import desk_queries
from room_ui.testing import BASE_URL, NOON, Member, Web, later, webinar_event
from servicekit import CommandUnanswered


def entered(lead_id: str, webinar_id: UUID, minute: int) -> ClientWebinarEntered:
    return ClientWebinarEntered(
        lead_id=lead_id,
        webinar_id=webinar_id,
        session_id=session_id_of(lead_id, webinar_id),
        timestamp=NOON + timedelta(minutes=minute),
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
        "attempts": 0,
        "due_at": NOON + timedelta(minutes=5),
    }
    return PostWebinarDelivery.model_validate({**given, **fields})


async def linked(web: Web, *members: Member) -> None:
    events = [ChatLinkEvent(account_id=member.account_id, version=1, linked=True) for member in members]
    await web.under_test.receive(*events)


def actions_of(page: str) -> set[str]:
    return set(re.findall(r'action="/admin_webinar/[^"]*/followups/([^"]+)"', page))


async def test_before_the_start_the_desk_says_what_is_missing_and_where_to_fill_it_in(web: Web) -> None:
    bare = webinar_event(player_src=None, poster_url=None, cta_text="")
    full = webinar_event(poster_url="https://posters.example/1.png")
    await web.know(bare, full)
    speaker = await web.member("speaker")

    lacking = (await speaker.browser.get(f"/admin_webinar/{bare.webinar_id}")).text
    ready = (await speaker.browser.get(f"/admin_webinar/{full.webinar_id}")).text

    assert set(re.findall(r'data-missing="(\w+)"', lacking)) == {"player_src", "poster_url", "cta_text"}
    assert 'href="#f-player_src"' in lacking
    assert 'id="f-player_src"' in lacking
    assert "data-missing" not in ready
    assert "Всё готово" in ready
    assert f"http://rooms.localhost/account/webinar_room/{full.webinar_id}" in ready


async def test_on_air_the_desk_shows_the_newest_ten_and_how_the_button_does(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    people = [await web.member(name=f"Guest {number:02}") for number in range(12)]
    id_ = webinar.webinar_id
    await web.under_test.receive(
        *(entered(one.account_id, id_, minute) for minute, one in enumerate(people)),
        CtaShown(lead_id=people[0].account_id, webinar_id=id_, at=NOON),
        CtaShown(lead_id=people[1].account_id, webinar_id=id_, at=NOON),
        CtaClicked(lead_id=people[0].account_id, webinar_id=id_, at=NOON),
        ParticipationEvent(
            lead_id=people[0].account_id,
            webinar_id=id_,
            version=int((NOON - timedelta(seconds=41)).timestamp() * 1000),
            watched_seconds=60,
            base_seconds=60,
            final=False,
        ),
    )
    speaker = await web.member("speaker")

    page = (await speaker.browser.get(f"/admin_webinar/{id_}")).text

    names = re.findall(r'<li><span class="name">(Guest \d\d)</span>', page)
    assert names == [f"Guest {number:02}" for number in range(11, 1, -1)]
    figures = re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(\d+)</dd>", page)
    assert ("Вошли всего", "12") in figures
    assert ("Видели кнопку", "2") in figures
    assert "посчитаны 41 секунду назад" in page


async def test_the_switch_of_the_button_says_which_side_it_is_on(web: Web) -> None:
    hidden = webinar_event("live")
    shown = webinar_event("live", cta_visibility="visible")
    await web.know(hidden, shown)
    speaker = await web.member("speaker")

    before = (await speaker.browser.get(f"/admin_webinar/{hidden.webinar_id}")).text
    after = (await speaker.browser.get(f"/admin_webinar/{shown.webinar_id}")).text

    assert 'data-switch="hidden"' in before
    assert 'data-on data-cta-state="hidden"' in before
    assert "/cta/hide" not in before
    assert 'data-on data-cta-state="visible"' in after
    assert "/cta/show" not in after


async def test_the_desk_says_whether_core_and_the_broker_answer(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")
    desk = f"/admin_webinar/{webinar.webinar_id}"

    def is_well(page: str) -> dict[str, str]:
        return dict(re.findall(r'data-health="(\w+)" data-ok="(\w+)"', page))

    at_first = (await speaker.browser.get(desk)).text
    web.commands.answer = CommandUnanswered("slow")
    await speaker.post(f"{desk}/cta/show")
    unanswered = (await speaker.browser.get(desk)).text
    web.commands.answer = CommandReply(ok=True, webinar=later(webinar))
    await speaker.post(f"{desk}/cta/show")
    answered = (await speaker.browser.get(desk)).text

    assert "ещё не нажимали" in at_first
    assert is_well(unanswered)["core"] == "false"
    assert "ответа не было" in unanswered
    assert is_well(answered)["core"] == "true"
    for is_connected in (True, False):
        application = create_application(replace(web.parts, is_broker_connected=partial(bool, is_connected)))
        browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=application), base_url=BASE_URL, headers={"cookie": speaker.cookie}
        )
        assert is_well((await browser.get(desk)).text)["broker"] == str(is_connected).lower()


async def test_hold_release_and_cancel_are_offered_where_they_do_something(web: Web) -> None:
    webinars = [webinar_event("finished", finished_at=NOON - timedelta(hours=1)) for _ in range(4)]
    await web.know(*webinars)
    anna, speaker = await web.member(), await web.member("speaker")
    planned, held, sent, _ = [one.webinar_id for one in webinars]
    await web.under_test.receive(
        delivery(anna.account_id, planned, DeliveryState.PLANNED),
        delivery(anna.account_id, held, DeliveryState.HELD),
        delivery(anna.account_id, sent, DeliveryState.SENT),
    )

    offered = [actions_of((await speaker.browser.get(f"/admin_webinar/{one.webinar_id}")).text) for one in webinars]

    assert offered == [{"hold", "cancel"}, {"release", "cancel"}, set(), set()]


async def test_who_cannot_be_reached_is_named_with_the_reason_but_not_once_it_was_sent_again(web: Web) -> None:
    webinar = webinar_event("finished")
    await web.know(webinar)
    anna, vera, gleb = [await web.member(name=name) for name in ("Anna", "Vera", "Gleb")]
    speaker = await web.member("speaker")
    id_ = webinar.webinar_id
    first, second = sorted([uuid4(), uuid4()])
    await web.under_test.receive(
        delivery(anna.account_id, id_, DeliveryState.NOT_LINKED, reason="no_chat_linked"),
        delivery(vera.account_id, id_, DeliveryState.FAILED, reason="Bad Request: chat <not> found"),
        delivery(gleb.account_id, id_, DeliveryState.BLOCKED, delivery_id=first),
        delivery(gleb.account_id, id_, DeliveryState.SENT, delivery_id=second),
    )

    page = (await speaker.browser.get(f"/admin_webinar/{id_}")).text

    unreached = page.split('id="unreached"')[1].split("</details>")[0]
    assert re.findall(r'data-unreached-state="(\w+)"', unreached) == ["not_linked", "failed"]
    assert "chat &lt;not&gt; found" in unreached
    assert "2 сообщения не доставлены" in unreached
    assert "Gleb" not in unreached


async def test_the_time_that_messages_need_counts_chats_and_not_rows(web: Web) -> None:
    webinar, other = webinar_event("finished"), webinar_event("finished")
    await web.know(webinar, other)
    partner = await web.member("partner", login="boris")
    people = [await web.member(partner="boris") for _ in range(4)]
    id_ = webinar.webinar_id
    await linked(web, partner, *people[:3])
    notice = {"recipient": Recipient.PARTNER, "step": Step.PARTNER_NOTICE}
    await web.under_test.receive(
        *(delivery(one.account_id, id_, DeliveryState.PLANNED) for one in people),
        *(delivery(one.account_id, id_, DeliveryState.PLANNED, **notice) for one in people),
        delivery(people[0].account_id, id_, DeliveryState.PLANNED, step=Step.RECORDING),
        delivery(people[0].account_id, other.webinar_id, DeliveryState.HELD),
    )

    found = await desk_queries.leaving(web.parts.database.pool, id_, NOON + timedelta(hours=1))
    speaker = await web.member("speaker")
    page = (await speaker.browser.get(f"/admin_webinar/{id_}")).text

    assert "нужно примерно 1 секунду" in page
    # Three candidates have a chat, and the partner gets one notice about all four.
    assert found.needs == timedelta(seconds=4 / desk_queries.MESSAGES_PER_SECOND)
    assert found.without_chat == 1


def test_many_messages_leave_at_the_rate_over_all_and_those_to_one_chat_one_by_one() -> None:
    assert desk_queries.time_to_send(0, 0) == timedelta()
    assert desk_queries.time_to_send(2800, 1) == timedelta(seconds=100)
    assert desk_queries.time_to_send(3, 3) == 2 * desk_queries.CHAT_SPACING


async def test_the_list_has_what_is_on_air_and_coming_before_the_past(web: Web) -> None:
    tomorrow, next_week = [
        webinar_event(scheduled_at=NOON + timedelta(days=days), title=f"In {days}") for days in (1, 7)
    ]
    missed = webinar_event(scheduled_at=NOON - timedelta(days=3), title="Missed")
    over = webinar_event("finished", scheduled_at=NOON - timedelta(days=1), title="Over")
    live, draft = webinar_event("live", title="Live"), webinar_event("draft", scheduled_at=None, title="")
    await web.know(next_week, over, missed, draft, live, tomorrow)
    speaker = await web.member("speaker")

    page = (await speaker.browser.get("/admin_webinar/")).text

    assert re.findall(r'data-shelf="(\w+)"', page) == ["on_air", "coming", "drafts", "past"]
    ids = [one.webinar_id for one in (live, tomorrow, next_week, draft, over, missed)]
    assert re.findall(r'<li [^>]*data-webinar-id="([^"]+)"', page) == [str(id_) for id_ in ids]
    assert f'href="/admin_webinar/{over.webinar_id}#report"' in page
    assert f'href="/admin_webinar/new?from={live.webinar_id}"' in page
    assert "Не состоялся" in page


async def test_the_list_can_be_asked_for_without_its_page(web: Web) -> None:
    await web.know(webinar_event(title="One of May"), webinar_event(title="One of June"))
    speaker, candidate = await web.member("speaker"), await web.member()

    found = await speaker.browser.get("/admin_webinar/?q=may", headers={"x-part": "list"})
    refused = await candidate.browser.get("/admin_webinar/", headers={"x-part": "list"})

    assert "<html" not in found.text
    assert re.findall(r"<h3><a [^>]*>([^<]*)", found.text) == ["One of May"]
    assert found.headers["cache-control"] == "no-store"
    assert refused.status_code == 403


async def test_the_list_is_searched_by_title_whatever_stands_in_it(web: Web) -> None:
    await web.know(webinar_event(title="100% about_money"), webinar_event(title="Other things"))
    speaker = await web.member("speaker")

    async def found(search: str) -> list[str]:
        page = (await speaker.browser.get("/admin_webinar/", params={"q": search})).text
        return re.findall(r'<h3><a href="[^"]*">([^<]*)</a>', page)

    assert await found("ABOUT_M") == ["100% about_money"]
    assert await found("100%") == ["100% about_money"]
    assert await found("_") == ["100% about_money"]
    assert await found("nothing like it") == []
    nothing = (await speaker.browser.get("/admin_webinar/", params={"q": '"><script>'})).text
    assert "&#34;&gt;&lt;script&gt;" in nothing
    assert "<script>" not in nothing


async def test_an_empty_list_shows_the_first_step(web: Web) -> None:
    speaker = await web.member("speaker")

    page = (await speaker.browser.get("/admin_webinar/")).text

    assert page.count('href="/admin_webinar/new"') == 2
    assert "from=last" not in page


async def test_a_long_list_is_paged_with_its_search(web: Web) -> None:
    size = desk_queries.WEBINARS_PER_PAGE
    many = [webinar_event(scheduled_at=NOON + timedelta(hours=hour), title="Serial") for hour in range(size + 1)]
    await web.know(*many)
    pool = web.parts.database.pool

    first, pages = await desk_queries.webinars(pool, NOON, search="serial")
    second, _ = await desk_queries.webinars(pool, NOON, search="serial", page=2)
    beyond, _ = await desk_queries.webinars(pool, NOON, search="serial", page=99)
    page = (await (await web.member("speaker")).browser.get("/admin_webinar/?q=serial")).text

    assert (len(first), pages, [one.webinar for one in second]) == (size, 2, [many[-1]])
    assert beyond == second
    assert 'href="/admin_webinar/?page=2&amp;q=serial"' in page
