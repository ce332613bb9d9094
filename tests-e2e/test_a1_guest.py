"""A1: a guest sees the schedule and nothing private, gets into no room, signs in and lands where they wanted."""

import re
from datetime import UTC, timedelta
from uuid import UUID

import icalendar
import pytest
from local_stack.demo import PASSWORD
from playwright.sync_api import Page, expect
from world.caller import Caller, error_code
from world.desk import Desk
from world.people import Cast
from world.rooms import PHONE, Browsers
from world.system import World
from world.wire import Wire

PLAYER_WORD, CHAT_WORD, CTA_WORD = "aqz-KE-bpKQ", "live_chat", "only-for-the-room"
PUBLIC_FIELDS = {
    "webinar_id", "version", "status", "cancelled", "title", "description", "speaker", "scheduled_at", "time_zone",
    "started_at", "duration_minutes", "poster_url",
}  # fmt: skip
POSTER = "https://pictures.example/poster.jpg"
CYRILLIC = re.compile("[А-Яа-яЁё]")


@pytest.fixture
def planned(desk: Desk) -> UUID:
    """A webinar two hours ahead with everything in it that a guest must not see."""
    return desk.plan(
        "Как устроен наш продукт",
        ahead=timedelta(hours=2),
        description="Час разговора о том, как всё работает.",
        chat_src="https://www.youtube.com/watch?v=aqz-KE-bpKQ",
        poster_url=POSTER,
        cta_link=f"https://offers.example/{CTA_WORD}",
    )


def test_a_guest_sees_the_schedule_and_the_ways_in(planned: UUID, browsers: Browsers, world: World) -> None:
    page = browsers.page()
    page.goto("/webinars/?ref=friend_7")

    card = page.locator(f'[data-webinar-id="{planned}"]')
    expect(card.locator("h2")).to_have_text("Как устроен наш продукт")
    expect(card).to_contain_text("Час разговора о том, как всё работает.")
    expect(card).to_contain_text("Сергей Спикер")
    starts = world.ledger.value("room-ui", "select scheduled_at from webinar where webinar_id = $1", planned)
    begins = starts.astimezone(UTC) + timedelta(hours=3)
    expect(card.locator("time")).to_contain_text(begins.strftime("%H:%M"))
    expect(card.locator("[data-zone-of]")).to_contain_text("Москва")
    expect(card.locator("[data-remaining]")).to_contain_text(re.compile(r"01:5\d:\d\d"))
    expect(card.locator("img.poster")).to_have_attribute("src", POSTER)
    expect(card.get_by_role("link", name="Записаться")).to_have_attribute("href", "/signup/")
    expect(card.get_by_role("link", name="Войти")).to_be_visible()
    assert {"name": "wh_ref", "value": "friend_7"}.items() <= next(
        cookie.items() for cookie in page.context.cookies() if cookie.get("name") == "wh_ref"
    )
    shown = card.locator("[data-remaining]").inner_text()
    expect(card.locator("[data-remaining]")).not_to_have_text(shown)


def test_the_schedule_changes_by_itself(planned: UUID, browsers: Browsers, desk: Desk, wire: Wire) -> None:
    page = browsers.page()
    page.goto("/webinars/")
    page.evaluate("() => { window.sameDocument = true }")
    card = page.locator(f'[data-webinar-id="{planned}"]')
    expect(card).to_have_attribute("data-status", "scheduled")

    desk.start(planned)

    expect(card).to_have_attribute("data-status", "live")
    expect(card.get_by_text("В эфире")).to_be_visible()
    later = desk.plan("Запланирован, пока страница открыта")
    expect(page.locator(f'[data-webinar-id="{later}"]')).to_be_visible()
    assert page.evaluate("() => window.sameDocument") is True
    # What is on the air stands on top, and is what a pasted link shows.
    page.goto("/webinars/")
    expect(page.locator("[data-webinar-id]").first).to_have_attribute("data-webinar-id", str(planned))
    assert page.locator('meta[property="og:title"]').get_attribute("content") == "Как устроен наш продукт"
    assert page.locator('meta[property="og:image"]').get_attribute("content") == POSTER
    desk.stop(planned)
    page.goto("/webinars/")
    expect(page.locator(f'[data-webinar-id="{planned}"]')).to_have_count(0)


def test_nothing_private_is_in_what_a_guest_can_read(planned: UUID, cast: Cast, desk: Desk) -> None:
    desk.start(planned)
    guest = cast.guest()

    answers = {
        "/webinars/": guest.get("/webinars/"),
        "/webinar/v1/webinars": guest.get("/webinar/v1/webinars"),
        f"/webinars/{planned}.ics": guest.get(f"/webinars/{planned}.ics"),
        "/webinar/v1/webinars/stream": None,
    }
    with guest.client.stream("GET", "/webinar/v1/webinars/stream") as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("data:"))
    texts = {path: answer.text for path, answer in answers.items() if answer is not None}
    texts["/webinar/v1/webinars/stream"] = first

    private = [
        PLAYER_WORD,
        CHAT_WORD,
        CTA_WORD,
        cast.speaker.account_id,
        cast.admin.account_id,
        "player_src",
        "partner",
    ]
    found = [(path, word) for path, text in texts.items() for word in private if word in text]
    assert found == []
    listed = guest.get("/webinar/v1/webinars").json()
    assert {name for one in listed["webinars"] for name in one} == PUBLIC_FIELDS
    assert str(planned) in {one["webinar_id"] for one in listed["webinars"]}
    assert all(str(planned) in text for text in texts.values())


def test_a_calendar_takes_the_webinar(planned: UUID, cast: Cast, world: World) -> None:
    answer = cast.guest().get(f"/webinars/{planned}.ics")

    assert answer.headers["content-type"].startswith("text/calendar")
    [entry] = icalendar.Calendar.from_ical(answer.text).walk("VEVENT")
    starts = world.ledger.value("room-ui", "select scheduled_at from webinar where webinar_id = $1", planned)
    assert entry.decoded("dtstart") == starts
    assert b"DTSTART:" + starts.strftime("%Y%m%dT%H%M%SZ").encode() in answer.content
    assert entry.decoded("duration") == timedelta(hours=1)
    assert str(entry["summary"]) == "Как устроен наш продукт"
    assert str(entry["status"]) == "CONFIRMED"
    assert str(entry["url"]) == f"{world.base_url}/account/webinar_room/{planned}"


def test_a_guest_gets_into_no_room(planned: UUID, cast: Cast, desk: Desk) -> None:
    desk.start(planned)
    guest = cast.guest()
    room = f"/account/webinar_room/{planned}"

    for page in (
        room,
        "/account/webinar_room/",
        f"{room}/frame/player",
        "/account/",
        "/account/contacts/",
        "/admin_webinar/",
    ):
        answer = guest.get(page)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/account/login/?next={page}"), page
    for path in ("state", "state/stream", "participants"):
        answer = guest.get(f"/webinar/v1/{path}", params={"webinar_id": str(planned)})
        assert (answer.status_code, error_code(answer)) == (401, "unauthenticated"), path
    for path in ("seen", "finish", "cta_clicked"):
        answer = guest.say(f"/webinar/v1/{path}", {"webinar_id": str(planned)})
        assert (answer.status_code, error_code(answer)) == (401, "unauthenticated"), path


@pytest.mark.parametrize("path", ["state", "state/stream", "webinars", "webinars/stream", "participants"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_is_read_only_takes_no_writing_method(cast: Cast, path: str, method: str) -> None:
    answer = cast.caller(cast.speaker).client.request(
        method, f"/webinar/v1/{path}", headers={"X-CSRF-Token": cast.caller(cast.speaker).token}
    )

    assert (answer.status_code, error_code(answer)) == (405, "method_not_allowed")


def test_a_guest_signs_in_and_lands_in_the_room_they_wanted(planned: UUID, browsers: Browsers) -> None:
    page = browsers.page(device=PHONE)
    page.goto("/webinars/")
    page.locator(f'[data-webinar-id="{planned}"]').get_by_role("link", name="Войти").click()
    expect(page).to_have_url(re.compile(r"/account/login/\?next="))

    page.locator('[name="login"]').fill("candidate2")
    page.locator('[name="password"]').fill("not the password")
    page.locator("form .primary").click()
    expect(page.locator('[data-error-code="unauthenticated"]')).to_be_visible()
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator("form .primary").click()

    expect(page).to_have_url(re.compile(rf"/account/webinar_room/{planned}$"))
    expect(page.locator("[data-room]")).to_have_attribute("data-screen", "lobby")
    for path in ("/webinars/", f"/account/webinar_room/{planned}", "/account/", "/account/contacts/"):
        page.goto(path)
        wide = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} px too wide for a phone"


def test_everything_is_there_in_english(desk: Desk, cast: Cast, browsers: Browsers) -> None:
    webinar_id = desk.plan("How our product works", cta_text="Write to us")
    page = browsers.page()
    page.goto("/account/login/")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    page.locator('a.language[lang="en"]').click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert not CYRILLIC.search(page.inner_text("body"))
    page.goto("/signup/")
    assert not CYRILLIC.search(page.inner_text("body"))

    visitor = cast.one(locale="en")
    room = browsers.room(cast.caller(visitor), webinar_id)
    assert not CYRILLIC.search(words_of_ours(room.page))
    desk.start(webinar_id)
    room.expect_screen("live")
    assert not CYRILLIC.search(words_of_ours(room.page))


def words_of_ours(page: Page) -> str:
    """Return the page's text, shown or not, without the names of people."""
    return str(
        page.evaluate(
            """() => {
              const body = document.body.cloneNode(true);
              const names = '.top-name, [data-people], [data-speaker-name], [data-next-title]';
              body.querySelectorAll(names).forEach((element) => element.remove());
              return body.textContent;
            }"""
        )
    )


def test_where_a_sign_in_leads_is_ours(cast: Cast, world: World) -> None:
    for outside in ("//evil.example/", "/\\evil.example", "https://evil.example/", "/account/../../evil", "/static/x"):
        caller = Caller(world.base_url)
        answer = caller.post("/account/login/", login="candidate3", password=PASSWORD, next=outside)
        assert answer.status_code == 303
        assert answer.headers["location"] in {"/account/webinar_room/"}, outside
        caller.close()


def test_a_request_from_another_site_changes_nothing(planned: UUID, cast: Cast, wire: Wire) -> None:
    caller = cast.caller(cast.speaker)
    start, said = f"/admin_webinar/{planned}/start", {"csrf_token": caller.token, "confirm": "confirm"}

    refused = [
        caller.client.post(start, data=said, headers={"Origin": "https://evil.example"}),
        caller.client.post(start, data=said, headers={"Origin": "null"}),
        caller.client.post(start, data={"confirm": "confirm"}),
        caller.client.post(start, data=said | {"csrf_token": "x" * 43}),
        caller.client.post(start, data=said | {"csrf_token": cast.caller(cast.admin).token}),
    ]

    assert [(answer.status_code, error_code(answer)) for answer in refused] == [(403, "forbidden")] * 5
    assert wire.of("core_webinar_set_status", planned) == []
