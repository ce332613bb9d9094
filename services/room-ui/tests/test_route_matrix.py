"""Every route, asked by everybody, in every state of a webinar: the tables here are the rights of the house.

Written by hand from what was agreed, not from the code. A route that stands in no table fails these tests.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from contracts import CAPABILITIES, Capability, CommandReply, ErrorCode, Role
from room_ui.asgi_testing import Answer, ask
from room_ui.description_testing import in_application
from room_ui.push import PATHS
from room_ui.testing import BASE_URL, Web, webinar_event

WHO = ("guest", "ended", "candidate", "partner", "speaker", "admin")
STATES = ("draft", "scheduled", "live", "paused", "finished", "archived", "cancelled")

# `in`: to the page to sign in, and back here after it. `ended`: a session whose account was switched off.
ROUTES = """
needs                       route                                                guest ended cand. partn. speak. admin
schedule_view               GET  /                                               307   307   307   307    307    307
schedule_view               GET  /live/                                          307   307   307   307    307    307
schedule_view               GET  /webinars/                                      200   200   200   200    200    200
schedule_view               GET  /webinars/{webinar_id}.ics                      200   200   200   200    200    200
schedule_view               GET  /webinar/v1/webinars                            200   200   200   200    200    200
schedule_view               GET  /webinar/v1/webinars/stream                     200   200   200   200    200    200
schedule_view               GET  /signup/                                        200   200   200   200    200    200
schedule_view               GET  /language/{locale}/                             303   303   303   303    303    303
schedule_view               GET  /favicon.ico                                    308   308   308   308    308    308
schedule_view               GET  /live_room/                                     307   307   307   307    307    307
schedule_view               GET  /account/login/                                 200   200   303   303    303    303
schedule_view               POST /account/login/                                 303   403   303   303    303    303
schedule_view               GET  /account/link/{token}                           200   200   200   200    200    200
schedule_view               POST /account/link/{token}                           303   403   303   303    303    303
schedule_view               POST /account/logout/                                303   in    303   303    303    303
webinar_join                POST /account/logout/everywhere/                     in    in    303   303    303    303
webinar_join                GET  /account/                                       in    in    200   200    200    200
webinar_join                POST /account/language/                              in    in    303   303    303    303
webinar_join                POST /account/password/                              in    in    303   303    303    303
webinar_join                GET  /account/telegram/                              in    in    200   200    200    200
webinar_join                POST /account/telegram/                              in    in    200   200    200    200
webinar_join                GET  /account/contacts/                              in    in    200   200    200    200
webinar_join                GET  /account/webinar_room/                          in    in    303   303    303    303
webinar_join                GET  /account/webinar_room/{webinar_id}              in    in    200   200    200    200
webinar_join                GET  /account/webinar_room/{webinar_id}/frame/{part} in    in    200   200    200    200
webinar_join                GET  /webinar/v1/state                               401   401   200   200    200    200
webinar_join                GET  /webinar/v1/state/stream                        401   401   200   200    200    200
webinar_join                GET  /webinar/v1/participants                        401   401   200   200    200    200
webinar_join                POST /webinar/v1/seen                                401   401   200   200    200    200
webinar_participate         POST /webinar/v1/finish                              401   401   200   200    403    403
webinar_participate         POST /webinar/v1/cta_clicked                         401   401   200   200    403    403
report_view_own_candidates  GET  /account/candidates/                            in    in    403   200    403    403
report_view_own_candidates  POST /account/contact/                               in    in    403   303    403    403
report_view_own_candidates  POST /account/contact/preview/                       in    in    403   200    403    403
webinar_manage              GET  /webinar/v1/desk                                401   401   403   403    200    200
webinar_manage              GET  /webinar/v1/desk/stream                         401   401   403   403    200    200
webinar_manage              GET  /admin_webinar/                                 in    in    403   403    200    200
webinar_manage              GET  /admin_webinar/new                              in    in    403   403    200    200
webinar_manage              GET  /admin_webinar/events/                          in    in    403   403    200    200
webinar_manage              GET  /admin_webinar/events/asyncapi.json             in    in    403   403    200    200
webinar_manage              GET  /admin_webinar/events/schemas/{name}.json       in    in    403   403    200    200
webinar_manage              POST /admin_webinar/new                              in    in    403   403    303    303
webinar_manage              GET  /admin_webinar/{webinar_id}                     in    in    403   403    200    200
webinar_manage              POST /admin_webinar/{webinar_id}                     in    in    403   403    303    303
webinar_manage              POST /admin_webinar/preview/{place}                  in    in    403   403    200    200
webinar_manage              POST /admin_webinar/{webinar_id}/overrun             in    in    403   403    303    303
webinar_manage              POST /admin_webinar/{webinar_id}/followups/resend    in    in    403   403    303    303
webinar_manage              POST /admin_webinar/{webinar_id}/followups/{action}  in    in    403   403    303    303
webinar_manage_status       POST /admin_webinar/{webinar_id}/start               in    in    403   403    303    303
webinar_manage_status       POST /admin_webinar/{webinar_id}/stop                in    in    403   403    200    200
webinar_manage_cta          POST /admin_webinar/{webinar_id}/cta/{wish}          in    in    403   403    303    303
report_view                 GET  /admin_webinar/{webinar_id}/report.csv          in    in    403   403    200    200
account_manage              GET  /admin_webinar/people/                          in    in    403   403    403    200
account_manage              GET  /admin_webinar/people/new                       in    in    403   403    403    200
account_manage              POST /admin_webinar/people/new                       in    in    403   403    403    200
account_manage              GET  /admin_webinar/people/{account_id}              in    in    403   403    403    200
account_manage              POST /admin_webinar/people/{account_id}              in    in    403   403    403    303
account_manage              POST /admin_webinar/people/{account_id}/{switch}     in    in    403   403    403    200
account_manage              GET  /admin_webinar/people-import/                   in    in    403   403    403    200
account_manage              POST /admin_webinar/people-import/                   in    in    403   403    403    200
account_manage              GET  /admin_webinar/people-import/template.csv       in    in    403   403    403    200
template_manage             GET  /admin_webinar/messages/                        in    in    403   403    403    200
template_manage             POST /admin_webinar/messages/                        in    in    403   403    403    200
template_manage             POST /admin_webinar/messages/preview/                in    in    403   403    403    200
"""

ELSEWHERE = {Capability.WEBINAR_CONFIGURE: "Core asks for it, field by field: core-webinar, test_handlers.py"}
"""Capabilities that no route of ours is about."""

# A webinar in each state. `visitors`: guests and ended sessions; `members`: candidates and partners; `hosts`: the rest.
# Buttons of the desk are refused by Core and post-webinar, whose own tables are theirs; here stands when a button asks
# a second question (200) and when its command goes out at once (303).
IN_STATES = """
route                                                who       draft sched. live paused fin. arch. cancelled
GET  /webinars/{webinar_id}.ics                      visitors  404   200    200  200    200  200   200
GET  /webinars/{webinar_id}.ics                      members   404   200    200  200    200  200   200
GET  /webinars/{webinar_id}.ics                      hosts     404   200    200  200    200  200   200
GET  /account/webinar_room/{webinar_id}              visitors  in    in     in   in     in   in    in
GET  /account/webinar_room/{webinar_id}              members   404   200    200  200    200  200   200
GET  /account/webinar_room/{webinar_id}              hosts     200   200    200  200    200  200   200
GET  /account/webinar_room/{webinar_id}/frame/{part} visitors  in    in     in   in     in   in    in
GET  /account/webinar_room/{webinar_id}/frame/{part} members   404   404    200  200    404  404   404
GET  /account/webinar_room/{webinar_id}/frame/{part} hosts     404   404    200  200    404  404   404
GET  /webinar/v1/state                               visitors  401   401    401  401    401  401   401
GET  /webinar/v1/state                               members   404   200    200  200    200  200   200
GET  /webinar/v1/state                               hosts     200   200    200  200    200  200   200
GET  /webinar/v1/state/stream                        visitors  401   401    401  401    401  401   401
GET  /webinar/v1/state/stream                        members   404   200    200  200    200  200   200
GET  /webinar/v1/state/stream                        hosts     200   200    200  200    200  200   200
GET  /webinar/v1/participants                        visitors  401   401    401  401    401  401   401
GET  /webinar/v1/participants                        members   404   200    200  200    200  200   200
GET  /webinar/v1/participants                        hosts     200   200    200  200    200  200   200
POST /webinar/v1/seen                                visitors  401   401    401  401    401  401   401
POST /webinar/v1/seen                                members   404   200    200  200    200  200   200
POST /webinar/v1/seen                                hosts     200   200    200  200    200  200   200
POST /webinar/v1/finish                              visitors  401   401    401  401    401  401   401
POST /webinar/v1/finish                              members   404   409    200  200    409  409   409
POST /webinar/v1/finish                              hosts     403   403    403  403    403  403   403
POST /webinar/v1/cta_clicked                         visitors  401   401    401  401    401  401   401
POST /webinar/v1/cta_clicked                         members   404   200    200  200    200  200   200
POST /webinar/v1/cta_clicked                         hosts     403   403    403  403    403  403   403
GET  /admin_webinar/{webinar_id}                     visitors  in    in     in   in     in   in    in
GET  /admin_webinar/{webinar_id}                     members   403   403    403  403    403  403   403
GET  /admin_webinar/{webinar_id}                     hosts     200   200    200  200    200  200   200
POST /admin_webinar/{webinar_id}                     visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}                     members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}                     hosts     303   200    303  303    303  303   303
POST /admin_webinar/{webinar_id}/overrun             visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/overrun             members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/overrun             hosts     303   303    303  303    303  303   303
POST /admin_webinar/{webinar_id}/start               visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/start               members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/start               hosts     303   200    303  303    303  303   303
POST /admin_webinar/{webinar_id}/stop                visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/stop                members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/stop                hosts     303   303    200  200    303  303   303
POST /admin_webinar/{webinar_id}/cta/{wish}          visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/cta/{wish}          members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/cta/{wish}          hosts     303   303    303  303    303  303   303
POST /admin_webinar/{webinar_id}/followups/resend    visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/followups/resend    members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/followups/resend    hosts     303   303    303  303    303  303   303
POST /admin_webinar/{webinar_id}/followups/{action}  visitors  in    in     in   in     in   in    in
POST /admin_webinar/{webinar_id}/followups/{action}  members   403   403    403  403    403  403   403
POST /admin_webinar/{webinar_id}/followups/{action}  hosts     303   303    303  303    303  303   303
GET  /admin_webinar/{webinar_id}/report.csv          visitors  in    in     in   in     in   in    in
GET  /admin_webinar/{webinar_id}/report.csv          members   403   403    403  403    403  403   403
GET  /admin_webinar/{webinar_id}/report.csv          hosts     404   404    200  200    200  200   404
"""
GROUPS: Mapping[str, tuple[str, ...]] = {
    "visitors": ("guest", "ended"),
    "members": ("candidate", "partner"),
    "hosts": ("speaker", "admin"),
}
ABOUT_A_WEBINAR = frozenset(
    {"/webinar/v1/state", "/webinar/v1/state/stream", "/webinar/v1/participants"}
    | {"/webinar/v1/seen", "/webinar/v1/finish", "/webinar/v1/cta_clicked"}
)
"""Routes that are told of a webinar by their query or body."""

FORMS: Mapping[str, Mapping[str, str]] = {
    "/account/login/": {"login": "nobody", "password": "a wrong password"},
    "/account/language/": {"locale": "en"},
    "/account/password/": {"old": "a wrong password", "password": "a good password", "again": "a good password"},
    "/admin_webinar/new": {"title": "New"},
    "/admin_webinar/preview/{place}": {"address": "https://player.example/1"},
    "/admin_webinar/people/new": {"login": "newcomer", "name": "New", "role": "candidate", "locale": "ru"},
    "/admin_webinar/people-import/": {"text": "login,name,role\nanna,Anna,candidate\n"},
    "/admin_webinar/messages/": {"step": "attended", "locale": "ru", "text": "Hello"},
    "/admin_webinar/messages/preview/": {"step": "attended", "locale": "ru", "text": "Hello"},
}


@dataclass(frozen=True)
class Cell:
    """One request, and the status that it has to have."""

    route: str
    who: str
    state: str
    expected: str
    needs: str = ""


def rows(table: str) -> Iterator[list[str]]:
    """Return the cells of each line below the head, the method and the address as one."""
    for line in table.strip().splitlines()[1:]:
        words = line.split()
        place = next(number for number, word in enumerate(words) if word in {"GET", "POST"})
        yield [*words[:place], f"{words[place]} {words[place + 1]}", *words[place + 2 :]]


def cells_of_routes() -> list[Cell]:
    return [
        Cell(route, who, "live", expected, needs)
        for needs, route, *statuses in rows(ROUTES)
        for who, expected in zip(WHO, statuses, strict=True)
    ]


def cells_of_states() -> list[Cell]:
    return [
        Cell(route, who, state, expected)
        for route, group, *statuses in rows(IN_STATES)
        for state, expected in zip(STATES, statuses, strict=True)
        for who in GROUPS[group]
    ]


def test_every_route_stands_in_the_table_once(web: Web) -> None:
    there = {f"{method} {path}" for method, path in in_application()}
    there |= {f"GET {path}" for path in PATHS}
    written = [route for _, route, *_ in rows(ROUTES)]

    assert set(written) == there
    assert len(written) == len(set(written))


def test_every_route_about_a_webinar_is_asked_in_every_state_by_everybody() -> None:
    about = {route for _, route, *_ in rows(ROUTES) if "{webinar_id}" in route or route.split()[1] in ABOUT_A_WEBINAR}
    asked = {(cell.route, cell.who, cell.state) for cell in cells_of_states()}

    assert asked == {(route, who, state) for route in about for who in WHO for state in STATES}


def test_every_capability_stands_in_the_table_and_is_given_to_whom_its_routes_let_in() -> None:
    assert {cell.needs for cell in cells_of_routes()} | set(ELSEWHERE) == set(Capability)
    for cell in cells_of_routes():
        is_let_in = cell.expected not in {"in", "401", "403"}
        if cell.who == "ended":
            assert not is_let_in or cell.needs == Capability.SCHEDULE_VIEW, cell
        else:
            role = None if cell.who == "guest" else Role(cell.who)
            assert is_let_in is (Capability(cell.needs) in CAPABILITIES[role]), cell


class Askers:
    """Everybody, each with a browser's cookie and the token of a page that it has open."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self.cookies: dict[str, tuple[str, str]] = {}
        self.accounts: dict[str, tuple[str, str]] = {}
        self.links: list[str] = []
        self.somebody = ""

    async def come(self) -> "Askers":
        page = await ask(self._web.application, "GET", f"{BASE_URL}/account/login/")
        guest = page.headers["set-cookie"].split(";")[0]
        self.cookies["guest"] = guest, guest.split("=", 1)[1].strip('"')
        ended = await self._web.member()
        await self._web.parts.accounts.set_active(ended.account_id, active=False)
        self.cookies["ended"] = ended.cookie, ended.viewer.csrf_token
        for role in Role:
            member = await self._web.member(role)
            self.accounts[role.value] = member.account_id, member.login
            self.cookies[role.value] = member.cookie, member.viewer.csrf_token
        self.somebody = (await self._web.member()).account_id
        return self

    async def again(self, who: str) -> None:
        """Sign in again: what was asked last may have ended the session."""
        if who in self.accounts:
            member = await self._web.signed_in(*self.accounts[who])
            self.cookies[who] = member.cookie, member.viewer.csrf_token

    async def ask(self, cell: Cell, webinar_id: str) -> Answer:
        method, path = cell.route.split()
        token = await self._web.parts.accounts.new_link(self.somebody) if "{token}" in path else ""
        names = {"locale": "ru", "part": "player", "place": "player", "wish": "show", "action": "hold"}
        names |= {
            "name": "webinar_event",
            "webinar_id": webinar_id,
            "account_id": self.somebody,
            "switch": "link",
            "token": token,
        }
        cookie, csrf_token = self.cookies[cell.who]
        headers = {"cookie": cookie, "origin": BASE_URL, "x-csrf-token": csrf_token}
        fields: dict[str, Any] = dict(FORMS.get(path, {}))
        if path == "/admin_webinar/{webinar_id}" and cell.needs == "":
            fields["action"] = "cancel"
        named = {"webinar_id": webinar_id} if path in ABOUT_A_WEBINAR else None
        request = httpx.Request(
            method,
            BASE_URL + path.format(**names),
            headers=headers,
            params=named if method == "GET" else None,
            json=named if method == "POST" and named else None,
            data=None if method == "GET" or named else {**fields, "note": ""},
        )
        return await ask(self._web.application, method, str(request.url), request.headers.raw, request.read())


CODES = {401: ErrorCode.UNAUTHENTICATED, 403: ErrorCode.FORBIDDEN}


def read(answer: Answer) -> str:
    """Return how the tables write an answer."""
    location = answer.headers.get("location", "")
    return "in" if location.startswith("/account/login/?next=") else str(answer.status)


async def compare(web: Web, cells: list[Cell]) -> list[str]:
    """Return where the application and the table differ."""
    # Hours ahead: a start before its time is asked about.
    planned = {"scheduled_at": web.parts.clock.now().replace(hour=15), "cta_visibility": "visible"}
    webinars = {state: webinar_event(state, **planned) for state in STATES if state != "cancelled"}
    webinars["cancelled"] = webinar_event("scheduled", cancelled=True, **planned)
    await web.know(*webinars.values())
    web.commands.answer = CommandReply(ok=True, address="https://t.me/a_bot?start=abc")
    askers = await Askers(web).come()
    found = []
    for number, cell in enumerate(cells, 1):
        if number % 40 == 0:
            # Before a session has asked more than anybody would.
            for who in askers.accounts:
                await askers.again(who)
        answer = await askers.ask(cell, str(webinars[cell.state].webinar_id))
        if (said := read(answer)) != cell.expected:
            found.append(f"{cell.route} by {cell.who}, {cell.state}: {said}, not {cell.expected}")
        if answer.status in CODES and f'"{CODES[answer.status]}"' not in answer.text:
            found.append(f"{cell.route} by {cell.who}, {cell.state}: {answer.status} without its code")
        if "/logout/" in cell.route or "/link/" in cell.route or "/login/" in cell.route:
            await askers.again(cell.who)
    return found


@pytest.mark.timeout(180)
async def test_each_route_lets_in_whom_the_table_says(web: Web) -> None:
    assert await compare(web, cells_of_routes()) == []


@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", GROUPS)
async def test_each_route_says_in_each_state_what_the_table_says(web: Web, group: str) -> None:
    cells = [cell for cell in cells_of_states() if cell.who in GROUPS[group]]
    assert await compare(web, cells) == []
