"""Who asks too often is refused with `too_many_requests`, is told when to come again, and shuts nobody else out."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from contracts import CommandReply, Role
from room_ui.accounts import passwords
from room_ui.accounts.accounts import SignInRefused
from room_ui.accounts.domain import new_account
from room_ui.limits import GUESTS_READ, GUESTS_WRITE, READS, SLOWER, WRITES, Limits, Pace, network_of
from room_ui.testing import BASE_URL, Member, Web, open_web, webinar_event
from room_ui.viewer import Viewer
from servicekit.testing import ServiceUnderTest

PASSWORD = "a long enough password"
Harness = Callable[..., Awaitable[ServiceUnderTest]]


@pytest.fixture(autouse=True)
def _passwords_cost_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    monkeypatch.setattr(passwords._Nobody, "hash", None)


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)


def refused(answer: httpx.Response) -> bool:
    """Whether this is the refusal that it has to be."""
    if answer.status_code != 429:
        return False
    assert "too_many_requests" in answer.text
    assert int(answer.headers["retry-after"]) >= 1
    return True


# --- the count itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "session_id", "pace"),
    [
        ("GET", "/account/", "s", READS),
        ("POST", "/admin_webinar/new", "s", WRITES),
        ("GET", "/signup/", None, GUESTS_READ),
        ("POST", "/account/login/", None, GUESTS_WRITE),
        *((method, path, "s", pace) for (method, path), pace in SLOWER.items()),
    ],
)
def test_a_pace_lets_so_many_pass_at_once_and_then_so_many_a_second(
    method: str, path: str, session_id: str | None, pace: Pace
) -> None:
    limits = Limits()

    def asked(times: int, at: float) -> int:
        waits = [limits.wait(method, path, session_id=session_id, address="203.0.113.9", at=at) for _ in range(times)]
        assert set(waits) <= {None, pace.retry_after}
        return waits.count(None)

    assert asked(pace.burst + 50, 100.0) == pace.burst
    refilled = max(1, int(pace.per_second * pace.retry_after))
    assert asked(refilled + 50, 100.0 + pace.retry_after) == refilled


def test_sessions_and_addresses_are_counted_apart() -> None:
    limits = Limits()
    for _ in range(GUESTS_READ.burst):
        limits.wait("GET", "/signup/", session_id=None, address="203.0.113.9", at=0.0)

    def wait(address: str, session_id: str | None = None) -> int | None:
        return limits.wait("GET", "/signup/", session_id=session_id, address=address, at=0.0)

    assert wait("203.0.113.9") == 1
    assert wait("203.0.113.10") is None
    assert wait("203.0.113.9", "somebody") is None


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1:2:3") == "2001:db8::/64"
    assert network_of("2001:db8:0:1::1") != network_of("2001:db8::1")
    assert network_of("::ffff:203.0.113.9") == network_of("203.0.113.9") == "203.0.113.9"
    assert network_of("unknown") == "unknown"


def test_a_crowd_behind_one_address_may_always_look_at_the_schedule() -> None:
    limits = Limits()
    waits = {limits.wait("GET", "/webinars/", session_id=None, address="10.0.0.1", at=0.0) for _ in range(5000)}
    assert waits == {None}


def test_who_keeps_quiet_is_forgotten() -> None:
    limits = Limits()
    for number in range(1000):
        limits.wait("GET", "/signup/", session_id=None, address=f"10.0.{number // 256}.{number % 256}", at=0.0)
    limits.wait("GET", "/signup/", session_id=None, address="203.0.113.9", at=1000.0)

    _, allowance = limits._allowances["guests read"]
    assert len(allowance._left) == 1


# --- over HTTP -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "method", "path", "most"),
    [
        (None, "GET", "/webinars/{webinar_id}.ics", 100),
        (None, "GET", "/account/link/a-guess", 400),
        (None, "GET", "/signup/", 2_000),
        (Role.CANDIDATE, "GET", "/account/contacts/", 400),
        (Role.CANDIDATE, "POST", "/webinar/v1/seen", 400),
        (Role.CANDIDATE, "POST", "/account/telegram/", 10),
        (Role.PARTNER, "GET", "/account/candidates/", 30),
        (Role.ADMIN, "GET", "/admin_webinar/people/?q=a", 30),
        (Role.ADMIN, "POST", "/admin_webinar/people-import/", 60),
        (Role.SPEAKER, "GET", "/admin_webinar/{webinar_id}/report.csv", 20),
        (Role.SPEAKER, "POST", "/admin_webinar/{webinar_id}/cta/show", 400),
    ],
)
async def test_what_is_asked_too_often_is_refused(
    web: Web, role: Role | None, method: str, path: str, most: int
) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    web.commands.answer = CommandReply(ok=True, address="https://t.me/a_bot?start=abc")
    member = None if role is None else await web.member(role)
    browser = web.browser() if member is None else member.browser
    headers = {} if member is None else {"origin": BASE_URL, "x-csrf-token": member.viewer.csrf_token}
    address = path.format(webinar_id=webinar.webinar_id)
    body: dict[str, Any] = {"json": {"webinar_id": str(webinar.webinar_id)}} if path.startswith("/webinar/v1/") else {}

    answers = [await browser.request(method, address, headers=headers, **body) for _ in range(most)]
    last = await browser.request(method, address, headers=headers, **body)

    assert not any(refused(answer) for answer in answers)
    assert refused(last)
    # Nobody else is held up, and neither are the paths that everybody's page lives on.
    other = await web.member(role or Role.CANDIDATE)
    assert (await other.browser.get("/account/")).status_code == 200
    assert (await browser.get("/webinar/v1/webinars")).status_code == 200


async def test_guesses_of_one_time_links_are_refused_and_a_real_one_then_waits_too(web: Web) -> None:
    member = await web.member()
    link = await web.parts.accounts.new_link(member.account_id)
    guest = web.browser()
    await guest.get("/account/login/")
    token = guest.cookies["wh_guest"].strip('"')

    async def use(what: str) -> httpx.Response:
        return await guest.post(f"/account/link/{what}", data={"csrf_token": token}, headers={"origin": BASE_URL})

    guesses = [await use(f"guess-{number}") for number in range(400)]

    assert {answer.status_code for answer in guesses} == {303}
    assert refused(await use(link))


async def test_state_polls_and_the_list_of_people_say_when_to_come_again(web: Web) -> None:
    await web.know(webinar_event("live"))
    member = await web.member()
    for path in ("/webinar/v1/state", "/webinar/v1/participants"):
        for _ in range(20):
            assert not refused(await member.browser.get(path))
        assert refused(await member.browser.get(path))


# --- signing in, counted in rows that all instances share ------------------------------------------------------------


async def guess(web: Web, login: str, address: str, password: str = "guess") -> str:
    try:
        await web.parts.accounts.sign_in(login, password, address=address, replacing=Viewer.guest("ru"))
    except SignInRefused as refusal:
        return refusal.reason
    return "in"


async def with_password(web: Web, login: str) -> None:
    account = new_account({"login": login, "name": "Somebody", "role": "candidate"})
    await web.parts.accounts.add(account, password=PASSWORD)


async def test_the_form_that_is_refused_says_so_by_its_status_too(web: Web) -> None:
    await with_password(web, "anna")
    browser = web.browser()
    await browser.get("/account/login/")
    form = {"login": "anna", "password": PASSWORD, "csrf_token": browser.cookies["wh_guest"].strip('"')}

    for _ in range(10):
        await browser.post("/account/login/", data=form | {"password": "guess"}, headers={"origin": BASE_URL})
    sent = await browser.post("/account/login/", data=form, headers={"origin": BASE_URL})
    page = await browser.get(sent.headers["location"])

    assert refused(page)
    assert 800 < int(page.headers["retry-after"]) <= 900


async def test_a_password_page_that_is_refused_says_when_to_come_again(web: Web) -> None:
    member: Member = await web.member(login="anna")
    await web.parts.accounts.set_password(member.account_id, PASSWORD, keep_session=member.viewer.session_id)
    form = {"old": "guess", "password": "another password", "again": "another password"}
    for _ in range(10):
        await member.post("/account/password/", data=form)

    answer = await member.post("/account/password/", data=form)

    assert answer.status_code == 429
    assert 800 < int(answer.headers["retry-after"]) <= 900


async def test_guesses_at_many_logins_from_one_address_are_refused(harness: Harness) -> None:

    web = await open_web(harness, sign_in_attempts=1)
    said = [await guess(web, f"somebody-{number}", "203.0.113.9") for number in range(21)]

    assert said == ["wrong"] * 20 + ["too_many"]
    assert await guess(web, "somebody-1", "203.0.113.10") == "wrong"


async def test_guesses_at_one_login_from_many_addresses_are_refused(harness: Harness) -> None:
    web = await open_web(harness, sign_in_attempts=1)
    await with_password(web, "anna")

    said = [await guess(web, "anna", f"203.0.113.{number}") for number in range(21)]

    assert said == ["wrong"] * 20 + ["too_many"]
    assert await guess(web, "anna", "198.51.100.1", PASSWORD) == "too_many"
    assert await guess(web, "boris", "198.51.100.1") == "wrong"
    web.under_test.clock.advance(15 * 60 + 1)
    assert await guess(web, "anna", "198.51.100.1", PASSWORD) == "in"


async def test_one_address_alone_shuts_nobody_out_however_often_it_guesses(harness: Harness) -> None:
    web = await open_web(harness, sign_in_attempts=1)
    await with_password(web, "anna")
    for _ in range(40):
        await guess(web, "anna", "203.0.113.9")

    assert await guess(web, "anna", "198.51.100.1", PASSWORD) == "in"


async def test_a_file_of_people_has_a_largest_size_and_most_rows(web: Web) -> None:
    admin = await web.member(Role.ADMIN, locale="en")
    head = "login,name,role\n"
    many = head + "".join(f"p{number},P,candidate\n" for number in range(5001))
    large = {"file": ("people.csv", b"x" * (1024 * 1024 + 1), "text/csv")}

    answers = [
        await admin.post("/admin_webinar/people-import/", data={"text": many}),
        await admin.post("/admin_webinar/people-import/", files=large),
        await admin.post("/admin_webinar/people-import/", content=b"x" * (2 * 1024 * 1024 + 1)),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 413]
    assert "There are more than 5000 rows." in answers[0].text
    assert "This file is larger than 1 MB." in answers[1].text
    assert await web.parts.accounts.find("p1") is None
