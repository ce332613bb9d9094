"""What is told is kept: the newest version, in any order, however often."""

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from contracts import (
    ChatLinkEvent,
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CtaClicked,
    CtaShown,
    Fact,
    MessageTemplateEvent,
    ParticipationEvent,
    PostWebinarDelivery,
    WatchedWindow,
    session_id_of,
)
from room_ui import repository
from room_ui.tables import RoomUiTable
from room_ui.testing import NOON, Web, later, webinar_event
from servicekit.testing import assert_migrations_match

WEBINAR_ID = uuid4()
DELIVERY_ID = uuid4()


def facts_about(lead_id: str) -> list[Fact]:
    about: dict[str, Any] = {"lead_id": lead_id, "webinar_id": WEBINAR_ID}
    watched: dict[str, Any] = {"watched_seconds": 600, "base_seconds": 3600}
    return [
        ClientWebinarEntered(**about, session_id=session_id_of(lead_id, WEBINAR_ID), timestamp=NOON),
        ClientWebinarAttendanceClassified(
            **about, **watched, attended=True, timestamp=NOON, reason="finish", watched_percent=17, rule_version=1
        ),
        ParticipationEvent(**about, version=1, watched_seconds=5, base_seconds=10),
        ParticipationEvent(
            **about,
            **watched,
            version=2,
            windows=(WatchedWindow(from_=NOON, to=NOON + timedelta(minutes=10)),),
            completed_by="finish",
            final=True,
        ),
        CtaShown(**about, at=NOON),
        CtaClicked(**about, at=NOON + timedelta(minutes=1)),
        ChatLinkEvent(account_id=lead_id, version=1, linked=True),
        ChatLinkEvent(account_id=lead_id, version=2, linked=True, blocked=True),
    ]


def delivery(version: int, state: str) -> PostWebinarDelivery:
    return PostWebinarDelivery(
        delivery_id=DELIVERY_ID,
        version=version,
        webinar_id=WEBINAR_ID,
        lead_id="anna",
        recipient="candidate",
        step="attended",
        state=state,
        attempts=version,
    )


def everything() -> list[Fact]:
    live = webinar_event("live", webinar_id=WEBINAR_ID, version=5)
    return [
        webinar_event(webinar_id=WEBINAR_ID, version=4),
        live,
        later(live, title="Another title"),
        delivery(1, "planned"),
        delivery(2, "sent"),
        MessageTemplateEvent(step="attended", locale="ru", version=1, text="Раз"),
        MessageTemplateEvent(step="attended", locale="ru", version=2, text="Два"),
        *facts_about("anna"),
        *facts_about("boris"),
    ]


async def kept(web: Web) -> dict[str, list[tuple[Any, ...]]]:
    tables = set(RoomUiTable.metadata.tables) - {"account", "session", "sign_in_attempt", "one_time_link"}
    return {
        table: sorted(tuple(row) for row in await web.parts.database.pool.fetch(f"select * from {table}"))
        for table in tables
    }


async def test_the_newest_is_kept_whole(web: Web) -> None:
    await web.under_test.receive(*everything())

    pool = web.parts.database.pool
    webinar = await repository.webinar(pool, WEBINAR_ID)
    assert webinar is not None
    assert (webinar.version, webinar.title, webinar.on_air[0].from_) == (6, "Another title", NOON)
    participation = await pool.fetchrow("select * from participation where lead_id = 'anna'")
    assert (participation["watched_seconds"], participation["final"], participation["completed_by"]) == (
        600,
        True,
        "finish",
    )
    assert participation["windows"] == [{"from": "2026-03-02T12:00:00Z", "to": "2026-03-02T12:10:00Z"}]
    assert await pool.fetchval("select state from delivery") == "sent"
    assert await pool.fetchval("select text from message_template") == "Два"
    assert await pool.fetchval("select blocked from chat_link where account_id = 'boris'")
    assert await pool.fetchval("select count(*) from cta") == 4


@pytest.mark.parametrize("seed", range(5))
async def test_twice_and_shuffled_is_the_same(web: Web, seed: int) -> None:
    await web.under_test.receive(*everything())
    expected = await kept(web)

    again = everything()
    random.Random(seed).shuffle(again)
    await web.under_test.receive(*again)
    assert await kept(web) == expected

    pool = web.parts.database.pool
    for table in expected:
        await pool.execute(f"delete from {table}")
    await web.under_test.receive(*again)
    assert await kept(web) == expected


async def test_the_projection_never_goes_back_in_a_page(web: Web) -> None:
    newest = webinar_event(version=9, title="Newest")
    await web.know(newest, newest.model_copy(update={"version": 8, "title": "Older"}))

    found = await repository.schedule(web.parts.database.pool, NOON)

    assert [webinar.title for webinar in found] == ["Newest"]


async def test_the_pages_read_the_schedule_and_the_current_webinar_by_the_rule(web: Web) -> None:
    live, draft = webinar_event("live"), webinar_event("draft", scheduled_at=None)
    soon = webinar_event(scheduled_at=NOON + timedelta(hours=2))
    await web.know(live, draft, soon, webinar_event("archived"))
    pool = web.parts.database.pool

    assert [one.webinar_id for one in await repository.schedule(pool, NOON)] == [live.webinar_id, soon.webinar_id]
    assert await repository.current_webinar(pool, NOON) == live


async def test_a_partner_card_is_that_of_ones_own_active_partner(web: Web) -> None:
    partner = await web.member("partner", login="boris", name="Борис", telegram="boris_p")
    anna = await web.member(partner="boris")
    pool = web.parts.database.pool

    card = await repository.partner_card(pool, anna.account_id)
    assert card is not None
    assert (card.display_name, card.contact.telegram) == ("Борис", "boris_p")
    assert await repository.partner_card(pool, partner.account_id) is None

    await web.parts.accounts.set_active(partner.account_id, active=False)
    assert await repository.partner_card(pool, anna.account_id) is None


async def test_the_migrations_make_what_the_tables_say(web: Web) -> None:
    await assert_migrations_match(web.under_test, RoomUiTable.metadata)
