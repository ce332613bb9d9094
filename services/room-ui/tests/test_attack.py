"""Every route is attacked with generated input, by everybody there is: nothing fails, nothing is given away.

Schemathesis makes the input from a description of all routes: what fits it, and what does not. The same seed, the
same input.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from random import Random
from typing import Any

import pytest
import requests
import schemathesis
from contracts import CommandError, CommandReply, ErrorCode, Role, WebinarStatus
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from room_ui.asgi_testing import Answer, ask
from room_ui.description_testing import ALONG, FORMS, MARKUP, PUSH_QUERIES, description, in_application
from room_ui.push import PATHS
from room_ui.testing import Member, Web, open_web, webinar_event
from schemathesis import GenerationMode
from schemathesis.core.result import Ok
from servicekit import CommandNotSent, CommandUnanswered
from servicekit.ops import ops_app
from servicekit.testing import ServiceUnderTest
from starlette.datastructures import Headers

SEED = 20261
EXAMPLES: Mapping[tuple[bool, GenerationMode], int] = {
    (True, GenerationMode.POSITIVE): 14,
    (True, GenerationMode.NEGATIVE): 5,
    (False, GenerationMode.POSITIVE): 5,
}
"""How many for a route, in words or in any text, fitting its description or not."""
ENDS_THE_SESSION = ("/account/login/", "/account/logout/", "/account/link/", "/account/language/")
SECURITY: Mapping[str, str] = {
    "content-security-policy": "script-src 'self';",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=()",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=",
}
LEAKS = ("Traceback (most recent call last)", 'File "/', "asyncpg.", "pydantic_core", "site-packages", "SELECT ")
GENEROUS = {
    "base_url": "https://rooms.localhost",
    "state_requests_per_second": 1e6,
    "state_burst": 1_000_000,
    "streams_per_session": 1_000_000,
    "sign_in_attempts": 1,
}
"""So that a refusal for asking too often hides nothing; but each try at a password costs a twentieth of a second."""
HTTPS = GENEROUS["base_url"]
ANSWERS = (
    CommandReply(ok=True, address="https://t.me/a_bot?start=abc", affected=1),
    CommandReply(ok=False, error=CommandError(code=ErrorCode.INVALID_FIELD, message="no", field="title")),
    CommandReply(ok=False, error=CommandError(code=ErrorCode.VERSION_CONFLICT, message="no", field="cta_text")),
    CommandReply(ok=False, error=CommandError(code=ErrorCode.LOCKED, message="no")),
    CommandReply(ok=False, error=CommandError(code=ErrorCode.EXPIRED, message="no")),
    CommandReply(ok=False),
    CommandNotSent("the broker is away"),
    CommandUnanswered("no reply came"),
)
DELIBERATE = ('"code":"unavailable"', 'data-error-code="unavailable"', 'data-error-code="expired"')
"""How a 503 says that it is meant: who is behind us does not answer now."""


@pytest.fixture
async def web(harness: Callable[..., Awaitable[ServiceUnderTest]]) -> Web:
    return await open_web(harness, **GENEROUS)


def test_every_route_is_described(web: Web) -> None:
    described = {
        (method.upper(), path)
        for path, operations in description(["w"], ["a"])["paths"].items()
        for method in operations
        if path != "/static/{name}"
    }
    assert described == in_application() | {("GET", path) for path in PATHS}
    assert set(PUSH_QUERIES) == PATHS


def test_the_form_of_every_address_that_takes_one_is_described() -> None:
    paths = description(["w"], ["a"])["paths"]
    assert set(FORMS) <= set(paths)
    assert [path for path, found in paths.items() if "post" in found and "requestBody" not in found["post"]] == []


def attacks(operation: Any, mode: GenerationMode, examples: int) -> list[requests.PreparedRequest]:
    """Return what is sent to one route: input that fits its description, or input that does not."""
    found: list[requests.PreparedRequest] = []

    @seed(SEED)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(requests.Request(**case.as_transport_kwargs(base_url=str(HTTPS))).prepare())

    with suppress(Unsatisfiable):  # a page without any input of its own has none that does not fit
        collect()
    return found


def all_attacks(webinar_ids: list[str], account_ids: list[str]) -> Iterator[tuple[str, requests.PreparedRequest]]:
    """Return every request, with its route."""
    for (in_words, mode), examples in EXAMPLES.items():
        schema = schemathesis.openapi.from_dict(description(webinar_ids, account_ids, in_words=in_words))
        for result in schema.get_all_operations():
            assert isinstance(result, Ok)
            operation = result.ok()
            for request in attacks(operation, mode, examples):
                yield f"{operation.method.upper()} {operation.path}", request


def complaints(answer: Answer) -> list[str]:
    """Return what is wrong with an answer, whatever was asked."""
    found = []
    is_deliberate = answer.status == 503 and (
        "refresh" in answer.headers or any(mark in answer.text for mark in DELIBERATE)
    )
    if answer.status >= 500 and not is_deliberate:
        found.append(f"status {answer.status}")
    found += [f"gives away {leak}" for leak in LEAKS if leak in answer.text]
    found += [f"{name} is amiss" for name, part in SECURITY.items() if part not in answer.headers.get(name, "")]
    policy = answer.headers.get("content-security-policy", "")
    if "frame-ancestors 'none'" not in policy and "frame-ancestors 'self'" not in policy:
        found.append("may be framed")
    if "'unsafe" in policy:
        found.append("its policy allows what it should not")
    is_page = answer.headers.get("content-type", "").startswith("text/html")
    if is_page and MARKUP in answer.text:
        found.append("markup comes back as it was typed")
    if 'data-error-code="None"' in answer.text:
        found.append("an error without a code")
    cached = answer.headers.get("cache-control", "")
    if not cached or (is_page and "no-store" not in cached):
        found.append(f"may be kept: {cached!r}")
    location = answer.headers.get("location", "/")
    if not location.startswith("/") or location.startswith(("//", "/\\")):
        found.append(f"leads away to {location}")
    cookies = answer.headers.getlist("set-cookie")
    found += [f"a loose cookie: {one}" for one in cookies if "Secure" not in one or "SameSite=Lax" not in one]
    return found


class Attacker:
    """Somebody with a cookie and the token that goes with it."""

    def __init__(self, web: Web, cookie: str = "", token: str = "") -> None:
        self._web = web
        self._cookie = cookie
        self._token = token

    @classmethod
    def signed_in(cls, web: Web, member: Member) -> "Attacker":
        return cls(web, member.cookie, member.viewer.csrf_token)

    @classmethod
    async def guest(cls, web: Web) -> "Attacker":
        """Return a guest who has opened the page to sign in."""
        page = await ask(web.application, "GET", f"{HTTPS}/account/login/")
        cookie = next(one for one in page.headers.getlist("set-cookie") if "wh_guest" in one).split(";")[0]
        return cls(web, cookie, cookie.split("=", 1)[1].strip('"'))

    async def send(self, request: requests.PreparedRequest, along: Mapping[str, str]) -> Answer:
        cookies = [text for text in (self._cookie, along.get("Cookie")) if text]
        sent = {**request.headers, **along, "Origin": str(HTTPS), "X-CSRF-Token": self._token}
        sent["Cookie"] = "; ".join(cookies)
        headers = [(name.encode(), str(value).encode()) for name, value in sent.items()]
        body: Any = request.body or b""
        return await ask(
            self._web.application,
            request.method or "",
            request.url or "",
            headers,
            body.encode() if isinstance(body, str) else body,
        )


@pytest.mark.timeout(300)
async def test_no_route_fails_or_gives_anything_away_whoever_sends_whatever(web: Web) -> None:
    webinars = [webinar_event(status, cta_visibility="visible") for status in WebinarStatus]
    webinars.append(webinar_event("scheduled", cancelled=True))
    await web.know(*webinars)
    victims = [await web.member(role) for role in Role]
    ended = await web.member()
    await web.parts.accounts.set_active(ended.account_id, active=False)
    members = {role: await web.member(role) for role in Role}
    everybody = {str(role): Attacker.signed_in(web, member) for role, member in members.items()}
    everybody |= {"guest": await Attacker.guest(web), "ended": Attacker.signed_in(web, ended)}
    chance = Random(SEED)
    wrong: list[tuple[str, ...]] = []
    answered: defaultdict[str, set[int]] = defaultdict(set)

    for route, request in all_attacks([str(one.webinar_id) for one in webinars], [one.account_id for one in victims]):
        for who, attacker in list(everybody.items()):
            web.commands.answer = chance.choice(ANSWERS)
            along = chance.choice(ALONG)
            try:
                answer = await attacker.send(request, along)
            except Exception as error:  # noqa: BLE001 - whatever gets out is what this looks for
                found = [repr(error)]
            else:
                answered[route].add(answer.status)
                found = complaints(answer)
            if found:
                wrong.append((*found, who, str(request.url), repr(request.body)[:200], str(along)))
            if route.split(" ")[1].startswith(ENDS_THE_SESSION) and who in members:
                member = members[Role(who)]
                everybody[who] = Attacker.signed_in(web, await web.signed_in(member.account_id, member.login))

    assert wrong[:5] == []
    refused = {route for route, statuses in answered.items() if not statuses & {200, 303, 304, 307, 308, 410}}
    assert refused == set()
    assert set(answered) >= {f"{method} {path}" for method, path in in_application()}


async def test_the_port_for_operators_takes_anything(web: Web) -> None:
    app = ops_app("room-ui", web.under_test.service.readiness, lambda: True)
    for method in ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "\u00e4"):
        for path in ("/health/live", "/health/ready", "/metrics", "/", "/metrics/../", "/%00", "//evil.example/"):
            for headers in ([], [(b"accept", b"\xff"), (b"content-length", b"-1"), (b"accept-encoding", b"gzip;q=x")]):
                answer = await ask(app, method, f"http://ops.localhost{path}", headers, b"\x00" * 100)
                assert answer.status in {200, 307, 404, 405, 503}, (method, path)
                assert not any(leak in answer.text for leak in LEAKS)


@pytest.mark.parametrize(("broken", "path"), [("schedule", "/webinars/"), ("room", "/webinar/v1/participants")])
async def test_a_fault_in_a_handler_gives_away_nothing_but_that_there_is_one(
    web: Web, monkeypatch: pytest.MonkeyPatch, broken: str, path: str
) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError("a secret in the words of an error")

    monkeypatch.setattr(web.parts.rooms, broken, fail)

    answer = await (await web.member()).browser.get(f"{HTTPS}{path}")

    assert "secret" not in answer.text
    assert "ZeroDivisionError" not in answer.text
    found = complaints(Answer(answer.status_code, Headers(raw=answer.headers.raw), answer.content))
    assert found == ["status 500"]
