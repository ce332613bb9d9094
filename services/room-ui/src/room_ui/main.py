"""Where the parts of room-ui meet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from contracts.topology import ROOM_UI
from servicekit import CommandClient, Service
from servicekit.http_routes import Routes
from servicekit.jobs import run_job
from servicekit.stopping import finished
from servicekit.traced_http import TracedRequests
from starlette.types import ASGIApp

from room_ui.accounts.accounts import Accounts
from room_ui.accounts.sessions import Sessions
from room_ui.assets import FILES
from room_ui.handlers import announce_cta_shown, router
from room_ui.measured import Measured
from room_ui.parts import Commands, Parts
from room_ui.push import PATHS, Push
from room_ui.rooms.rooms import Rooms
from room_ui.server import room_door, tune_garbage_collection
from room_ui.settings import RoomUiSettings
from room_ui.web import create_app

P = TypeVar("P")
_LAST_SECONDS, _AFTER_LAST = 0.5, 2.9
_DOOR_WAITS_SECONDS = 5.0
"""Then the pages are shown without a broker: they say so themselves."""


def create_service(settings: RoomUiSettings) -> Service:
    """Return the service with its HTTP port as a companion."""
    sessions = Sessions(settings)
    accounts = Accounts(settings, sessions)
    rooms = Rooms(settings)
    service = Service(
        ROOM_UI,
        settings=settings,
        router=router,
        parts=(settings, sessions, accounts, rooms),
        migrations="room_ui",
        companions=(open_door,),
        command_signing_key=settings.command_signing_key,
    )
    for part in (sessions, accounts, rooms):
        part.open(service.database, service.clock)
    return service


def _part(service: Service, kind: type[P]) -> P:
    return next(part for part in service.parts if isinstance(part, kind))


def web_parts(service: Service, *, commands: Commands | None = None) -> Parts:
    """Return what the web side works with; tests give `commands` of their own."""
    return Parts(
        settings=_part(service, RoomUiSettings),
        database=service.database,
        clock=service.clock,
        commands=commands or _part(service, CommandClient),
        rooms=_part(service, Rooms),
        accounts=_part(service, Accounts),
        sessions=_part(service, Sessions),
        is_broker_connected=lambda: service.is_broker_connected,
    )


def create_application(parts: Parts) -> ASGIApp:
    """Return the whole web application: the push around the pages, both measured and traced."""
    push = Push(create_app(parts), rooms=parts.rooms, sessions=parts.sessions, settings=parts.settings)
    routes = Routes(fixed=PATHS, files=FILES)
    return Measured(TracedRequests(push, routes, untold=(FILES,)), routes)


@asynccontextmanager
async def open_door(service: Service) -> AsyncIterator[int]:
    """Serve the pages and streams while the block runs; yields the port."""
    parts = web_parts(service)
    application = create_application(parts)
    tune_garbage_collection()
    # A button that is pressed here before Core can answer would be refused; another instance may be there to take it.
    await service.until_begun(_DOOR_WAITS_SECONDS)
    async with room_door(application, parts, service.publisher, service.stopping) as port:
        yield port
    await finished(
        "announce_cta_shown", _announce_last(service), service.stopping.within(_LAST_SECONDS, keep=_AFTER_LAST)
    )


async def _announce_last(service: Service) -> None:
    """Write down to whom the call to action was sent last: nobody else knows."""
    job = service.handler(announce_cta_shown)
    while await run_job(service.database, job):
        continue
