"""The rooms in memory: polls, what they cost, what is reported and when."""

from typing import Any

import pytest
from contracts import Role, WebinarStatus
from hypothesis import given
from hypothesis import strategies as st
from room_ui.rooms.presence import POLL_LASTS
from room_ui.rooms.reporter import PART
from room_ui.rooms.room import Room
from room_ui.rooms.state import room_state, written
from room_ui.rooms.throttle import Allowance
from room_ui.testing import NOON, Web, later, webinar_event


@pytest.mark.parametrize("status", list(WebinarStatus))
def test_player_and_chat_are_given_only_on_air(status: WebinarStatus) -> None:
    state = room_state(webinar_event(status), viewers=0)

    given = [state[name] is not None for name in ("player_src", "chat_src", "stream_type")]
    assert given == [status in {WebinarStatus.LIVE, WebinarStatus.PAUSED}] * 3


@given(st.text(max_size=50))
def test_a_state_is_one_line_whatever_the_title(title: str) -> None:
    state = room_state(webinar_event("live", title=title.encode("utf-8", "ignore").decode()), viewers=0)

    event = written(state).event(NOON)

    assert event.count(b"\n") == 3
    assert b"</" not in event


def test_the_tag_follows_what_is_shown_and_not_the_time() -> None:
    webinar = webinar_event("live")
    tag = written(room_state(webinar, viewers=1)).etag

    assert tag == written(room_state(webinar, viewers=1)).etag
    assert tag != written(room_state(webinar, viewers=2)).etag
    assert tag != written(room_state(later(webinar), viewers=1)).etag


async def test_a_poll_is_answered_304_until_something_changes(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna = await web.member()
    first = await anna.browser.get("/webinar/v1/state")
    again = await anna.browser.get("/webinar/v1/state", headers={"if-none-match": first.headers["etag"]})
    web.parts.rooms.apply(later(webinar, title="Another"))
    changed = await anna.browser.get("/webinar/v1/state", headers={"if-none-match": first.headers["etag"]})

    assert (first.status_code, again.status_code, changed.status_code) == (200, 304, 200)
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert changed.json()["title"] == "Another"
    assert (await anna.browser.head("/webinar/v1/state")).content == b""


async def test_polling_too_fast_is_refused_for_this_session_alone(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna, boris = await web.member(), await web.member()

    codes = [(await anna.browser.get("/webinar/v1/state")).status_code for _ in range(60)]

    assert codes[:20] == [200] * 20
    assert codes[-1] == 429
    assert (await boris.browser.get("/webinar/v1/state")).status_code == 200


def test_an_allowance_is_earned_again_by_waiting() -> None:
    allowance = Allowance(per_second=2, burst=3)

    assert [allowance.takes("a", 0) for _ in range(4)] == [True, True, True, False]
    assert [allowance.takes("a", 1) for _ in range(3)] == [True, True, False]
    allowance.forget_quiet(100)
    assert [allowance.takes("a", 100) for _ in range(4)] == [True, True, True, False]


def reported(web: Web) -> list[tuple[str, bool, bool]]:
    """Return who was in the last report: account, gone, seen."""
    return [(entry.account_id, entry.until is not None, entry.seen) for entry in web.broker.reports[-1].entries]


async def test_a_page_that_polls_is_in_the_room_until_it_stops(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna = await web.member()
    rooms, reporter = web.parts.rooms, web.reporter()

    await anna.browser.get("/webinar/v1/state?visible=0")
    rooms.recount()
    await reporter.report_all()
    assert reported(web) == [(anna.account_id, False, False)]
    assert (await anna.browser.get("/webinar/v1/state")).json()["viewers"] == 1

    web.under_test.clock.advance(POLL_LASTS.total_seconds() + 1)
    rooms.recount()
    await reporter.report_all()
    assert reported(web) == [(anna.account_id, True, False)]
    assert web.broker.reports[-1].entries[0].until == NOON


async def test_seen_in_the_lobby_is_said_again_by_the_page_after_the_start(web: Web) -> None:
    webinar = webinar_event()
    await web.know(webinar)
    anna = await web.member()
    reporter = web.reporter()
    body = {"webinar_id": str(webinar.webinar_id)}
    assert (await anna.post("/webinar/v1/seen", json=body)).status_code == 200
    await reporter.report_all()
    assert reported(web) == [(anna.account_id, False, True)]

    web.under_test.clock.advance(1)
    started_at = web.parts.clock.now()
    web.parts.rooms.apply(later(webinar, status=WebinarStatus.LIVE, started_at=started_at))
    await reporter.report_all()
    assert reported(web) == [(anna.account_id, False, False)]

    await anna.post("/webinar/v1/seen", json=body)
    await reporter.report_news()
    assert reported(web) == [(anna.account_id, False, True)]


async def test_a_host_is_marked_and_not_counted(web: Web) -> None:
    await web.know(webinar_event("live"))
    host = await web.member(Role.ADMIN)

    await host.browser.get("/webinar/v1/state?visible=1")
    web.parts.rooms.recount()
    await web.reporter().report_all()

    assert web.broker.reports[-1].entries[0].host
    assert (await host.browser.get("/webinar/v1/state")).json()["viewers"] == 0


async def test_what_could_not_be_told_is_told_whole_when_the_broker_is_back(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna, boris = await web.member(), await web.member()
    [room] = web.parts.rooms.all()
    reporter = web.reporter()
    web.broker.away = True

    first = web.parts.rooms.enter(room, anna.viewer, None, visible=True)
    web.parts.rooms.enter(room, boris.viewer, None, visible=True)
    await reporter.report_all()
    web.under_test.clock.advance(600)
    web.parts.rooms.leave(room, first)
    await reporter.report_all()
    assert web.broker.reports == []

    web.broker.away = False
    await reporter.report_all()
    assert reported(web) == [(anna.account_id, True, True), (boris.account_id, False, True)]
    await reporter.report_all()
    assert reported(web) == [(boris.account_id, False, True)]


async def test_the_end_is_reported_at_once_with_its_version_even_by_who_has_nobody_left(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna = await web.member()
    [room] = web.parts.rooms.all()
    reporter = web.reporter()
    connection = web.parts.rooms.enter(room, anna.viewer, None, visible=True)
    await reporter.report_all()
    web.parts.rooms.leave(room, connection)
    await reporter.report_all()
    count = len(web.broker.reports)
    await reporter.report_all()
    assert len(web.broker.reports) == count

    web.broker.away = True
    web.parts.rooms.apply(later(webinar, status=WebinarStatus.FINISHED, finished_at=NOON))
    await reporter.report_next_end()
    web.broker.away = False
    await reporter.report_all()
    await reporter.report_all()

    assert len(web.broker.reports) == count + 1
    assert (web.broker.reports[-1].webinar_version, web.broker.reports[-1].entries) == (2, ())


async def test_newcomers_alone_never_pass_for_the_whole_room_at_the_end(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna, boris = await web.member(), await web.member()
    [room] = web.parts.rooms.all()
    reporter = web.reporter()
    web.parts.rooms.enter(room, anna.viewer, None, visible=True)
    await reporter.report_all()
    web.broker.away = True
    web.parts.rooms.apply(later(webinar, status=WebinarStatus.FINISHED, finished_at=NOON))
    await reporter.report_next_end()
    web.broker.away = False

    web.parts.rooms.enter(room, boris.viewer, None, visible=True)
    await reporter.report_news()

    told = web.broker.reports[-1]
    assert told.webinar_version == 2
    assert {entry.account_id for entry in told.entries} == {anna.account_id, boris.account_id}


async def test_an_instance_that_never_told_of_a_room_says_nothing_of_its_end(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    reporter = web.reporter()

    web.parts.rooms.apply(later(webinar, status=WebinarStatus.FINISHED, finished_at=NOON))
    await reporter.report_next_end()

    assert web.broker.reports == []


async def test_a_crowd_is_reported_in_parts_of_one_round(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    [room] = web.parts.rooms.all()
    for number in range(PART * 2 + 1):
        room.presence.connect(f"lead-{number}", NOON, host=False)

    await web.reporter().report_all()

    reports = web.broker.reports
    assert [(one.part, one.parts, len(one.entries)) for one in reports] == [(0, 3, 1000), (1, 3, 1000), (2, 3, 1)]
    assert len({one.round for one in reports}) == 1
    assert len({one.meaning_key for one in reports}) == 3


async def test_our_own_reports_that_come_back_count_nobody_twice(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna = await web.member()
    [room] = web.parts.rooms.all()
    connection = web.parts.rooms.enter(room, anna.viewer, None, visible=True)
    await web.reporter().report_all()
    web.parts.rooms.hear_others(web.broker.reports[-1])
    web.parts.rooms.leave(room, connection)

    web.parts.rooms.recount()

    assert web.parts.rooms.viewers(room.webinar.webinar_id) == 0


async def test_an_archived_room_is_forgotten_and_found_again_when_asked_for(web: Web) -> None:
    webinar = webinar_event("finished")
    await web.know(webinar)
    await web.know(later(webinar, status=WebinarStatus.ARCHIVED))
    assert list(web.parts.rooms.all()) == []

    anna = await web.member()
    answer = await anna.browser.get(f"/webinar/v1/state?webinar_id={webinar.webinar_id}")
    assert answer.json()["status"] == "archived"


def test_a_room_takes_only_newer_versions() -> None:
    webinar = webinar_event("live", version=7)
    room = Room(webinar)
    changes: list[dict[str, Any]] = [{"version": 6}, {"version": 7, "title": "Same version"}]

    assert [room.apply(webinar.model_copy(update=one), NOON) for one in changes] == [False, False]
    assert room.webinar is webinar
