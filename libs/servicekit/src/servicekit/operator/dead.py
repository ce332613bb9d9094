"""`webinarctl dead`: what services could not handle: seen, given back, dropped."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from servicekit import dead_letters
from servicekit.database import Database
from servicekit.dead_letters import Choice, DeadLetter, ReplayError
from servicekit.errors import DATABASE_TROUBLE
from servicekit.operator.places import NoPlaceError, Place, Service, at, do_at, do_in_each, places, words_of
from servicekit.operator.showing import AsJson, ask, counted, fail, printable, readable, say, say_json, show, warn

app = typer.Typer(no_args_is_help=True, help="Dead letters: messages that a service could not handle.")
Queue = Annotated[str | None, typer.Argument(help="The queue, <service>.<topic>.")]
Numbers = Annotated[list[int] | None, typer.Argument(help="Their numbers, as `list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All that are there now: of the queue, else of every queue.")]
Reason = Annotated[
    str | None, typer.Option(help="With this reason alone: failed, invalid, delivery_limit, as `list` shows it.")
]
Type = Annotated[str | None, typer.Option("--type", help="Of this topic alone.")]
OfQueue = Annotated[str | None, typer.Option("--queue", help="Of this queue alone.")]
Limit = Annotated[int, typer.Option(min=1, help="No more than these, of each service.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_LONGEST_ERROR = 200
_COLUMNS = {
    "number": "No.",
    "dead_at": "Since",
    "queue": "Queue",
    "message_id": "Message",
    "why": "Why",
}


@app.command("list")
def list_dead(  # noqa: PLR0917 - options by name, to Typer
    queue: OfQueue = None,
    reason: Reason = None,
    type_: Type = None,
    service: Service = None,
    limit: Limit = 100,
    as_json: AsJson = False,
) -> None:
    """Show the newest dead letters, a line each."""
    choice = Choice(queue, reason, type_)

    async def read(place: Place, database: Database) -> tuple[list[dict[str, Any]], int]:
        found = await dead_letters.read_dead_letters(database, queue, reason=reason, type_=type_, limit=limit)
        return [_row(place, letter) for letter in found], (await dead_letters.count(database, choice))[0]

    found, complete = do_in_each(_service_of(queue, service), read)
    rows = sorted((row for part, _ in found for row in part), key=lambda row: row["dead_at"], reverse=True)
    total = sum(number for _, number in found)
    show(rows, _COLUMNS, as_json=as_json, nothing="No dead letters.", brief=("message_id",))
    if len(rows) < total:
        warn(f"{total:,} in all; the newest {len(rows):,} are shown (--limit).")
    if not complete:
        raise typer.Exit(1)


def _row(place: Place, letter: DeadLetter) -> dict[str, Any]:
    error = brief_error(letter)
    return {
        "number": letter.id,
        "service": place.service,
        "dead_at": letter.dead_at,
        "queue": letter.queue,
        "type": letter.type,
        "message_id": letter.message_id,
        "correlation_id": letter.correlation_id,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "error": error,
        "why": f"{letter.reason}: {error}",
    }


def brief_error(letter: DeadLetter) -> str:
    """Return an error in a line: of a traceback the last one, of what is not valid where and why, without the value."""
    lines = [line.partition(" [type=")[0].strip() for line in letter.error.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith("For further information visit")]
    return " ".join(telling[-1:] if letter.reason == "failed" else telling)[:_LONGEST_ERROR]


@app.command("show")
def show_dead(
    number: Annotated[int, typer.Argument(help="Its number, as `list` shows it.")],
    service: Service = None,
    as_json: AsJson = False,
) -> None:
    """Show one dead letter with its body and the whole error."""

    async def read(place: Place, database: Database) -> list[tuple[Place, DeadLetter]]:
        return [(place, letter) for letter in await dead_letters.read_dead_letters(database, number=number)]

    found = [one for part in do_in_each(service, read)[0] for one in part]
    if not found:
        fail(f"There is no dead letter {number}.")
    if len(found) > 1:
        names = ", ".join(place.service for place, _ in found)
        fail(f"There is a dead letter {number} in {names}: say which with --service.")
    [(place, letter)] = found
    about = {
        "number": letter.id,
        "service": place.service,
        "queue": letter.queue,
        "type": letter.type,
        "message_id": letter.message_id,
        "correlation_id": letter.correlation_id,
        "app_id": letter.app_id,
        "said_at": letter.said_at,
        "dead_at": letter.dead_at,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "headers": letter.headers,
    }
    body = letter.body.decode(errors="replace")
    if as_json:
        say_json({**about, "body": body, "error": letter.error})
        return
    width = max(map(len, about))
    for name, value in about.items():
        words = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else readable(value)
        say(f"{name.replace('_', ' '):<{width}}  {words if name != 'number' else value}")
    say("\n" + _indented(body) + "\n")
    for line in letter.error.splitlines():
        say(printable(line))


def _indented(body: str) -> str:
    try:
        return "\n".join(map(printable, json.dumps(json.loads(body), ensure_ascii=False, indent=2).splitlines()))
    except ValueError:
        return printable(body)


@app.command("replay")
def replay_dead(  # noqa: PLR0917 - options by name, to Typer
    queue: Queue = None,
    numbers: Numbers = None,
    all_: All = False,
    reason: Reason = None,
    type_: Type = None,
    service: Service = None,
) -> None:
    """Give dead letters back to their own queue alone, with the same message ids.

    Those with these numbers, or with --all every one that fits. Commands are never replayed: whoever asked was told
    long ago that nothing was done.
    """
    _check(queue, numbers, all_, reason, type_)
    if not all_:
        given_back = do_at(
            lambda: _the_place(queue, service),
            lambda database: dead_letters.replay(database, str(queue), numbers or []),
            ReplayError,
        )
        say(f"{len(given_back)} given back to {queue}.{_missing(len(given_back), numbers)}")
        return
    kept: Counter[str] = Counter()
    given = 0

    async def replay(place: Place, total: int, newest: int) -> None:
        nonlocal given
        async with _progress(place.service, total) as advance:

            async def slices(database: Database) -> None:
                nonlocal given
                last: int | None = 0
                while last is not None:
                    done = await dead_letters.replay_slice(database, choice, after=last, newest=newest)
                    given += done.given_back
                    kept.update(done.kept.values())
                    last = done.last
                    advance(done.given_back + len(done.kept))

            await at(place, slices)

    choice = Choice(queue, reason, type_)
    broken = False
    for place, total, newest in _counted(queue, service, choice):
        try:
            asyncio.run(replay(place, total, newest))
        except DATABASE_TROUBLE as trouble:
            broken = True
            warn(f"{place.service}: stopped in the middle, what was given back stays so: {words_of(trouble)}")
    say(f"{given:,} given back.")
    for why, times in kept.most_common(5):
        say(f"{times:,} left where they are: {why}.")
    if broken:
        raise typer.Exit(1)


@app.command("drop")
def drop_dead(  # noqa: PLR0917 - options by name, to Typer
    queue: Queue = None,
    numbers: Numbers = None,
    all_: All = False,
    reason: Reason = None,
    type_: Type = None,
    service: Service = None,
    yes: Yes = False,
) -> None:
    """Delete dead letters for ever: those with these numbers, or with --all every one that fits. Asks first."""
    _check(queue, numbers, all_, reason, type_)
    if not all_:
        ask(f"Delete {counted(len(numbers or []), 'dead letter')} of {queue} for ever?", yes=yes)
        dropped = do_at(
            lambda: _the_place(queue, service),
            lambda database: dead_letters.drop(database, str(queue), numbers or []),
        )
        say(f"{dropped} dropped.{_missing(dropped, numbers)}")
        return
    choice = Choice(queue, reason, type_)
    found = [one for one in _counted(queue, service, choice) if one[1]]
    total = sum(number for _, number, _ in found)
    if not total:
        say("0 dropped.")
        return
    services = ", ".join(place.service for place, _, _ in found)
    ask(f"Delete {counted(total, 'dead letter')} of {services} for ever?", yes=yes)
    dropped = 0
    for place, _, newest in found:

        async def drop(database: Database, newest: int = newest) -> int:
            return await dead_letters.drop_all(database, choice, newest=newest)

        dropped += do_at(lambda place=place: place, drop)  # type: ignore[misc]
    say(f"{dropped:,} dropped.")


def _check(queue: str | None, numbers: list[int] | None, all_: bool, reason: str | None, type_: str | None) -> None:
    if all_ and numbers:
        raise typer.BadParameter("say numbers or --all, not both")
    if not all_ and not (queue and numbers):
        raise typer.BadParameter("name a queue and numbers, as `webinarctl dead list` shows them, or --all")
    if numbers and (reason or type_):
        raise typer.BadParameter("--reason and --type choose among --all")


def _service_of(queue: str | None, service: str | None) -> str | None:
    """Return whose dead letters a queue has: each service keeps those of its own queues."""
    if queue is None or service is not None:
        return service
    owner = queue.partition(".")[0]
    try:
        return owner if any(place.service == owner for place in places()) else None
    except NoPlaceError:
        return None


def _the_place(queue: str | None, service: str | None) -> Place:
    found = places(_service_of(queue, service))
    if len(found) > 1:
        raise NoPlaceError(f"{queue} is no queue of a service that is known here: say whose with --service.")
    return found[0]


def _counted(queue: str | None, service: str | None, choice: Choice) -> list[tuple[Place, int, int]]:
    async def count(place: Place, database: Database) -> tuple[Place, int, int]:
        return place, *await dead_letters.count(database, choice)

    found, complete = do_in_each(_service_of(queue, service), count)
    if not complete:
        fail("Nothing was done.")
    return found


def _missing(done: int, numbers: list[int] | None) -> str:
    missing = len(set(numbers or [])) - done
    return f" {missing} of the numbers are not there (any more)." if missing else ""


@asynccontextmanager
async def _progress(service: str, total: int) -> AsyncIterator[Callable[[int], None]]:
    """Show a person how far it is; a program is told at the end."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty() or not total) as progress:
        task = progress.add_task(service, total=total)
        yield lambda number: progress.advance(task, number)
