"""The doctor's look at databases: reached, at the newest schema, what waits in them, and their server's clock."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg
from alembic.script import ScriptDirectory

from servicekit.clock import HouseClock
from servicekit.errors import DATABASE_TROUBLE
from servicekit.migrations import KIT_VERSION_TABLE, SERVICE_VERSION_TABLE
from servicekit.operator.findings import Finding, Report, State
from servicekit.operator.places import Place, role_of, words_of
from servicekit.operator.showing import counted

Check = Callable[[Report], Awaitable[None]]

CONNECT_SECONDS = 3.0
OLDEST_SECONDS = 60.0
"""An announcement that has waited longer does not reach the broker."""
CLOCKS_APART_SECONDS = 2.0

_WAITING = """
select count(*) filter (where parked_at is null) as waiting, count(*) filter (where parked_at is not null) as parked,
       coalesce(extract(epoch from clock_timestamp() - min(created_at) filter (where parked_at is null)), 0)::float8
           as oldest,
       (select count(*) from dead_letter) as dead
from outbox
"""


def database(place: Place) -> Check:
    """Look at one service's database."""

    async def check(report: Report) -> None:
        try:
            connection = await _connect(place.url)
        except DATABASE_TROUBLE as trouble:
            report.add(_away(place, trouble))
            return
        try:
            if await _schema(place, connection, report):
                await _backlog(place, connection, report)
        except DATABASE_TROUBLE as trouble:
            report.add(_away(place, trouble))
        finally:
            connection.terminate()

    return check


async def _connect(url: str) -> Any:
    return await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=CONNECT_SECONDS)


def _away(place: Place, trouble: BaseException) -> Finding:
    missing = isinstance(trouble, asyncpg.InvalidCatalogNameError | asyncpg.InvalidParameterValueError)
    advice = "Run `webinarctl provision`." if missing else "Start the database server, or correct its address."
    if isinstance(trouble, asyncpg.InvalidAuthorizationSpecificationError):
        advice = "Correct user and password, or run `webinarctl provision` with them."
    return Finding(f"{place.service}: database", State.BROKEN, f"cannot be used: {words_of(trouble)}", advice)


async def _schema(place: Place, connection: Any, report: Report) -> bool:
    """Look whether the newest migrations are there; returns whether there is a schema at all."""
    what = f"{place.service}: database"
    present = {
        name: await connection.fetchval("select to_regclass($1) is not null", name)
        for name in (KIT_VERSION_TABLE, SERVICE_VERSION_TABLE)
    }
    if not present[KIT_VERSION_TABLE]:
        words = "is empty: its service has never run on it"
        report.add(Finding(what, State.BROKEN, words, f"Start {place.service}: it makes its tables itself."))
        return False
    package = role_of(place.service)
    folders = {KIT_VERSION_TABLE: Path(str(files("servicekit") / "kit_migrations"))}
    if present[SERVICE_VERSION_TABLE] and find_spec(package) is not None:
        folders[SERVICE_VERSION_TABLE] = Path(str(files(package) / "migrations"))
    behind, newer = False, False
    for table, folder in folders.items():
        scripts = ScriptDirectory(str(folder))
        rows = await connection.fetch(f'select version_num from "{table}"')  # noqa: S608 - constants
        known = {script.revision for script in scripts.walk_revisions()}
        found = {row["version_num"] for row in rows}
        newer = newer or bool(found - known)
        behind = behind or (found != set(scripts.get_heads()) and not found - known)
    if behind:
        words = "its tables are older than this release"
        report.add(Finding(what, State.BROKEN, words, f"Restart {place.service} with this release: it migrates."))
    elif newer:
        words = "its tables are newer than this release"
        report.add(Finding(what, State.ATTENTION, words, "Bring everything here to the newer release."))
    elif SERVICE_VERSION_TABLE not in folders:
        report.add(Finding(what, State.OK, "reached (its own tables are not known here)"))
    else:
        report.add(Finding(what, State.OK, "reached, with the newest tables"))
    return True


async def _backlog(place: Place, connection: Any, report: Report) -> None:
    service, row = place.service, await connection.fetchrow(_WAITING)
    words = f"{counted(row['waiting'], 'announcement')} waiting, the oldest for {_length(row['oldest'])}"
    if row["oldest"] > OLDEST_SECONDS:
        advice = f"They do not reach the broker: is {service} running, and the broker without alarms?"
        report.add(Finding(f"{service}: outbox", State.BROKEN, words, advice))
    else:
        report.add(Finding(f"{service}: outbox", State.OK, words if row["waiting"] else "empty"))
    if row["parked"]:
        words = f"{counted(row['parked'], 'announcement')} refused by the broker and set aside"
        advice = f"See why: `webinarctl outbox parked --service {service}`; then `release` them."
        report.add(Finding(f"{service}: set aside", State.ATTENTION, words, advice))
    if row["dead"]:
        words = f"{counted(row['dead'], 'message')} could not be handled"
        advice = f"See why: `webinarctl dead list --service {service}`; then `replay` or `drop` them."
        report.add(Finding(f"{service}: dead letters", State.ATTENTION, words, advice))


def clocks(place: Place) -> Check:
    """Compare this host's clock with the database server's, and with the house clock that follows it."""

    async def check(report: Report) -> None:
        try:
            connection = await _connect(place.url)
        except DATABASE_TROUBLE:
            # Said already, of the database.
            return
        clock = HouseClock()
        try:
            await clock.synchronise(connection)
            here, house = datetime.now(UTC), clock.now()
            server = await connection.fetchval("select clock_timestamp()")
        finally:
            connection.terminate()
        report.add(clock_finding((here - house).total_seconds(), (house - server).total_seconds()))

    return check


def clock_finding(apart: float, follows: float) -> Finding:
    """Return the words for how far this host is ahead of the house clock, and that of the database server."""
    words = (
        f"this host is {_length(abs(apart))} {'ahead of' if apart > 0 else 'behind'} the database server; "
        f"the house clock follows it within {_length(abs(follows))}"
    )
    if abs(apart) <= CLOCKS_APART_SECONDS:
        return Finding("clocks", State.OK, words)
    advice = "Nothing is decided by this host's clock, but its logs mislead: let it be set by the network (NTP)."
    return Finding("clocks", State.ATTENTION, words, advice)


def _length(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
