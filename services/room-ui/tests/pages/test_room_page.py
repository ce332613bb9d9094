"""The room's page as it leaves the server; what the scripts make of it is seen in a browser."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from contracts import CtaVisibility, StreamType, WebinarStatus
from room_ui.testing import NOON, Web, later, webinar_event


@pytest.mark.parametrize(
    ("status", "screen"),
    [
        ("scheduled", "lobby"),
        ("live", "live"),
        ("paused", "paused"),
        ("finished", "finished"),
        ("archived", "finished"),
    ],
)
async def test_each_state_has_its_screen(web: Web, status: str, screen: str) -> None:
    webinar = webinar_event(status)
    await web.know(webinar)
    candidate = await web.member()

    page = (await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}")).text

    assert f'data-screen="{screen}"' in page
    assert f'data-webinar-id="{webinar.webinar_id}"' in page
    assert 'data-viewers="0"' in page
    assert 'data-action="finish"' in page
    assert 'data-action="finish-confirm"' in page


@pytest.mark.parametrize("status", ["scheduled", "finished"])
async def test_player_and_chat_are_given_only_while_on_air(web: Web, status: str) -> None:
    off, on = webinar_event(status), webinar_event("live")
    await web.know(off, on)
    candidate = await web.member()

    off_page = (await candidate.browser.get(f"/account/webinar_room/{off.webinar_id}")).text
    on_page = (await candidate.browser.get(f"/account/webinar_room/{on.webinar_id}")).text

    assert "/embed/1" not in off_page
    assert "/room/1" not in off_page
    assert '<iframe src="https://player.example/embed/1"' in on_page
    assert '<iframe src="https://chat.example/room/1"' in on_page


async def test_the_pages_policy_names_just_the_two_frame_hosts_and_ourselves(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    candidate = await web.member()

    policy = (await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}")).headers[
        "content-security-policy"
    ]

    frames = re.search(r"frame-src ([^;]+)", policy)
    assert frames is not None
    assert frames[1].split() == ["https://player.example", "https://chat.example", "'self'"]


async def test_an_address_that_moves_to_another_host_is_framed_by_a_page_of_ours(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    await web.know(later(webinar, player_src="https://other.example/embed/2"))
    candidate = await web.member()

    frame = await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}/frame/player")

    assert 'src="https://other.example/embed/2"' in frame.text
    assert "frame-src https://other.example" in frame.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in frame.headers["content-security-policy"]
    assert (await web.browser().get(f"/account/webinar_room/{webinar.webinar_id}/frame/player")).status_code == 303
    await web.know(later(later(webinar), status=WebinarStatus.FINISHED, finished_at=NOON))
    over = await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}/frame/player")
    assert over.status_code == 404


@pytest.mark.parametrize("kind", [StreamType.ZOOM, StreamType.TELEGRAM])
async def test_an_outside_platform_is_a_button_to_a_new_tab_without_our_chat(web: Web, kind: StreamType) -> None:
    webinar = webinar_event("live", stream_type=kind, player_src="https://zoom.us/j/1")
    await web.know(webinar)
    candidate = await web.member()

    page = (await candidate.browser.get(f"/account/webinar_room/{webinar.webinar_id}")).text

    assert "<iframe src" not in page
    assert re.search(r'data-outside-link target="_blank" rel="noopener"\s+href="https://zoom.us/j/1"', page)
    assert f'data-stream-type="{kind}"' in page


async def test_the_cta_is_there_when_shown_and_opens_a_new_tab(web: Web) -> None:
    hidden = webinar_event("live")
    shown = webinar_event("live", cta_visibility=CtaVisibility.VISIBLE, cta_link="https://offer.example/")
    plain = webinar_event("finished", cta_visibility=CtaVisibility.VISIBLE, cta_link="", cta_text="")
    await web.know(hidden, shown, plain)
    candidate = await web.member()

    async def cta(webinar_id: object) -> str:
        page = (await candidate.browser.get(f"/account/webinar_room/{webinar_id}")).text
        found = re.search(r'<div class="cta-bar"[^>]*>\s*<a[^>]*>[^<]*</a>', page)
        assert found is not None
        return found[0]

    assert "hidden" in await cta(hidden.webinar_id)
    assert "Join us" not in await cta(hidden.webinar_id)
    assert 'target="_blank" rel="noopener" href="https://offer.example/">Join us<' in await cta(shown.webinar_id)
    assert "hidden" not in await cta(shown.webinar_id)
    assert 'href="/account/contacts/">Узнать больше<' in await cta(plain.webinar_id)


async def test_hosts_have_no_finish_and_a_way_to_the_desk(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    speaker = await web.member("speaker")

    page = (await speaker.browser.get(f"/account/webinar_room/{webinar.webinar_id}")).text

    assert 'data-action="finish"' not in page
    assert 'data-participant="false"' in page
    assert f'href="/admin_webinar/{webinar.webinar_id}"' in page


async def test_the_address_without_an_id_leads_to_the_current_one(web: Web) -> None:
    soon, live = webinar_event(scheduled_at=NOON + timedelta(hours=1)), webinar_event("live")
    candidate = await web.member()

    none = await candidate.browser.get("/account/webinar_room/")
    await web.know(soon)
    first = await candidate.browser.get("/account/webinar_room/")
    await web.know(live)
    second = await candidate.browser.get("/account/webinar_room/")

    assert none.status_code == 404
    assert 'data-error-code="no_webinar"' in none.text
    assert first.headers["location"] == f"/account/webinar_room/{soon.webinar_id}"
    assert second.headers["location"] == f"/account/webinar_room/{live.webinar_id}"


async def test_a_guest_signs_in_and_comes_back_a_draft_is_not_there(web: Web) -> None:
    webinar, draft = webinar_event(), webinar_event("draft")
    await web.know(webinar, draft)
    candidate, speaker = await web.member(), await web.member("speaker")

    guest = await web.browser().get(f"/account/webinar_room/{webinar.webinar_id}")
    refused = await candidate.browser.get(f"/account/webinar_room/{draft.webinar_id}")

    assert guest.headers["location"] == f"/account/login/?next=/account/webinar_room/{webinar.webinar_id}"
    assert refused.status_code == 404
    assert 'data-error-code="webinar_not_found"' in refused.text
    assert (await speaker.browser.get(f"/account/webinar_room/{draft.webinar_id}")).status_code == 200
    assert (await candidate.browser.get(f"/account/webinar_room/{uuid4()}")).status_code == 404


async def test_a_cancelled_webinars_lobby_says_so_and_the_end_names_the_next(web: Web) -> None:
    off = webinar_event(cancelled=True)
    over = webinar_event("finished")
    soon = webinar_event(title="Tomorrow's", scheduled_at=NOON + timedelta(days=1))
    await web.know(off, over, soon)
    candidate = await web.member()

    off_page = (await candidate.browser.get(f"/account/webinar_room/{off.webinar_id}")).text
    over_page = (await candidate.browser.get(f"/account/webinar_room/{over.webinar_id}")).text

    assert 'data-cancelled="true"' in off_page
    assert "Tomorrow&#39;s" in over_page
    assert f'href="/account/webinar_room/{soon.webinar_id}"' in over_page


async def test_a_frame_that_this_instance_has_not_heard_of_asks_again(web: Web) -> None:
    webinar = webinar_event(player_src="https://player.example/embed/1")
    await web.know(webinar)
    candidate = await web.member()
    live = later(webinar, status=WebinarStatus.LIVE, started_at=NOON, player_src="https://other.example/embed/2")
    address = f"/account/webinar_room/{webinar.webinar_id}/frame/player?v={live.version}"

    early = await candidate.browser.get(address)
    web.parts.rooms.apply(live)
    then = await candidate.browser.get(address)

    assert (early.status_code, early.headers["refresh"]) == (503, "1")
    assert "<iframe" not in early.text
    assert "frame-ancestors 'self'" in early.headers["content-security-policy"]
    assert then.status_code == 200
    assert 'src="https://other.example/embed/2"' in then.text
