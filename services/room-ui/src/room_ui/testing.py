"""Builders and fakes for tests: webinars, members with a session, a command client, a broker for reports."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID, uuid4

import httpx
from contracts import Command, CommandReply, OnAirWindow, Role, RoomPresence, WebinarEvent, WebinarStatus
from servicekit import Actor, BrokerAwayError
from servicekit.testing import ServiceUnderTest

from room_ui.accounts.domain import new_account
from room_ui.main import create_application, create_service, web_parts
from room_ui.rooms.reporter import Reporter
from room_ui.rooms.rooms import Rooms
from room_ui.rooms.untold import Untold
from room_ui.settings import RoomUiSettings
from room_ui.viewer import Viewer

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
BASE_URL = "http://rooms.localhost"
"""A browser takes it for secure, as if it were behind https: locks and the like are for secure pages alone."""
SETTINGS: dict[str, Any] = {
    "base_url": BASE_URL,
    "session_keys": "the first key of the tests,the second key of the tests",
    "instance_id": "here",
    "http_port": 0,
}
_ON_AIR = {WebinarStatus.LIVE, WebinarStatus.PAUSED, WebinarStatus.FINISHED, WebinarStatus.ARCHIVED}
_ENDED = {WebinarStatus.FINISHED, WebinarStatus.ARCHIVED}


def webinar_event(status: WebinarStatus | str = WebinarStatus.SCHEDULED, **fields: Any) -> WebinarEvent:
    """Return a webinar in that state, planned for `NOON` and begun then if the state says so; an hour long."""
    status = WebinarStatus(status)
    begun = NOON if status in _ON_AIR else None
    over = NOON + timedelta(hours=1) if status in _ENDED else None
    given: dict[str, Any] = {
        "webinar_id": uuid4(),
        "version": 1,
        "status": status,
        "title": "How to begin",
        "description": "Plain words.",
        "speaker_id": "speaker-1",
        "owner_id": "speaker-1",
        "created_at": NOON - timedelta(days=7),
        "scheduled_at": NOON,
        "time_zone": "Europe/Moscow",
        "player_src": "https://player.example/embed/1",
        "chat_src": "https://chat.example/room/1",
        "cta_text": "Join us",
        "started_at": begun,
        "finished_at": over,
        "on_air": (OnAirWindow(from_=begun, to=over),) if begun else (),
    }
    return WebinarEvent.model_validate({**given, **fields})


def later(webinar: WebinarEvent, **changes: Any) -> WebinarEvent:
    """Return the next version of a webinar, with these changes."""
    return WebinarEvent.model_validate({**dict(webinar), "version": webinar.version + 1, **changes})


@dataclass
class FakeCommands:
    """A command client that answers with `answer` (a reply, or an error to raise) and keeps what was sent."""

    answer: CommandReply | Exception = field(default_factory=lambda: CommandReply(ok=True))
    sent: list[tuple[Command, Actor, UUID]] = field(default_factory=list)
    correlation_id: str | None = None
    """That of the last command; None: its own id."""

    async def send(
        self,
        command: Command,
        *,
        actor: Actor,
        message_id: UUID,
        correlation_id: str | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> CommandReply:
        del timeout
        self.correlation_id = correlation_id
        self.sent.append((command, actor, message_id))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class FakeBroker:
    """Takes presence reports while it is not `away`."""

    reports: list[RoomPresence] = field(default_factory=list)
    away: bool = False
    on_report: Callable[[RoomPresence], None] | None = None

    async def publish(self, event: RoomPresence, *, correlation_id: str | None = None) -> None:
        del correlation_id
        if self.away:
            raise BrokerAwayError("the broker is away")
        self.reports.append(event)
        if self.on_report:
            self.on_report(event)


@dataclass(frozen=True)
class Member:
    """An account with a session, and a browser that has its cookie."""

    account_id: str
    login: str
    viewer: Viewer
    cookie: str
    """`name=value`, as a browser sends it."""
    browser: httpx.AsyncClient

    async def post(self, path: str, **options: Any) -> httpx.Response:
        """Post as a page of ours does: with our origin and the session's token."""
        headers = {"origin": BASE_URL, "x-csrf-token": self.viewer.csrf_token, **options.pop("headers", {})}
        return await self.browser.post(path, headers=headers, **options)


class Web:
    """The whole web application of a service under test, without a server around it."""

    def __init__(self, under_test: ServiceUnderTest) -> None:
        self.under_test = under_test
        self.commands = FakeCommands()
        self.broker = FakeBroker()
        self.parts = web_parts(under_test.service, commands=self.commands)
        self.application = create_application(self.parts)
        self._transport = httpx.ASGITransport(app=self.application, raise_app_exceptions=False)

    def browser(self, cookie: str | None = None) -> httpx.AsyncClient:
        """Return a browser that follows no redirects."""
        headers = {"cookie": cookie} if cookie else {}
        return httpx.AsyncClient(transport=self._transport, base_url=BASE_URL, headers=headers)

    async def member(
        self, role: Role | str = Role.CANDIDATE, *, login: str | None = None, name: str | None = None, **words: str
    ) -> Member:
        """Make an account with a session (and no password: hashing one takes its time)."""
        login = login or f"{role}-{uuid4().hex[:8]}"
        account = new_account({"login": login, "name": name or login.title(), "role": str(role), **words})
        added = await self.parts.accounts.add(account)
        return await self.signed_in(added.account_id, login)

    async def signed_in(self, account_id: str, login: str) -> Member:
        """Return an account with a new session."""
        async with self.parts.database.work() as work:
            header = await self.parts.sessions.begin(work.connection, account_id, work.now)
        await self.under_test.collect()
        jar: SimpleCookie = SimpleCookie(header.decode())
        cookie = f"{self.parts.sessions.cookie_name}={jar[self.parts.sessions.cookie_name].value}"
        scope = {"type": "http", "headers": [(b"cookie", cookie.encode())]}
        known = await self.parts.sessions.authenticate(scope)
        return Member(account_id, login, known.viewer, cookie, self.browser(cookie))

    def reporter(self, rooms: Rooms | None = None) -> Reporter:
        """Return what tells the broker who is in the rooms here, or in those of another instance."""
        return Reporter(rooms or self.parts.rooms, self.broker, Untold(self.parts.database))

    def another_instance(self, instance_id: str) -> Rooms:
        """Return the rooms of another instance on the same database; `refresh` them first."""
        rooms = Rooms(self.parts.settings.model_copy(update={"instance_id": instance_id}))
        rooms.open(self.parts.database, self.parts.clock)
        return rooms

    async def know(self, *webinars: WebinarEvent) -> None:
        """Let the projection and the rooms know these webinars."""
        await self.under_test.receive(*webinars)
        await self.parts.rooms.refresh()


async def open_web(harness: Callable[..., Awaitable[ServiceUnderTest]], **settings: Any) -> Web:
    """Return a web application on a fresh database; `harness` is the fixture of `servicekit.testing`."""
    return Web(await harness(create_service, RoomUiSettings, now=NOON, **{**SETTINGS, **settings}))
