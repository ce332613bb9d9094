"""`webinarctl account`: accounts from the command line, announced through the outbox like any other change."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError
from rich.console import Console
from servicekit import Database, HouseClock
from servicekit.errors import DATABASE_TROUBLE
from servicekit.migrations import migrate
from servicekit.operator.places import NoPlaceError, place_of, words_of
from servicekit.operator.showing import AsJson, fail, show

from room_ui.accounts.accounts import Accounts
from room_ui.accounts.domain import AccountRefused, new_account
from room_ui.accounts.importing import ImportRow, Kind
from room_ui.accounts.repository import Account, Wanted
from room_ui.accounts.sessions import Sessions
from room_ui.accounts.writing import Added
from room_ui.settings import RoomUiSettings

app = typer.Typer(no_args_is_help=True, help="Accounts: add, list, deactivate, import.")
errors = Console(stderr=True, highlight=False)
T = TypeVar("T")

_UNUSED = "not-used-by-the-command-line"
_HEADINGS = {
    "login": "Login", "account_id": "Account", "role": "Role", "state": "State", "name": "Name", "partner": "Partner",
}  # fmt: skip


def _settings() -> RoomUiSettings:
    """Read the settings; only the way to the database is needed, BASE_URL for the addresses of one-time links."""
    try:
        place = place_of("room-ui")
    except NoPlaceError as error:
        fail(str(error), 2)
    return RoomUiSettings(
        service_database_url=place.url,
        service_rabbitmq_url=os.environ.get("SERVICE_RABBITMQ_URL") or "amqp://unused",
        base_url=os.environ.get("BASE_URL") or "http://localhost",
        session_keys=os.environ.get("SESSION_KEYS") or _UNUSED,
        command_signing_key=os.environ.get("COMMAND_SIGNING_KEY") or _UNUSED,
    )


async def _with_accounts(settings: RoomUiSettings, work: Callable[[Accounts], Awaitable[T]]) -> T:
    await migrate(settings.service_database_url, "room_ui")
    clock = HouseClock()
    database = Database(settings.service_database_url, clock, pool_size=2)
    await database.open()
    try:
        sessions = Sessions(settings)
        accounts = Accounts(settings, sessions)
        for part in (sessions, accounts):
            part.open(database, clock)
        return await work(accounts)
    finally:
        await database.close()


def _run(work: Callable[[Accounts], Awaitable[T]]) -> T:
    """Do `work` on the accounts; what goes wrong is said in a line, and the exit code is 1."""
    try:
        return asyncio.run(_with_accounts(_settings(), work))
    except AccountRefused as refused:
        errors.print(f"[red]Nothing was changed.[/] {refused.field}: {refused.message}", markup=True)
    except ValidationError as error:
        errors.print("[red]A setting is wrong:[/]", str(error.errors()[0]["msg"]))
    except DATABASE_TROUBLE as error:
        errors.print("[red]The database cannot be used:[/]", words_of(error))
    raise typer.Exit(1)


def _print_added(added: list[Added]) -> None:
    settings = _settings()
    for one in added:
        line = f"{one.login}\t{one.account_id}"
        if one.link_token:
            line += f"\t{settings.origin}/account/link/{one.link_token}"
        typer.echo(line)


@app.command()
def add(  # noqa: PLR0917 - options by name, to Typer
    login: Annotated[str, typer.Option(help="What they sign in with.")],
    name: Annotated[str, typer.Option(help="How others see them.")],
    role: Annotated[str, typer.Option(help="admin, speaker, partner or candidate.")],
    partner: Annotated[str | None, typer.Option(help="Login of the partner who invited them.")] = None,
    locale: Annotated[str, typer.Option(help="ru or en.")] = "ru",
    country: Annotated[str | None, typer.Option(help="Two letters, such as RU.")] = None,
    contact_telegram: Annotated[str | None, typer.Option(help="Contact card: Telegram user name.")] = None,
    contact_phone: Annotated[str | None, typer.Option(help="Contact card: phone number.")] = None,
    contact_link: Annotated[str | None, typer.Option(help="Contact card: an https address.")] = None,
    contact_photo_url: Annotated[str | None, typer.Option(help="Contact card: https address of a photo.")] = None,
    contact_note: Annotated[str | None, typer.Option(help="Contact card: a few words.")] = None,
    password_env: Annotated[
        str | None, typer.Option(help="Environment variable with the password; without: a one-time link is printed.")
    ] = None,
) -> None:
    """Add an account and print its login, its id, and its one-time link if it has no password."""
    password = os.environ.get(password_env) if password_env else None
    if password_env and not password:
        errors.print(f"[red]{password_env} is not set.[/]")
        raise typer.Exit(2)
    given = {
        "login": login,
        "name": name,
        "role": role,
        "partner": partner,
        "locale": locale,
        "country": country,
        "telegram": contact_telegram,
        "phone": contact_phone,
        "link": contact_link,
        "photo_url": contact_photo_url,
        "note": contact_note,
    }

    async def work(accounts: Accounts) -> Added:
        return await accounts.add(new_account(given), password=password)

    _print_added([_run(work)])


@app.command("list")
def list_accounts(
    search: Annotated[str, typer.Option(help="Part of a login or name.")] = "", as_json: AsJson = False
) -> None:
    """Print the accounts: login, id, role, active or not, name, partner's name."""

    async def work(accounts: Accounts) -> list[Account]:
        found: list[Account] = []
        while page := await accounts.list(Wanted(search), after=found[-1].login if found else "", limit=500):
            found += page
        return found

    rows = [
        {
            "login": account.login,
            "account_id": account.account_id,
            "role": str(account.role),
            "state": "active" if account.active else "inactive",
            "name": account.display_name,
            "partner": account.partner_name or "-",
        }
        for account in _run(work)
    ]
    show(rows, _HEADINGS, as_json=as_json, nothing="There is no such account." if search else "There is no account.")


async def _named(accounts: Accounts, login: str) -> Account:
    account = await accounts.find(login)
    if account is None:
        raise AccountRefused("login", f"there is no account {login!r}")
    return account


@app.command()
def deactivate(login: Annotated[str, typer.Option(help="Whose account.")]) -> None:
    """Deactivate an account: it is signed out everywhere, and gets no more messages."""

    async def work(accounts: Accounts) -> None:
        await accounts.set_active((await _named(accounts, login)).account_id, active=False)

    _run(work)
    typer.echo(f"{login} is deactivated.")


@app.command()
def activate(login: Annotated[str, typer.Option(help="Whose account.")]) -> None:
    """Activate an account again."""

    async def work(accounts: Accounts) -> None:
        await accounts.set_active((await _named(accounts, login)).account_id, active=True)

    _run(work)
    typer.echo(f"{login} is active.")


@app.command()
def link(login: Annotated[str, typer.Option(help="Whose account.")]) -> None:
    """Print a one-time link that signs its holder in; good for 72 hours."""

    async def work(accounts: Accounts) -> Added:
        account = await _named(accounts, login)
        return Added(account.login, account.account_id, await accounts.new_link(account.account_id))

    _print_added([_run(work)])


def _outcome(row: ImportRow) -> str:
    if row.kind is not Kind.CHANGED:
        return row.problem or str(row.kind)
    return ", ".join(f"{change.field}: {change.old or '-'} -> {change.new or '-'}" for change in row.changes)


@app.command("import")
def import_accounts(
    file: Annotated[Path, typer.Argument(help="A CSV file with the columns login, name, role, and others.")],
    confirm: Annotated[bool, typer.Option("--yes", help="Do it; without: only show what would be.")] = False,
) -> None:
    """Show what a CSV file would make and change, and do it with --yes: all of it, or nothing.

    An account that exists gets what the columns of the file say; a column that is not there changes nothing.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        errors.print("[red]The file cannot be read:[/]", str(error))
        raise typer.Exit(2) from error
    preview = _run(lambda accounts: accounts.preview_import(text))
    for row in preview.rows:
        typer.echo(f"{row.line}\t{row.login}\t{row.role}\t{_outcome(row)}")
    if not preview.is_good:
        errors.print(f"[red]Nothing was changed.[/] {preview.problem or 'Rows are wrong; see above.'}")
        raise typer.Exit(1)
    if confirm:
        _, added = _run(lambda accounts: accounts.import_csv(text))
        _print_added(added)
    else:
        made, changed = preview.count(Kind.NEW), preview.count(Kind.CHANGED)
        errors.print(f"{made} accounts would be made, {changed} changed; repeat with --yes to do it.")
