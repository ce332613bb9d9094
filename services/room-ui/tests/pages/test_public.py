"""What a guest sees, and never sees."""

import html
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from contracts import Role
from room_ui.testing import NOON, Web, open_web, webinar_event
from servicekit.testing import Harness

PRIVATE = ("player.example", "chat.example", "speaker-1", "Join us", "recording.example")


async def test_the_schedule_lists_live_on_top_then_soonest_first_and_nothing_private(web: Web) -> None:
    speaker = await web.member("speaker", name="Olga the Speaker")
    live = webinar_event("live", title="On air", started_at=NOON)
    soon = webinar_event(title="Soon", scheduled_at=NOON + timedelta(hours=1), speaker_id=speaker.account_id)
    later = webinar_event(
        title="Later", scheduled_at=NOON + timedelta(days=2), recording_url="https://recording.example/1"
    )
    past = webinar_event(title="Never started", scheduled_at=NOON - timedelta(hours=2))
    draft = webinar_event("draft", title="A draft")
    finished = webinar_event("finished", title="Over")
    await web.know(later, soon, live, past, draft, finished)

    page = (await web.browser().get("/webinars/")).text

    assert re.findall(r"<h2>(.*?)</h2>", page) == ["On air", "Soon", "Later"]
    assert 'data-status="live"' in page
    assert "Olga the Speaker" in page
    assert speaker.account_id not in page
    for private in PRIVATE:
        assert private not in page
    assert "19:00" not in page
    assert 'понедельник, 2 марта, </span><span class="clock">16:00' in page
    assert "Москва, стандартное время" in page


async def test_an_empty_schedule_says_so_kindly(web: Web) -> None:
    page = (await web.browser().get("/webinars/")).text

    assert "Пока ничего не запланировано" in page


async def test_a_cancelled_webinar_stays_listed_and_says_so(web: Web) -> None:
    await web.know(webinar_event(title="Off", cancelled=True, scheduled_at=NOON + timedelta(hours=1)))

    page = (await web.browser().get("/webinars/")).text

    assert 'data-status="cancelled"' in page
    assert "Этот вебинар отменён." in page


async def test_titles_and_descriptions_are_escaped_everywhere(web: Web) -> None:
    evil = "<script>alert(1)</script>\"'"
    webinar = webinar_event(
        title=evil, description=evil, scheduled_at=NOON + timedelta(hours=1), poster_url="https://p.example/?a=1&b=2"
    )
    await web.know(webinar)
    candidate = await web.member(Role.CANDIDATE, name="<b>Anna</b>")
    speaker = await web.member(Role.SPEAKER)

    pages = [
        await web.browser().get("/webinars/"),
        await candidate.browser.get("/webinars/"),
        await candidate.browser.get("/account/"),
        await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}"),
        await speaker.browser.get("/admin_webinar/"),
        await speaker.browser.get(f"/admin_webinar/{webinar.webinar_id}"),
    ]

    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<b>Anna" not in page.text
        assert not re.search(r"<script(?![^>]*\bsrc=)", page.text)
        assert not re.search(r"\s(style|on[a-z]+)=", page.text)


async def test_open_graph_shows_the_next_webinar_with_absolute_addresses(web: Web) -> None:
    await web.know(
        webinar_event(title="Off", cancelled=True, scheduled_at=NOON + timedelta(minutes=1)),
        webinar_event(title="The next", scheduled_at=NOON + timedelta(hours=1), poster_url="https://p.example/1.jpg"),
    )

    page = (await web.browser().get("/webinars/", headers={"host": "evil.example"})).text

    assert '<meta property="og:title" content="The next">' in page
    assert '<meta property="og:image" content="https://p.example/1.jpg">' in page
    assert '<meta property="og:url" content="http://rooms.localhost/webinars/">' in page
    assert "evil.example" not in page


@pytest.mark.parametrize(
    ("sign_up", "ref", "address"),
    [
        ("https://join.example/", "abc_1", "https://join.example/?ref=abc_1"),
        ("https://join.example/?a=1", "abc", "https://join.example/?a=1&amp;ref=abc"),
        ("https://join.example/", "<b>", "https://join.example/"),
        ("https://join.example/", None, "https://join.example/"),
        ("", "abc", "/signup/"),
    ],
)
async def test_book_a_place_carries_the_referral_along(
    harness: Harness, sign_up: str, ref: str | None, address: str
) -> None:
    web = await open_web(harness, signup_url=sign_up)
    await web.know(webinar_event(scheduled_at=NOON + timedelta(hours=1)))

    first = await web.browser().get("/webinars/", params={"ref": ref} if ref else {})

    assert f'<a class="button primary" href="{address}">' in first.text


async def test_the_referral_is_kept_for_thirty_days_and_used_again(harness: Harness) -> None:
    web = await open_web(harness, signup_url="https://join.example/")
    await web.know(webinar_event(scheduled_at=NOON + timedelta(hours=1)))

    first = await web.browser().get("/webinars/?ref=abc")
    again = await web.browser("wh_ref=abc").get("/webinars/")
    forged = await web.browser('wh_ref="><script>').get("/webinars/")

    [cookie] = [value for value in first.headers.get_list("set-cookie") if value.startswith("wh_ref=")]
    assert "wh_ref=abc" in cookie
    assert "Max-Age=2592000" in cookie
    assert 'href="https://join.example/?ref=abc"' in again.text
    assert 'href="https://join.example/"' in forged.text


async def test_who_is_signed_in_gets_to_the_room_and_a_guest_to_the_sign_in(web: Web) -> None:
    webinar = webinar_event(scheduled_at=NOON + timedelta(hours=1))
    await web.know(webinar)
    candidate = await web.member()

    guest, member = await web.browser().get("/webinars/"), await candidate.browser.get("/webinars/")

    assert f'href="/account/webinar_room/{webinar.webinar_id}"' in member.text
    assert f'href="/account/webinar_room/{webinar.webinar_id}"' not in guest.text
    assert f'href="/account/login/?next=/account/webinar_room/{webinar.webinar_id}"' in guest.text


async def test_former_addresses_lead_on(web: Web) -> None:
    assert (await web.browser().get("/live/?ref=abc")).headers["location"] == "/webinars/?ref=abc"
    assert (await web.browser().get("/live/")).headers["location"] == "/webinars/"
    assert (await web.browser().get("/")).headers["location"] == "/webinars/"
    assert (await web.browser().get("/live_room/")).headers["location"] == "/account/webinar_room/"


async def test_calendars_get_an_entry_of_what_is_listed_and_of_nothing_else(web: Web) -> None:
    webinar, draft = webinar_event(), webinar_event("draft")
    await web.know(webinar, draft)

    found = await web.browser().get(f"/webinars/{webinar.webinar_id}.ics")

    assert found.headers["content-type"].startswith("text/calendar")
    assert "BEGIN:VEVENT" in found.text
    assert (await web.browser().get(f"/webinars/{draft.webinar_id}.ics")).status_code == 404
    assert (await web.browser().get(f"/webinars/{uuid4()}.ics")).status_code == 404
    assert (await web.browser().get("/webinars/nonsense.ics")).status_code == 404


async def test_a_head_request_is_answered_as_a_get_without_the_body(web: Web) -> None:
    webinar = webinar_event()
    await web.know(webinar)
    member = await web.member()
    room = f"/account/webinar_room/{webinar.webinar_id}"

    for path in ("/", "/webinars/", "/webinars", f"/webinars/{webinar.webinar_id}.ics", "/nowhere", room):
        got, head = await member.browser.get(path), await member.browser.head(path)
        assert head.content == b"", path
        assert head.status_code == got.status_code, path
        for name in ("content-type", "content-security-policy", "location"):
            assert head.headers.get(name) == got.headers.get(name), path
    assert int((await member.browser.head("/webinars/")).headers["content-length"]) > 1000
    assert (await member.browser.head("/webinar/v1/finish")).status_code == 405


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_what_can_only_be_read_takes_no_writing(web: Web, method: str) -> None:
    answer = await web.browser().request(method, "/webinars/")

    assert answer.status_code == 405
    assert 'data-error-code="method_not_allowed"' in answer.text


async def test_a_guest_chooses_the_language(web: Web) -> None:
    chosen = await web.browser().get("/language/en/?next=/signup/")
    english = await web.browser("wh_locale=en").get("/webinars/")
    russian = await web.browser("wh_locale=nonsense").get("/webinars/")

    assert chosen.headers["location"] == "/signup/"
    assert any(value.startswith("wh_locale=en") for value in chosen.headers.get_list("set-cookie"))
    assert "Nothing is planned just now" in english.text
    assert '<html lang="en">' in english.text
    assert '<html lang="ru">' in russian.text
    assert (await web.browser().get("/language/xx/")).status_code == 400


async def test_the_switch_of_languages_comes_back_to_the_same_page_with_its_query(web: Web) -> None:
    login = "/account/login/?next=/account/contacts/&login=anna"
    page = (await web.browser().get(login)).text
    switch = re.search(r'class="language" href="([^"]+)"', page)
    assert switch is not None

    chosen = await web.browser().get(html.unescape(switch[1]))

    assert chosen.headers["location"] == login


async def test_the_switch_of_languages_on_the_answer_to_a_form_leads_to_the_form(web: Web) -> None:
    partner, admin = await web.member("partner"), await web.member("admin")
    refused = [
        await partner.post("/account/contact/", data={"link": "javascript:alert(1)"}),
        await admin.post(f"/admin_webinar/people/{partner.account_id}/link"),
        await admin.post("/admin_webinar/people/new", data={"login": ""}),
    ]

    back = [re.findall(r'name="next" value="([^"]+)"', answer.text) for answer in refused]

    assert back == [["/account/"], [f"/admin_webinar/people/{partner.account_id}"], ["/admin_webinar/people/new"]]


@pytest.mark.parametrize("next_page", ["//evil.example", "/\\evil.example", "https://evil.example", "/nowhere"])
async def test_a_switch_of_languages_leads_nowhere_else(web: Web, next_page: str) -> None:
    found = await web.browser().get("/language/en/", params={"next": next_page})

    assert found.headers["location"] == "/webinars/"


async def test_cards_alone_are_given_to_the_script(web: Web) -> None:
    await web.know(webinar_event(title="Soon", scheduled_at=NOON + timedelta(hours=1)))

    cards = (await web.browser().get("/webinars/", headers={"x-part": "cards"})).text

    assert "Soon" in cards
    assert "<html" not in cards


@pytest.mark.parametrize(
    ("path", "status"), [("/nothing", 404), ("/account/webinar_room/nonsense", 404), ("/webinars/nonsense", 404)]
)
async def test_a_wrong_address_gets_a_page_with_a_code(web: Web, path: str, status: int) -> None:
    candidate = await web.member()

    page = await candidate.browser.get(path)

    assert page.status_code == status
    assert 'data-error-code="' in page.text
    assert "Расписание" in page.text


async def test_every_static_file_that_a_page_names_is_there(web: Web) -> None:
    candidate, speaker = await web.member(), await web.member("speaker")
    webinar = webinar_event()
    await web.know(webinar)
    pages = [
        await web.browser().get("/webinars/"),
        await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}"),
        await speaker.browser.get(f"/admin_webinar/{webinar.webinar_id}"),
    ]

    named = {name for page in pages for name in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)}

    assert len(named) >= 5
    for name in named:
        found = await web.browser().get(name)
        assert found.status_code == 200, name
        for imported in re.findall(r'from "\./(\w+\.js)"', found.text):
            assert (await web.browser().get(f"/static/{imported}")).status_code == 200
