"""`webinarctl doctor`: is everything there, and does it move; each finding with what to do about it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import entry_points
from typing import Any

import typer

from servicekit.operator import checks_of_broker, checks_of_databases, checks_of_teams
from servicekit.operator.findings import Finding, Report, State
from servicekit.operator.places import NoPlaceError, Service, places
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, fail, say_json, show
from servicekit.provision import default_management_url, vhost_of

CHECKS = "webinarctl.checks"
"""Entry points of services that look at what they alone know: `async (Report) -> None`."""
LIMIT_SECONDS = 6.0

_COLUMNS = {"state": "", "what": "What", "words": "Finding", "advice": "What to do"}


def doctor(service: Service = None, as_json: AsJson = False) -> None:
    """Look at servers, queues, databases, backlogs, the bot and the clocks. Exit code 1: something is broken.

    With DATABASE_URL and RABBITMQ_URL (administrators) everything is looked at, with the settings of one service what
    that service uses. Nothing is changed.
    """
    report = asyncio.run(look(service))
    if as_json:
        say_json({"ok": not report.is_broken, "findings": report.rows(), "not_looked_at": report.not_looked_at})
    else:
        show(_shown(report), _COLUMNS, as_json=False, nothing="There was nothing to look at.", brief=("advice",))
        for words in report.not_looked_at:
            typer.echo(f"Not looked at: {words}", err=True)
    if report.is_broken:
        raise typer.Exit(1)


def _shown(report: Report) -> Sequence[dict[str, Any]]:
    """Return the findings, for a person with the advice below each: side by side both would be narrow."""
    rows = report.rows()
    if not sys.stdout.isatty():
        return rows
    return [{**row, "words": "\n→ ".join(filter(None, [row["words"], row["advice"]]))} for row in rows]


async def look(service: str | None) -> Report:
    """Make every check at once; one that takes too long is a finding."""
    report = Report()
    checks: list[tuple[str, Callable[[Report], Awaitable[None]]]] = []
    try:
        found = places(service)
    except NoPlaceError as error:
        fail(str(error))
    settings = OperatorSettings()
    broker_url = settings.rabbitmq_url
    # With one service's settings what only administrators may see is left out.
    as_administrator = not settings.service_database_url or not settings.service_rabbitmq_url
    if not (as_administrator and broker_url):
        as_administrator, broker_url = False, settings.service_rabbitmq_url
    services = [place.service for place in found]
    if broker_url:
        checks.append(("broker", checks_of_broker.queues(broker_url, services, with_delays=as_administrator)))
    else:
        report.leave_out("the broker and its queues (RABBITMQ_URL or SERVICE_RABBITMQ_URL)")
    management_url = settings.rabbitmq_management_url
    if management_url or (as_administrator and broker_url):
        address = management_url or default_management_url(str(broker_url))
        checks.append(("broker: alarms", checks_of_broker.alarms(address)))
        if as_administrator and broker_url:
            checks.append(("broker: teams", checks_of_teams.queues(address, vhost_of(broker_url))))
    else:
        report.leave_out("the broker's alarms (RABBITMQ_MANAGEMENT_URL)")
    checks += [(place.service, checks_of_databases.database(place)) for place in found]
    checks.append(("clocks", checks_of_databases.clocks(found[0])))
    for entry in entry_points(group=CHECKS):
        if service in {None, entry.name.partition(".")[0]}:
            checks.append((entry.name.replace(".", ": "), entry.load()))
    await asyncio.gather(*(_within_the_limit(name, check, report) for name, check in checks))
    return report


async def _within_the_limit(name: str, check: Callable[[Report], Awaitable[None]], report: Report) -> None:
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            await check(report)
    except TimeoutError:
        report.add(Finding(name, State.BROKEN, "it does not answer", "See whether the server hangs, or the network."))
