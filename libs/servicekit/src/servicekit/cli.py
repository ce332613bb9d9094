"""`webinarctl`: the operator's command line.

Services add commands by the entry point group `webinarctl.commands`: groups of them, or single functions.
"""

import asyncio
import logging
import os
import secrets
from importlib.metadata import entry_points

import aiohttp
import typer
from contracts.topology import SERVICES
from pydantic import ValidationError
from rich.console import Console

from servicekit.errors import BROKER_AWAY, DATABASE_TROUBLE
from servicekit.logs import configure, without_secrets
from servicekit.management import ProvisioningError
from servicekit.operator import after_restore, catch_up, dead, doctor, follow, history, outbox, snapshots, team
from servicekit.operator.settings import ProvisionSettings
from servicekit.provision import (
    Login,
    default_management_url,
    provision_broker_users,
    provision_retention,
    provision_teams,
    provision_topology,
    vhost_of,
)
from servicekit.service_databases import provision_databases
from servicekit.tokens import new_key

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run a webinar platform.")
app.command("doctor")(doctor.doctor)
app.command("follow")(follow.follow)
app.command("history")(history.history)
app.command("catch-up")(catch_up.catch_up)
app.add_typer(team.app, name="team")
app.add_typer(dead.app, name="dead")
app.add_typer(outbox.app, name="outbox")
app.command("snapshots")(snapshots.snapshots)
app.command("after-restore")(after_restore.after_restore)
console = Console(stderr=True, markup=False, highlight=False)

_TROUBLE: tuple[type[BaseException], ...] = (ProvisioningError, aiohttp.ClientError, *BROKER_AWAY, *DATABASE_TROUBLE)


@app.callback()
def root() -> None:
    """Run a webinar platform."""


@app.command()
def provision() -> None:
    """Make queues, databases and users, or correct them; safe to repeat.

    Reads DATABASE_URL and RABBITMQ_URL (administrators), RABBITMQ_MANAGEMENT_URL, and a password for each service;
    HISTORY_DAYS (90) and HISTORY_MEGABYTES (2000) say how much of the history is kept.
    """
    logins = [Login(service, _required(f"{service.replace('-', '_').upper()}_PASSWORD")) for service in SERVICES]
    broker_url, database_url = _required("RABBITMQ_URL"), _required("DATABASE_URL")
    try:
        settings = ProvisionSettings()
    except ValidationError as error:
        for one in error.errors():
            console.print(f"{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}. See docs/settings.md.", style="red")
        raise typer.Exit(2) from error
    try:
        count = asyncio.run(_provision(broker_url, database_url, settings, logins))
    except _TROUBLE as error:
        console.print(f"Not provisioned: {without_secrets(str(error))}", style="red")
        raise typer.Exit(1) from error
    console.print(f"Provisioned: {count} queues, {len(logins)} databases and users.")


async def _provision(broker_url: str, database_url: str, settings: ProvisionSettings, logins: list[Login]) -> int:
    management_url = settings.rabbitmq_management_url or default_management_url(broker_url)
    vhost = vhost_of(broker_url)
    await provision_databases(database_url, logins)
    # Before the stream is there, so that it never grows without a limit.
    await provision_retention(management_url, vhost, settings.kept)
    count = await provision_topology(broker_url, retry_scale=settings.retry_scale)
    await provision_broker_users(management_url, vhost, logins)
    await provision_teams(management_url, vhost)
    return count


@app.command()
def keys(kid: str = typer.Option("1", help="A name for the pair, to tell it from the next one.")) -> None:
    """Print a fresh pair of command keys as settings."""
    signing, verify = new_key(kid)
    print(f"COMMAND_SIGNING_KEY={signing}")
    print(f"COMMAND_VERIFY_KEYS={verify}")


@app.command()
def env() -> None:
    """Print fresh secrets for docker compose, to be kept in a file `.env` that nobody else can read."""
    for name in ("RABBITMQ_ADMIN", "POSTGRES_ADMIN", *(service.replace("-", "_").upper() for service in SERVICES)):
        print(f"{name}_PASSWORD={secrets.token_hex(24)}")
    print(f"GRAFANA_ADMIN_PASSWORD={secrets.token_hex(16)}")
    print(f"SESSION_KEYS={secrets.token_hex(32)}")
    keys("1")


def _required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        console.print(f"{name} is not set. See docs/settings.md.", style="red")
        raise typer.Exit(2)
    return value


def main() -> None:
    """The entry point: the kit's commands and those of the services that are installed."""
    configure("webinarctl", form="console", level="ERROR", instance_id=f"webinarctl-{os.getpid()}")
    for library in ("aio_pika", "aiormq"):
        # What they complain of reaches the operator as the answer.
        logging.getLogger(library).setLevel(logging.CRITICAL)
    for entry in sorted(entry_points(group="webinarctl.commands"), key=lambda found: found.name):
        command = entry.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name)
        else:
            app.command(entry.name)(command)
    app()


if __name__ == "__main__":
    main()
