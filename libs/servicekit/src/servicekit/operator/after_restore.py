"""`webinarctl after-restore`: settle what a restore leaves doubtful, before the services start."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Annotated

import typer

from servicekit import after_restore as restoring
from servicekit.after_restore import Settled, StillRunningError
from servicekit.errors import BROKER_AWAY, DATABASE_TROUBLE
from servicekit.operator.places import NoPlaceError, Place, Service, at, places, words_of
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, ask, fail, say_json, show, warn

_COLUMNS = {"service": "Service", "count": "How many", "what": "What", "advice": "What to do"}
_TROUBLE: tuple[type[BaseException], ...] = (StillRunningError, *BROKER_AWAY, *DATABASE_TROUBLE)


@dataclass
class Outcome:
    """What was settled by now or before, what could not be done here, and how many messages were thrown away."""

    settled: list[Settled] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    thrown_away: int | None = None


def after_restore(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    service: Service = None,
    keep_queues: Annotated[
        bool, typer.Option("--keep-queues", help="Leave what waits at the broker: it is of the same time.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what an earlier run has settled.")] = False,
    as_json: AsJson = False,
) -> None:
    """Settle what a restore leaves doubtful; run it after `provision` and before the services start. Safe to repeat.

    With DATABASE_URL all services are settled, and with RABBITMQ_URL the queues are emptied: what waits there is of a
    time that the databases do not know. With a service's own settings, or --service, that database alone.
    """
    try:
        found = places(service)
    except NoPlaceError as error:
        fail(str(error))
    broker_url = OperatorSettings().rabbitmq_url if len(found) > 1 and not keep_queues else None
    names = ", ".join(place.service for place in found)
    queues = " Everything that waits in the queues is thrown away." if broker_url else ""
    ask(f"Settle the restored databases of {names}?{queues}", yes=yes)
    try:
        outcome = asyncio.run(_settle(found, broker_url, again=again))
    except _TROUBLE as error:
        fail(f"Not settled: {words_of(error)}")
    _tell(outcome, as_json=as_json)
    if outcome.elsewhere:
        raise typer.Exit(1)


async def _settle(found: Sequence[Place], broker_url: str | None, *, again: bool) -> Outcome:
    outcome = Outcome()
    pending: list[Place] = []
    for place in found:
        before = None if again else await at(place, partial(restoring.settled_before, service=place.service))
        if before is not None:
            outcome.settled.append(before)
        elif restoring.is_installed(place.service):
            pending.append(place)
        else:
            outcome.elsewhere.append(place.service)
    for place in pending:
        await at(place, partial(restoring.refuse_while_at_work, service=place.service))
    if broker_url and pending:
        outcome.thrown_away = await restoring.empty_queues(broker_url)
    for place in pending:
        outcome.settled.append(await at(place, partial(restoring.settle, service=place.service)))
    return outcome


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        say_json(asdict(outcome))
    else:
        rows = [
            {"service": one.service, **asdict(finding)}
            for one in outcome.settled
            for finding in one.findings
            if finding.count or finding.advice
        ]
        show(rows, _COLUMNS, as_json=False, nothing="There was nothing to settle.")
    for one in outcome.settled:
        if one.before:
            warn(f"{one.service}: was settled at {one.settled_at:%Y-%m-%d %H:%M:%S} UTC; nothing was done now.")
    if outcome.thrown_away is not None:
        warn(f"{outcome.thrown_away} messages that waited in the queues were thrown away.")
    for service in outcome.elsewhere:
        warn(f"{service} is not installed here and was not settled: run this command once more in its own image.")
