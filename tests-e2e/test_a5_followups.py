"""A5: after the stop each gets one route and one follow-up, the partner a notice; the desk holds, releases, cancels."""

from datetime import timedelta

from playwright.sync_api import expect
from post_webinar.domain.allowance import TELEGRAMS_PACE
from room_ui.pages import desk_queries
from world.desk import Desk
from world.people import Cast, Person
from world.rooms import Browsers
from world.system import World
from world.telegram import Telegram

DELAY = timedelta(seconds=12)


def chat(person: Person) -> int:
    assert person.chat_id is not None, f"{person.login} has no chat"
    return person.chat_id


def test_each_gets_one_message_after_the_stop_and_none_before(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, telegram: Telegram
) -> None:
    partner, [finishes, stays, unlinked, blocks] = cast.family(4)
    for person in (partner, finishes, stays, blocks):
        cast.link_chat(person)
    telegram.block(chat(blocks))
    loner = cast.one()
    cast.link_chat(loner)
    english_partner, [english] = cast.family(1, linked=True, locale="en")
    people = (partner, finishes, stays, unlinked, blocks, loner, english)
    title = "После эфира"
    webinar_id = desk.plan(title)
    facts = world.facts(webinar_id)
    rooms = {person.login: browsers.room(cast.caller(person), webinar_id) for person in people}
    started = desk.start(webinar_id)
    world.let_run(started, 6)
    rooms[finishes.login].finish()
    # Who has finished has a verdict at once, and still no route: that comes after the stop.
    facts.wait_for("client_webinar_attendance_classified", finishes)
    rooms[finishes.login].leave()
    world.let_run(started, 10)
    assert world.wire.of("post_webinar_route", webinar_id) == []

    finished = desk.stop(webinar_id)

    facts.wait_for_outcome(*people)
    for person in people:
        [route] = facts.said("post_webinar_route", person)
        assert route.body["route"] == "attended"
        assert route.heard_at > finished.heard_at
    for person in (finishes, stays, loner, partner, english):
        facts.wait_for_delivery(person, "attended", "sent")
    for person in (finishes, stays, unlinked, blocks, english):
        facts.wait_for_delivery(person, "partner_notice", "sent")
    # One notice about all four; to who has no partner there is none, and that is no error.
    [notice] = telegram.wait_for(chat(partner), "ваши кандидаты")
    assert [one.name for one in (finishes, stays, unlinked, blocks) if one.name not in notice] == []
    assert facts.deliveries(loner, step="partner_notice") == []
    assert facts.deliveries(partner, step="partner_notice") == []
    for person in (finishes, stays, loner):
        assert len(telegram.texts(chat(person), title)) == 1
    # Each in the language of its reader.
    [text] = telegram.texts(chat(english), title)
    assert "thank you for being at the webinar" in text
    [text] = telegram.texts(chat(english_partner), title)
    assert "your candidates at the webinar" in text
    assert len(telegram.texts(chat(partner), "спасибо, что были")) == 1

    # What cannot be delivered says why, and shows at the desk.
    assert facts.wait_for_delivery(unlinked, "attended", "not_linked")["reason"]
    assert facts.wait_for_delivery(blocks, "attended", "blocked")["reason"]
    page = browsers.page(cast.caller(cast.speaker))
    page.goto(f"/admin_webinar/{webinar_id}")
    for person, state in ((unlinked, "not_linked"), (blocks, "blocked"), (stays, "sent")):
        row = page.locator(f'[data-lead="{person.account_id}"]')
        expect(row).to_have_attribute("data-attended", "true")
        expect(row.locator(f'[data-delivery-state="{state}"]').first).to_be_visible()
    expect(page.locator('[data-figure="attended"]')).to_have_text("7")
    # Who links a chat within two days still gets it.
    cast.link_chat(unlinked)
    telegram.wait_for(chat(unlinked), title)
    facts.wait_for_delivery(unlinked, "attended", "sent")


def test_messages_are_held_released_and_cancelled_at_the_desk(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, telegram: Telegram
) -> None:
    with world.restarted("post-webinar", FOLLOWUP_DELAY=str(int(DELAY.total_seconds()))):
        partner, [waits] = cast.family(1, linked=True)
        other_partner, [never] = cast.family(1, linked=True)
        held_id, cancelled_id = desk.plan("Придержали"), desk.plan("Отменили")
        held, cancelled = world.facts(held_id), world.facts(cancelled_id)
        for person, webinar_id in ((waits, held_id), (never, cancelled_id)):
            browsers.room(cast.caller(person), webinar_id)
        desk.start(held_id)
        started = desk.start(cancelled_id)
        world.let_run(started, 6)
        finished = desk.stop(held_id)
        desk.stop(cancelled_id)

        page = browsers.page(cast.caller(cast.speaker))
        page.goto(f"/admin_webinar/{held_id}")
        page.locator('form[action$="/followups/hold"] button').click()
        expect(page.locator(".notice.good")).to_be_visible()
        assert desk.press(cancelled_id, "followups/cancel", confirm="confirm").status_code == 303
        for step in ("attended", "partner_notice"):
            held.wait_for_delivery(waits, step, "held")
            cancelled.wait_for_delivery(never, step, "cancelled")
        # The page follows by itself.
        expect(page.locator('[data-followup-state="held"]')).to_have_attribute("data-count", "2")
        world.ledger.wait_until(finished.moment("finished_at") + DELAY + timedelta(seconds=3))
        for person in (waits, partner, never, other_partner):
            assert telegram.texts(chat(person), "Придержали") == telegram.texts(chat(person), "Отменили") == []

        page.locator('form[action$="/followups/release"] button').click()

        for person in (waits, partner):
            assert len(telegram.wait_for(chat(person), "Придержали")) == 1
        for step in ("attended", "partner_notice"):
            held.wait_for_delivery(waits, step, "sent")
        # Cancelled is for good: another word of the desk is refused, and nothing is ever sent.
        answer = desk.press(cancelled_id, "followups/release")
        assert answer.status_code == 409
        for person in (never, other_partner):
            assert telegram.texts(chat(person), "Отменили") == []
        assert {one["state"] for one in cancelled.deliveries(never)} == {"cancelled"}


def test_the_desk_reckons_with_the_pace_of_the_sender() -> None:
    assert round(1 / TELEGRAMS_PACE.spacing, 6) == desk_queries.MESSAGES_PER_SECOND
    assert TELEGRAMS_PACE.chat_spacing == desk_queries.CHAT_SPACING.total_seconds()
