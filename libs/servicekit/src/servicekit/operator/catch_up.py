"""`webinarctl catch-up`: queues that were not there get from the history what they missed."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from servicekit.catching_up import (
    CatchUpError,
    Given,
    Missed,
    Wanted,
    give_back,
    look,
    queue_named,
    refuse_before_its_beginning,
    refuse_without,
)
from servicekit.errors import BROKER_AWAY
from servicekit.history import HistoryError, Start
from servicekit.operator.broker import connected
from servicekit.operator.history import FORMS, moment_of, start_of
from servicekit.operator.places import words_of
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, ask, counted, fail, say, say_json, show, warn
from servicekit.publisher import Link

T = TypeVar("T")
_COLUMNS = {
    "queue": "Queue",
    "topic": "Topic",
    "facts": "Facts",
    "first_said_at": "First said",
    "last_said_at": "Last said",
}


def catch_up(  # noqa: PLR0917 - options by name, to Typer
    queues: Annotated[list[str], typer.Argument(metavar="QUEUE", help="Queues that were missing: <service>.<topic>.")],
    since: Annotated[
        str, typer.Option("--since", help=f"Since when they were: {FORMS}, `first`, or the number of a message.")
    ],
    until: Annotated[
        str | None, typer.Option("--until", help=f"What was said before: {FORMS}; else up to now.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what they would get, and give nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give queues that were deleted, and are there again, the public facts that they missed; nobody else gets them.

    Reads RABBITMQ_URL (the administrators'). What was handled before changes nothing when it comes again, so rather say
    an earlier time. Broken off, it may be repeated, or goes on from the number that it names.
    """
    url = OperatorSettings().rabbitmq_url
    if not url:
        fail("RABBITMQ_URL (the administrators') is not set.")
    now = datetime.now(UTC)
    try:
        start, from_when = start_of(since, now)
        wanted = Wanted(tuple(map(queue_named, dict.fromkeys(queues))), moment_of(until, now) if until else None)
    except (ValueError, OverflowError):
        fail(f"--since and --until take {FORMS}; --since also `first` or the number of a message.", 2)
    except CatchUpError as error:
        fail(str(error), 2)

    if sys.stderr.isatty():
        warn("Reading the history …")
    missed = _do(lambda: _look(url, wanted, start, from_when))
    parts = [asdict(part) for part in missed.parts]
    if not as_json:
        some = [part for part in parts if part["facts"]]
        show(some, _COLUMNS, as_json=False, nothing="", brief=("topic",))
    if not missed.facts:
        warn("Nothing was said in that time that they are to get.")
    given = Given()
    if missed.facts and not dry_run:
        names = ", ".join(part.queue for part in missed.parts if part.facts)
        ask(f"Give {counted(missed.facts, 'fact')} back to {names}?", yes=yes)
        _do(lambda: _give(url, wanted, missed, given), given)
    if as_json:
        say_json({"given_back": given.facts, "queues": parts})
    elif not dry_run:
        say(f"{given.facts:,} given back.")


async def _look(url: str, wanted: Wanted, start: Start, since: datetime | None) -> Missed:
    async with connected(url) as connection:
        await refuse_without(connection, wanted.queues)
        await refuse_before_its_beginning(connection, start, since)
        return await look(connection, wanted, start)


async def _give(url: str, wanted: Wanted, missed: Missed, given: Given) -> None:
    link = Link(url)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("given back", total=missed.facts)
        given.told = lambda number: progress.advance(task, number)
        try:
            async with connected(url) as connection:
                await give_back(connection, link, wanted, missed, given)
        finally:
            await link.close()


def _do(action: Callable[[], Awaitable[T]], given: Given | None = None) -> T:
    """Do a part of it; what goes wrong is said in a line, with how far it has come."""

    async def done() -> T:
        return await action()

    try:
        return asyncio.run(done())
    except KeyboardInterrupt:
        fail("Broken off." + _how_far(given))
    except (CatchUpError, HistoryError) as error:
        fail(str(error) + _how_far(given))
    except BROKER_AWAY as trouble:
        fail(f"The broker cannot be used: {words_of(trouble)}" + _how_far(given))


def _how_far(given: Given | None) -> str:
    if given is None or not given.facts:
        return ""
    return f" {given.facts:,} were given back; go on with --since {given.go_on_from}."
