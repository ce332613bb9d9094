"""`webinarctl team`: broker users for other teams, who hear what is public and nothing else."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Annotated, TypeVar

import aiohttp
import typer

from servicekit import teams
from servicekit.management import Management, ProvisioningError
from servicekit.operator.places import words_of
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, ask, counted, fail, say, show, warn
from servicekit.provision import default_management_url, vhost_of
from servicekit.teams import TeamExistsError, UnknownTeamError

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True, help="Other teams: a broker user each, with rights to public facts and its own queues."
)

_COLUMNS = {"name": "Team", "queues": "Queues", "waiting": "Waiting", "consumers": "Reading"}
_TROUBLE: tuple[type[BaseException], ...] = (
    TeamExistsError,
    UnknownTeamError,
    ProvisioningError,
    aiohttp.ClientError,
    TimeoutError,
)


def known_form(name: str) -> str:
    """Check a team's name."""
    if not teams.NAME.fullmatch(name):
        raise typer.BadParameter("small letters, digits and hyphens, a letter first, 31 at most")
    return name


Name = Annotated[str, typer.Argument(help="Small letters, digits, hyphens.", callback=known_form)]


@app.command()
def add(
    name: Name,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Give a team that is there another password.")
    ] = False,
    host: Annotated[
        str | None, typer.Option("--host", help="Where the team finds the broker: a name, or name:port.")
    ] = None,
) -> None:
    """Make a user for a team, and print its address with a fresh password: once, it is kept nowhere.

    Reads RABBITMQ_URL and RABBITMQ_MANAGEMENT_URL (the administrators').
    """
    password = secrets.token_hex(24)
    _do(partial(_add, name=name, password=password, again=new_password))
    say(teams.address_for(_broker_url(), name, password, host=host))
    warn(f"It reads public facts and webinars.history, and owns the queues {teams.user_of(name)}.*: docs/history.md")


async def _add(management: Management, vhost: str, *, name: str, password: str, again: bool) -> None:
    await teams.add_team(management, vhost, name, password, again=again)


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """Show the teams, their queues, and what waits in them."""
    found = _do(teams.all_teams)
    show([asdict(one) for one in found], _COLUMNS, as_json=as_json, nothing="There are no teams.")


@app.command()
def remove(name: Name, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False) -> None:
    """Take a team's user away, with its queues and what waits in them."""
    found = {one.name: one for one in _do(teams.all_teams)}
    if name not in found:
        fail(f"There is no team {name}.")
    what = f"{counted(found[name].queues, 'queue')} and {counted(found[name].waiting, 'message')}"
    ask(f"Remove team {name}, its {what}?", yes=yes)
    queues = _do(partial(_remove, name=name))
    warn(f"Team {name} is gone, with {counted(queues, 'queue')}.")


async def _remove(management: Management, vhost: str, *, name: str) -> int:
    return await teams.remove_team(management, vhost, name)


def _broker_url() -> str:
    url = OperatorSettings().rabbitmq_url
    if not url:
        fail("RABBITMQ_URL (the administrators') is not set: nobody else may make users.")
    return url


def _do(action: Callable[[Management, str], Awaitable[T]]) -> T:
    url = _broker_url()
    address = OperatorSettings().rabbitmq_management_url or default_management_url(url)

    async def done() -> T:
        async with Management(address) as management:
            return await action(management, vhost_of(url))

    try:
        return asyncio.run(done())
    except _TROUBLE as error:
        fail(words_of(error))
