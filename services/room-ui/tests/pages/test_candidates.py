"""A partner's own candidates: at a glance, each across webinars, and nobody else's."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from contracts import (
    ChatLinkEvent,
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    DeliveryState,
    PostWebinarDelivery,
    Recipient,
    Step,
    session_id_of,
)
from room_ui.pages import candidate_queries
from room_ui.testing import NOON, Web, webinar_event

ADDRESS = "/account/candidates/"


def took_part(lead_id: str, webinar_id: UUID, *, attended: bool) -> list[Any]:
    return [
        ClientWebinarEntered(
            lead_id=lead_id, webinar_id=webinar_id, session_id=session_id_of(lead_id, webinar_id), timestamp=NOON
        ),
        ClientWebinarAttendanceClassified(
            lead_id=lead_id,
            webinar_id=webinar_id,
            attended=attended,
            timestamp=NOON + timedelta(hours=1),
            reason="watched_enough" if attended else "not_completed",
            watched_seconds=600,
            base_seconds=3600,
            watched_percent=16,
            rule_version=1,
        ),
    ]


def sent(lead_id: str, webinar_id: UUID) -> PostWebinarDelivery:
    return PostWebinarDelivery(
        delivery_id=UUID(int=1),
        version=1,
        webinar_id=webinar_id,
        lead_id=lead_id,
        recipient=Recipient.CANDIDATE,
        step=Step.ATTENDED,
        state=DeliveryState.SENT,
        attempts=1,
        due_at=NOON,
    )


def figures(page: str) -> dict[str, str]:
    return dict(re.findall(r'data-figure="(\w+)">(\d+)', page))


def row_of(page: str, account_id: str) -> list[str]:
    [row] = re.findall(rf'<tr data-candidate="{account_id}" data-chat="\w+">.*?</tr>', page, re.DOTALL)
    chat = re.findall(r'data-chat="(\w+)"', row)
    return chat + re.findall(r'<div class="number">(\d+)</div>', row)


async def test_a_partner_sees_each_candidate_across_webinars_and_the_last_one_on_top(web: Web) -> None:
    partner = await web.member("partner", login="boris")
    anna, vera, gleb = [await web.member(name=name, partner="boris") for name in ("Anna", "Vera", "Gleb")]
    stranger = await web.member(name="Stranger")
    first = webinar_event("finished", title="The first")
    last = webinar_event("finished", title="The last", finished_at=NOON + timedelta(hours=2))
    await web.know(first, last)
    await web.under_test.receive(
        *took_part(anna.account_id, first.webinar_id, attended=True),
        *took_part(anna.account_id, last.webinar_id, attended=True),
        *took_part(vera.account_id, last.webinar_id, attended=False),
        *took_part(stranger.account_id, last.webinar_id, attended=True),
        sent(anna.account_id, last.webinar_id),
        ChatLinkEvent(account_id=anna.account_id, version=1, linked=True),
        ChatLinkEvent(account_id=vera.account_id, version=1, linked=True, blocked=True),
    )

    page = (await partner.browser.get(ADDRESS)).text

    assert figures(page) == {"candidates": "3", "last_entered": "2", "last_attended": "1", "without_telegram": "2"}
    assert "Последний вебинар: «The last»" in page
    assert row_of(page, anna.account_id) == ["linked", "2", "2"]
    assert row_of(page, vera.account_id) == ["blocked", "1", "0"]
    assert row_of(page, gleb.account_id) == ["none", "0", "0"]
    assert "Попросите разблокировать бота" in page
    assert 'value="http://rooms.localhost/account/telegram/"' in page
    assert "участнику: отправлено" in page
    assert page.index("The last</h2>") > 0
    assert page.index("The first</h2>") > 0
    assert "Stranger" not in page
    assert stranger.account_id not in page


async def test_candidates_who_are_switched_off_or_have_another_role_are_not_counted(web: Web) -> None:
    partner = await web.member("partner", login="boris")
    anna, off = [await web.member(partner="boris") for _ in range(2)]
    await web.member("speaker", partner="boris")
    await web.parts.accounts.set_active(off.account_id, active=False)

    page = (await partner.browser.get(ADDRESS)).text

    assert figures(page) == {"candidates": "1", "without_telegram": "1"}
    assert re.findall(r'data-candidate="([^"]+)"', page) == [anna.account_id]


async def test_candidates_are_found_by_name_page_by_page(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidate_queries, "PEOPLE_PER_PAGE", 2)
    partner = await web.member("partner", login="boris")
    for name in ("Anna", "Boris", "Vera", "Hanna", "100%"):
        await web.member(name=name, partner="boris")

    async def names(query: str) -> list[str]:
        found = await partner.browser.get(f"{ADDRESS}{query}")
        assert found.status_code == 200
        return re.findall(r"<tr data-candidate=.*?<b>(.*?)</b>", found.text, re.DOTALL)

    assert [await names(f"?page={number}") for number in (1, 2, 3)] == [
        ["100%", "Anna"],
        ["Boris", "Hanna"],
        ["Vera"],
    ]
    assert await names("?page=99") == ["Vera"]
    for odd in ("-1", "x", "", "9" * 30, "%C2%B2"):
        assert await names(f"?page={odd}") in (["100%", "Anna"], ["Vera"])
    assert await names("?q=ANNA") == ["Anna", "Hanna"]
    assert await names("?q=%25") == ["100%"]
    assert await names("?q=nobody") == []
    assert 'href="/account/candidates/?page=2#people"' in (await partner.browser.get(ADDRESS)).text
