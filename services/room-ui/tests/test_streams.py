"""Event streams over real HTTP: the first event at once, each change to all, and an end that is an end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from contracts import Role, RoomPresence, WebinarStatus
from room_ui.rooms import reporter
from room_ui.server import room_door
from room_ui.testing import NOON, Member, Web, later, open_web, webinar_event
from servicekit.testing import eventually

STATE = "/webinar/v1/state/stream"


class Stream:
    """An event stream that is being read."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> list[str]:
        """Return the lines up to the next empty one; raises `StopAsyncIteration` at the end of the stream."""
        lines: list[str] = []
        async with asyncio.timeout(15):
            while line := await anext(self._lines):
                lines.append(line)
        return lines

    async def event(self) -> dict[str, Any]:
        """Return the next event's JSON, passing comments by."""
        while True:
            for line in await self.block():
                if line.startswith("data: "):
                    found: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return found

    async def until(self, name: str, value: object) -> dict[str, Any]:
        """Return the first event in which `name` is `value`; the number of viewers may be told in between."""
        while (found := await self.event())[name] != value:
            continue
        return found

    async def rest(self) -> list[str]:
        """Return every line until the stream ends."""
        async with asyncio.timeout(15):
            return [line async for line in self._lines]


class Door:
    """A server on a port of this machine, and streams from it."""

    def __init__(self, web: Web, port: int, stack: AsyncExitStack) -> None:
        self.web = web
        self.address = f"http://127.0.0.1:{port}"
        self._stack = stack

    async def open(self, member: Member | None, path: str = STATE) -> Stream:
        client = await self._stack.enter_async_context(httpx.AsyncClient(timeout=20))
        headers = {"cookie": member.cookie} if member else {}
        request = client.build_request("GET", f"{self.address}{path}", headers=headers)
        response = await client.send(request, stream=True)
        self._stack.push_async_callback(response.aclose)
        return Stream(response)


@asynccontextmanager
async def served(web: Web) -> AsyncIterator[Door]:
    async with AsyncExitStack() as stack:
        door = room_door(web.application, web.parts, web.broker)
        port = await stack.enter_async_context(door)
        streams = await stack.enter_async_context(AsyncExitStack())
        yield Door(web, port, streams)


@pytest.fixture
async def door(web: Web) -> AsyncIterator[Door]:
    async with served(web) as opened:
        yield opened


async def test_the_first_event_is_the_state_and_each_change_follows(door: Door) -> None:
    webinar = webinar_event()
    await door.web.know(webinar)
    anna = await door.web.member()
    stream = await door.open(anna)

    first = await stream.event()
    assert stream.response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.response.headers["x-accel-buffering"] == "no"
    assert "script-src 'self'" in stream.response.headers["content-security-policy"]
    assert (first["status"], first["player_src"], first["cta"]) == ("scheduled", None, None)
    assert first["server_time"] == "2026-03-02T12:00:00Z"

    started = later(webinar, status=WebinarStatus.LIVE, started_at=NOON)
    door.web.parts.rooms.apply(started)
    live = await stream.until("status", "live")
    assert live["player_src"] == "https://player.example/embed/1"
    assert live["webinar_id"] == str(webinar.webinar_id)

    door.web.parts.rooms.apply(later(started, cta_visibility="visible", cta_link="https://example.org/"))
    shown = await stream.until("cta_visibility", "visible")
    assert shown["cta"] == {"text": "Join us", "link": "https://example.org/"}


async def test_an_older_version_is_never_shown(door: Door) -> None:
    webinar = webinar_event("live", version=5)
    await door.web.know(webinar)
    stream = await door.open(await door.web.member())
    await stream.event()

    door.web.parts.rooms.apply(webinar.model_copy(update={"version": 4, "title": "Old"}))
    door.web.parts.rooms.apply(webinar.model_copy(update={"version": 6, "title": "New"}))

    assert (await stream.until("version", 6))["title"] == "New"


async def test_the_projection_is_read_without_the_shortcut(door: Door) -> None:
    webinar = webinar_event()
    await door.web.know(webinar)
    stream = await door.open(await door.web.member())
    await stream.event()

    await door.web.under_test.receive(later(webinar, status=WebinarStatus.LIVE, started_at=NOON))

    await stream.until("status", "live")


async def test_a_room_stays_with_its_own_webinar(door: Door) -> None:
    first, second = webinar_event("live"), webinar_event("live", started_at=NOON.replace(minute=5))
    await door.web.know(first, second)
    anna = await door.web.member()
    current = await door.open(anna)
    own = await door.open(anna, f"{STATE}?webinar_id={second.webinar_id}")
    assert [(await one.event())["webinar_id"] for one in (current, own)] == [
        str(first.webinar_id),
        str(second.webinar_id),
    ]

    door.web.parts.rooms.apply(later(first, status=WebinarStatus.FINISHED, finished_at=NOON.replace(minute=9)))
    door.web.parts.rooms.apply(later(second, title="Still on"))

    await current.until("status", "finished")
    assert (await own.until("version", 2))["title"] == "Still on"


@pytest.mark.parametrize(("path", "status"), [(STATE, 401), (f"{STATE}?webinar_id=nonsense", 401)])
async def test_a_guest_gets_no_stream(door: Door, path: str, status: int) -> None:
    assert (await door.open(None, path)).response.status_code == status


async def test_the_viewers_are_the_participants_of_all_instances(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    host, anna, boris = await door.web.member(Role.SPEAKER), await door.web.member(), await door.web.member()
    stream = await door.open(host)
    assert (await stream.event())["viewers"] == 0

    opened = [await door.open(member) for member in (anna, anna, boris)]
    for one in opened:
        await one.event()
    door.web.parts.rooms.recount()
    await stream.until("viewers", 2)

    report = RoomPresence.model_validate(
        {
            "webinar_id": webinar.webinar_id,
            "instance_id": "elsewhere",
            "round": 1,
            "part": 0,
            "parts": 1,
            "at": NOON,
            "interval_seconds": 5,
            "webinar_version": 1,
            "entries": [{"account_id": one, "since": NOON} for one in (anna.account_id, "another")],
        }
    )
    door.web.parts.rooms.hear_others(report)
    door.web.parts.rooms.recount()
    await stream.until("viewers", 3)


async def test_who_comes_first_is_counted_at_once(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    host, anna = await door.web.member(Role.SPEAKER), await door.web.member()
    stream = await door.open(host)
    desk = await door.open(host, "/webinar/v1/desk/stream")
    assert (await stream.event())["viewers"] == 0
    assert (await desk.event())["webinars"][0]["viewers"] == 0

    assert (await (await door.open(anna)).event())["viewers"] == 1
    assert (await stream.event())["viewers"] == 1
    assert (await desk.event())["webinars"][0]["viewers"] == 1


async def test_a_closed_stream_is_a_leaving_that_is_told(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    anna = await door.web.member()
    stream = await door.open(anna, f"{STATE}?visible=1")
    await stream.event()

    async def told(until: bool) -> bool:
        entries = [entry for report in door.web.broker.reports for entry in report.entries]
        return any(entry.seen and (entry.until is not None) is until for entry in entries)

    await eventually(lambda: told(False), what="the coming")
    door.web.under_test.clock.advance(30)
    await stream.response.aclose()
    await eventually(lambda: told(True), what="the leaving")

    last = door.web.broker.reports[-1]
    [entry] = last.entries
    assert (entry.account_id, entry.since, entry.until) == (anna.account_id, NOON, NOON.replace(second=30))
    assert (last.instance_id, last.webinar_version, last.interval_seconds) == ("here", 1, 5)


async def test_a_join_is_told_within_a_quarter_of_a_second(door: Door) -> None:
    await door.web.know(webinar_event("live"))
    anna = await door.web.member()
    told = asyncio.Event()
    door.web.broker.on_report = lambda _: told.set()

    stream = await door.open(anna)
    await stream.event()

    async with asyncio.timeout(0.25 + 0.25):  # a second helping for a busy machine
        await told.wait()
    assert [entry.account_id for entry in door.web.broker.reports[-1].entries] == [anna.account_id]


async def test_an_ended_session_closes_its_streams_and_no_others(door: Door) -> None:
    await door.web.know(webinar_event("live"))
    anna, boris = await door.web.member(), await door.web.member()
    streams = [await door.open(member) for member in (anna, boris)]
    schedule = await door.open(anna, "/webinar/v1/webinars/stream")
    for stream in streams:
        await stream.event()

    await door.web.parts.accounts.set_active(anna.account_id, active=False)

    assert any(line.startswith("retry: ") for line in await streams[0].rest())
    await schedule.rest()
    assert (await door.open(anna)).response.status_code == 401
    door.web.parts.rooms.apply(webinar_event("live"))
    assert len(door.web.parts.rooms.schedule_hub.connections) == 0


async def test_the_end_of_a_session_elsewhere_is_noticed(door: Door) -> None:
    await door.web.know(webinar_event("live"))
    anna = await door.web.member()
    stream = await door.open(anna)
    await stream.event()

    now = door.web.parts.clock.now()
    await door.web.parts.database.pool.execute("update session set ended_at = $1", now)
    await door.web.parts.sessions.refresh()

    await stream.rest()


async def test_a_heartbeat_is_a_comment_and_ends_a_stream_whose_session_has_expired(door: Door) -> None:
    await door.web.know(webinar_event("live"))
    stream = await door.open(await door.web.member())
    await stream.event()

    door.web.parts.rooms.beat()
    assert await stream.block() == [": "]

    door.web.under_test.clock.advance(12 * 3600)
    door.web.parts.rooms.beat()
    await stream.rest()


async def test_a_state_is_told_again_though_nothing_has_changed(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    room = await door.open(await door.web.member())
    schedule = await door.open(None, "/webinar/v1/webinars/stream")
    first, listed = await room.event(), await schedule.event()

    door.web.parts.rooms.tell_again()

    assert (await room.event())["version"] == first["version"]
    assert [one["version"] for one in (await schedule.event())["webinars"]] == [
        one["version"] for one in listed["webinars"]
    ]


async def test_the_public_stream_shows_the_schedule_and_nothing_private(door: Door) -> None:
    webinar = webinar_event(speaker_id=(await door.web.member(Role.SPEAKER, name="Ольга")).account_id)
    await door.web.know(webinar, webinar_event("draft"))
    stream = await door.open(None, "/webinar/v1/webinars/stream")

    [listed] = (await stream.event())["webinars"]
    assert (listed["status"], listed["speaker"]) == ("scheduled", "Ольга")
    door.web.parts.rooms.apply(later(webinar, status=WebinarStatus.LIVE, started_at=NOON, cta_visibility="visible"))
    [listed] = (await stream.event())["webinars"]

    assert set(listed) == {
        "webinar_id",
        "version",
        "status",
        "cancelled",
        "title",
        "description",
        "speaker",
        "scheduled_at",
        "time_zone",
        "started_at",
        "duration_minutes",
        "poster_url",
    }
    assert listed["status"] == "live"


async def test_stopping_says_goodbye_on_every_stream_and_tells_the_leaving(web: Web) -> None:
    await web.know(webinar_event("live"))
    members = [await web.member() for _ in range(3)]
    async with AsyncExitStack() as outer:
        clients = []
        async with served(web) as door:
            for member in members:
                client = await outer.enter_async_context(httpx.AsyncClient(timeout=20))
                request = client.build_request("GET", f"{door.address}{STATE}", headers={"cookie": member.cookie})
                clients.append(Stream(await client.send(request, stream=True)))
                await clients[-1].event()

        endings = [await stream.rest() for stream in clients]

    assert all(any(line.startswith("retry: ") for line in lines) for lines in endings)
    told = {entry.account_id for report in web.broker.reports for entry in report.entries if entry.until}
    assert told == {member.account_id for member in members}


async def test_more_streams_than_allowed_are_refused(harness: Callable[..., Awaitable[Any]]) -> None:
    web = await open_web(harness, streams_per_session=2)
    async with served(web) as door:
        await web.know(webinar_event("live"))
        anna = await web.member()
        opened = [await door.open(anna) for _ in range(3)]

        assert [stream.response.status_code for stream in opened] == [200, 200, 429]


async def test_the_schedules_visitors_leave_room_for_a_webinar(harness: Callable[..., Awaitable[Any]]) -> None:
    web = await open_web(harness, streams_per_process=4)
    async with served(web) as door:
        await web.know(webinar_event("live"))
        guests = [await door.open(None, "/webinar/v1/webinars/stream") for _ in range(3)]
        members = [await door.open(await web.member()) for _ in range(3)]

        assert [stream.response.status_code for stream in guests] == [200, 200, 503]
        assert [stream.response.status_code for stream in members] == [200, 200, 503]


async def test_two_hundred_streams_have_a_change_within_a_second(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    member = await door.web.member()
    streams = [await door.open(member) for _ in range(200)]
    for stream in streams:
        await stream.event()

    begun = asyncio.get_running_loop().time()
    door.web.parts.rooms.apply(later(webinar, title="Changed"))
    async with asyncio.timeout(10):
        for stream in streams:
            await stream.until("title", "Changed")

    assert asyncio.get_running_loop().time() - begun < 1


def test_what_is_promised_about_time() -> None:
    assert reporter.INTERVAL_SECONDS == 5
    assert reporter.GATHERING_SECONDS < 0.25


async def test_who_comes_while_the_instance_stops_is_shown_the_state_and_sent_on(door: Door) -> None:
    webinar = webinar_event("live")
    await door.web.know(webinar)
    anna = await door.web.member()
    door.web.parts.rooms.is_closing = True

    stream = await door.open(anna)

    assert (await stream.event())["status"] == "live"
    assert ": bye" in await stream.rest()


async def test_a_desk_hears_of_every_webinar_and_its_viewers_and_nobody_else_does(door: Door) -> None:
    draft = webinar_event("draft")
    await door.web.know(draft)
    speaker, candidate = await door.web.member(Role.SPEAKER), await door.web.member()
    stream = await door.open(speaker, "/webinar/v1/desk/stream")

    assert (await stream.event())["webinars"] == [{"webinar_id": str(draft.webinar_id), "version": 1, "viewers": 0}]
    live = later(draft, status=WebinarStatus.LIVE, started_at=NOON)
    door.web.parts.rooms.apply(live)
    assert (await stream.event())["webinars"][0]["version"] == live.version
    others = [await door.open(one) for one in (candidate, await door.web.member())]
    assert (await stream.event())["webinars"][0]["viewers"] == 1
    for one in others:
        await one.event()
    door.web.parts.rooms.recount()
    assert (await stream.event())["webinars"][0]["viewers"] == 2
    assert (await speaker.browser.get("/webinar/v1/desk")).json()["webinars"][0]["viewers"] == 2
    for path in ("/webinar/v1/desk", "/webinar/v1/desk/stream"):
        assert (await candidate.browser.get(path)).status_code == 403
        assert (await door.web.browser().get(path)).status_code == 401

    door.web.under_test.clock.advance(12 * 3600)
    door.web.parts.rooms.beat()
    await stream.rest()
