"""Requests in traces: every page by its template, and nothing of what its visitors bring along."""

from collections.abc import Awaitable, Callable, Iterator
from uuid import uuid4

import pytest
from contracts import RoomFinish, WebinarStatus
from fastapi import FastAPI
from room_ui.testing import open_web, webinar_event
from servicekit.span_testing import Spans, recorded_spans
from servicekit.testing import ServiceUnderTest

Harness = Callable[..., Awaitable[ServiceUnderTest]]


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as spans:
        yield spans


async def test_a_press_of_finish_is_a_trace_from_the_request_to_what_is_announced(
    harness: Harness, spans: Spans
) -> None:
    web = await open_web(harness)
    webinar = webinar_event(WebinarStatus.LIVE)
    await web.know(webinar)
    member = await web.member(login="anna-1", name="Anna Maria")
    spans.clear()
    answer = await member.post("/webinar/v1/finish", json={"webinar_id": str(webinar.webinar_id)})
    assert answer.status_code == 200
    request, created = spans.one("POST /webinar/v1/finish"), spans.one(f"create {RoomFinish.topic}")
    assert (request.parent_id, created.parent_id) == (None, request.span_id)
    statements = {span.name for span in spans.all() if span.kind == "CLIENT"}
    assert {"BEGIN", "INSERT finish", "INSERT outbox", "COMMIT"} <= statements
    said = repr(spans.all())
    assert [word for word in ("anna", "Anna", member.account_id, member.cookie) if word in said] == []


async def test_a_request_is_named_by_its_route(harness: Harness, spans: Spans) -> None:
    web = await open_web(harness)
    async with web.browser() as browser:
        for path, name, status in (
            ("/webinars/", "GET /webinars/", 200),
            ("/webinar/v1/webinars", "GET /webinar/v1/webinars", 200),
            ("/webinar/v1/state", "GET /webinar/v1/state", 401),
            ("/account/link/a-one-time-token", "GET /account/link/{token}", 410),
            ("/account/login/?next=/anna", "GET /account/login/", 200),
            (f"/account/webinar_room/{uuid4()}", "GET /account/webinar_room/{webinar_id}", 303),
            ("/no/such/page-of-anna", "GET", 404),
        ):
            answer = await browser.get(path)
            request = spans.one(name)
            assert (answer.status_code, request.attributes["http.response.status_code"]) == (status, status), path
        await browser.head("/webinars/")
        assert spans.one("HEAD /webinars/").attributes["http.route"] == "/webinars/"
    assert not any(word in repr(spans.all()) for word in ("a-one-time-token", "anna"))


async def test_the_application_writes_no_spans_of_its_own(harness: Harness) -> None:
    web = await open_web(harness)
    found: object = web.application
    while not isinstance(found, FastAPI):
        found = vars(found)["_app"]
    config = found._telemetry
    assert not any(config[kind] for kind in ("tracing", "metrics", "logs", "auto_configure"))
