"""Requests in figures: under their route and nothing that a visitor makes up; a stream only up to its first bytes."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY
from room_ui.measured import Measured
from room_ui.push import PATHS
from room_ui.testing import Web, webinar_event
from servicekit.http_routes import Routes
from starlette.types import Message, Receive, Scope, Send

MADE_UP = "01890a5d-ac96-774b-bcce-b302099a8057"
NAME = "http_server_request_duration_seconds"


def counted() -> dict[tuple[str, str, str], float]:
    """Return how many requests were measured, by method, route and class of status."""
    [family] = [one for one in REGISTRY.collect() if one.name == NAME]
    return {
        (
            sample.labels["http_request_method"],
            sample.labels["http_route"],
            sample.labels["http_response_status_class"],
        ): sample.value
        for sample in family.samples
        if sample.name == f"{NAME}_count"
    }


def new(before: dict[tuple[str, str, str], float]) -> dict[tuple[str, str, str], float]:
    """Return what was measured since."""
    return {key: value - before.get(key, 0) for key, value in counted().items() if value != before.get(key, 0)}


@pytest.mark.parametrize(
    ("method", "path", "measured"),
    [
        ("GET", "/webinars/", ("GET", "/webinars/", "2xx")),
        ("HEAD", "/webinars/", ("HEAD", "/webinars/", "2xx")),
        ("GET", f"/account/webinar_room/{MADE_UP}", ("GET", "/account/webinar_room/{webinar_id}", "3xx")),
        ("GET", "/static/site.css", ("GET", "/static/{path}", "2xx")),
        ("GET", f"/static/{MADE_UP}", ("GET", "/static/{path}", "4xx")),
        ("GET", f"/{MADE_UP}", ("GET", "unmatched", "4xx")),
        ("GET", "/webinar/v1/state", ("GET", "/webinar/v1/state", "4xx")),
        ("GET", "/webinar/v1/webinars", ("GET", "/webinar/v1/webinars", "2xx")),
        ("POST", "/webinar/v1/webinars", ("POST", "/webinar/v1/webinars", "4xx")),
        ("BREW", "/webinars/", ("other", "/webinars/", "4xx")),
    ],
)
async def test_a_request_counts_under_its_route(web: Web, method: str, path: str, measured: tuple[str, ...]) -> None:
    before = counted()

    async with web.browser() as browser:
        await browser.request(method, path)

    assert new(before) == {measured: 1}


async def test_failures_of_a_route_are_there_before_the_first(web: Web) -> None:
    async with web.browser() as browser:
        await browser.get("/static/site.css")

    assert counted()["GET", "/static/{path}", "5xx"] == 0


async def test_what_fails_counts_as_failed(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(web.parts.rooms, "schedule", fail)
    before = counted()
    async with web.browser() as browser:
        for path in ("/webinars/", "/webinar/v1/webinars"):
            await browser.get(path)

    assert new(before) == {("GET", "/webinars/", "5xx"): 1, ("GET", "/webinar/v1/webinars", "5xx"): 1}


class Visitor:
    """Holds a stream until told to go."""

    def __init__(self) -> None:
        self.heard: list[Message] = []
        self.has_heard = asyncio.Event()
        self.goes = asyncio.Event()

    async def receive(self) -> Message:
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.heard.append(message)
        if message["type"] == "http.response.body":
            self.has_heard.set()


async def test_a_stream_counts_once_and_at_its_first_bytes(web: Web) -> None:
    await web.know(webinar_event("scheduled"))
    visitor = Visitor()
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/webinar/v1/webinars/stream",
        "query_string": b"",
        "headers": [],
    }
    before = counted()
    stream = asyncio.ensure_future(web.application(scope, visitor.receive, visitor.send))
    await visitor.has_heard.wait()
    open_stream = new(before)
    visitor.goes.set()
    await stream

    assert open_stream == {("GET", "/webinar/v1/webinars/stream", "2xx"): 1}
    assert new(before) == open_stream


async def test_messages_reach_the_client_as_they_are() -> None:
    messages: list[Message] = [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]},
        {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    ]

    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    visitor = Visitor()
    await Measured(app, Routes())({"type": "http", "method": "GET", "path": "/"}, visitor.receive, visitor.send)

    assert all(one is other for one, other in zip(visitor.heard, messages, strict=True))


def test_every_path_that_the_push_answers_is_measured_under_itself(web: Web) -> None:
    application: Any = web.application

    push = application._app._app
    assert set(push._answers) == PATHS


async def test_rooms_on_the_air_are_counted(web: Web) -> None:
    await web.know(webinar_event("live"), webinar_event("live"), webinar_event("paused"), webinar_event("scheduled"))

    web.parts.rooms.recount()

    found = [REGISTRY.get_sample_value("room_ui_open_rooms", {"status": status}) for status in ("live", "paused")]
    assert found == [2, 1]
