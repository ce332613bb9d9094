"""Which databases a command looks at: those of all services for administrators, else the one of its own settings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypeVar
from urllib.parse import unquote, urlencode, urlsplit, urlunsplit

import typer
from contracts.topology import SERVICES

from servicekit.clock import HouseClock
from servicekit.database import Database
from servicekit.errors import DATABASE_TROUBLE, ServicekitError
from servicekit.logs import without_secrets
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import fail, warn

T = TypeVar("T")


class NoPlaceError(ServicekitError):
    """The settings do not say where to look."""


@dataclass(frozen=True)
class Place:
    """The database of one service."""

    service: str
    url: str = field(repr=False)


def known_service(name: str | None) -> str | None:
    """Check the option `--service`."""
    if name is not None and name not in SERVICES:
        raise typer.BadParameter(f"there is no service {name}; there are {', '.join(SERVICES)}")
    return name


Service = Annotated[str | None, typer.Option("--service", help="This service alone.", callback=known_service)]


def role_of(service: str) -> str:
    """Return the name of a service's database and role."""
    return service.replace("-", "_")


def places(service: str | None = None) -> list[Place]:
    """Return the databases that the settings name; SERVICE_DATABASE_URL is one service's, DATABASE_URL leads to all.

    Raises `NoPlaceError`.
    """
    settings = OperatorSettings()
    own, administrators = settings.service_database_url, settings.database_url
    if own:
        name = unquote(urlsplit(own).path[1:])
        owner = next((known for known in SERVICES if role_of(known) == name), None)
        if owner is None or service in {None, owner}:
            return [Place(owner or service or name, own)]
        if not administrators:
            raise NoPlaceError(
                f"This needs the database of {service}: SERVICE_DATABASE_URL is that of {owner}, "
                "and DATABASE_URL (the administrators') is not set."
            )
    if not administrators:
        raise NoPlaceError(
            "SERVICE_DATABASE_URL (of one service) is not set; neither is DATABASE_URL (the administrators', for all)."
        )
    return [Place(one, _as_role(administrators, role_of(one))) for one in SERVICES if service in {None, one}]


def place_of(service: str) -> Place:
    """Return the database of this service; raises `NoPlaceError`."""
    [place] = places(service)
    return place


def _as_role(url: str, role: str) -> str:
    """Return the address of a service's database for administrators who act as its role.

    What they make is then the service's own, and they can do nothing there that it cannot.
    """
    parts = urlsplit(url)
    query = "&".join(filter(None, [parts.query, urlencode({"role": role})]))
    return urlunsplit(parts._replace(path=f"/{role}", query=query))


async def at(place: Place, action: Callable[[Database], Awaitable[T]]) -> T:
    """Do something with the database of a place; raises one of `DATABASE_TROUBLE`."""
    database = Database(place.url, HouseClock(), pool_size=2)
    await database.open()
    try:
        return await action(database)
    finally:
        await database.close()


def do_at(place: Callable[[], Place], action: Callable[[Database], Awaitable[T]], *refusals: type[Exception]) -> T:
    """Do something in one place; what goes wrong is said in a line, and the exit code is 1."""
    refused: tuple[type[Exception], ...] = (*refusals, NoPlaceError)
    try:
        return asyncio.run(at(place(), action))
    except refused as error:
        fail(str(error))
    except DATABASE_TROUBLE as trouble:
        fail(f"The database cannot be used: {words_of(trouble)}")


def do_in_each(service: str | None, action: Callable[[Place, Database], Awaitable[T]]) -> tuple[list[T], bool]:
    """Do something in every place at once; returns what came of it, and whether every database could be used."""
    try:
        found = places(service)
    except NoPlaceError as error:
        fail(str(error))
    outcomes = asyncio.run(_in_each(found, action))
    done: list[T] = []
    for place, outcome in zip(found, outcomes, strict=True):
        if isinstance(outcome, DATABASE_TROUBLE):
            warn(f"{place.service}: its database cannot be used: {words_of(outcome)}")
        elif isinstance(outcome, BaseException):
            raise outcome
        else:
            done.append(outcome)
    return done, len(done) == len(found)


async def _in_each(
    found: Sequence[Place], action: Callable[[Place, Database], Awaitable[T]]
) -> list[T | BaseException]:
    async def one(place: Place) -> T:
        return await at(place, lambda database: action(place, database))

    return await asyncio.gather(*(one(place) for place in found), return_exceptions=True)


def words_of(error: BaseException) -> str:
    """Return what an error says, in one line and without secrets."""
    words = str(error) or ("it does not answer" if isinstance(error, TimeoutError) else type(error).__name__)
    return without_secrets(" ".join(words.split()))
