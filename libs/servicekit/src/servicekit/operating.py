"""`webinarctl dead`, `outbox`, `snapshots`: what an operator sees, gives back, drops; with one service's settings."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, NoReturn, TypeVar

import typer
from contracts import SnapshotRequested
from contracts.topology import TOPIC_OF

from servicekit import dead_letters, relay
from servicekit.clock import HouseClock
from servicekit.database import Database
from servicekit.dead_letters import ReplayError
from servicekit.errors import DATABASE_TROUBLE

T = TypeVar("T")
_TIME = "%Y-%m-%d %H:%M:%S"
Queue = Annotated[str, typer.Argument(help="The queue, <service>.<topic>.")]
Numbers = Annotated[list[int], typer.Argument(help="Their numbers, as `list` shows them.")]

dead = typer.Typer(no_args_is_help=True, help="Dead letters: messages that a service could not handle.")
outbox = typer.Typer(no_args_is_help=True, help="Announcements that the broker refused time and again.")
snapshots = typer.Typer(no_args_is_help=True, help="Snapshots: let their owner announce them again.")


@dead.command("list")
def list_dead(queue: Annotated[str | None, typer.Option(help="Of this queue alone.")] = None, limit: int = 100) -> None:
    """Show the newest dead letters, one line each."""
    for letter in _do(lambda database: dead_letters.read_dead_letters(database, queue, limit=limit)):
        last = letter.error.strip().splitlines()[-1:] or [""]
        _say(f"{letter.id}  {letter.dead_at:{_TIME}}  {letter.queue}  {letter.message_id}  {letter.reason}: {last[0]}")


@dead.command("show")
def show_dead(number: Annotated[int, typer.Argument(help="Its number, as `list` shows it.")]) -> None:
    """Show one dead letter with its body and the whole error."""
    letters = _do(lambda database: dead_letters.read_dead_letters(database, number=number))
    if not letters:
        _fail(f"There is no dead letter {number}.")
    [letter] = letters
    about = {
        name: getattr(letter, name)
        for name in ("queue", "type", "message_id", "correlation_id", "app_id", "headers", "reason", "attempts")
    }
    _say(json.dumps(about, ensure_ascii=False, indent=2))
    _say(letter.body.decode(errors="replace"))
    _say(letter.error)


@dead.command("replay")
def replay_dead(queue: Queue, numbers: Numbers) -> None:
    """Give dead letters back to their own queue alone, with the same message ids."""
    given_back = _do(lambda database: dead_letters.replay(database, queue, numbers))
    _say(f"{len(given_back)} given back to {queue}.")


@dead.command("drop")
def drop_dead(queue: Queue, numbers: Numbers) -> None:
    """Delete dead letters for ever."""
    _say(f"{_do(lambda database: dead_letters.drop(database, queue, numbers))} dropped.")


@outbox.command("parked")
def list_parked(limit: int = 100) -> None:
    """Show announcements that were set aside, oldest first."""
    for row in _do(lambda database: relay.parked(database, limit=limit)):
        _say(f"{row['seq']}  {row['created_at']:{_TIME}}  {row['type']}  {row['message_id']}  {row['last_error']}")


@outbox.command("release")
def release_parked(numbers: Numbers) -> None:
    """Let the relay try parked announcements again."""
    _say(f"{_do(lambda database: relay.unpark(database, numbers))} released.")


@snapshots.command("ask")
def ask_for_snapshots(topic: Annotated[str, typer.Argument(help="The topic, for example webinar_event.")]) -> None:
    """Ask the owner of a topic to announce all of its present snapshots again (at most once a minute)."""
    known = sorted(one.name for one in TOPIC_OF.values() if one.kind == "snapshot")
    if topic not in known:
        _fail(f"{topic} is no topic of snapshots; there are {', '.join(known)}.")

    async def ask(database: Database) -> None:
        async with database.work() as work:
            work.announce(SnapshotRequested(topic_name=topic))

    _do(ask)
    _say(f"Asked for {topic}.")


def _do(action: Callable[[Database], Awaitable[T]]) -> T:
    url = os.environ.get("SERVICE_DATABASE_URL")
    if not url:
        _fail("SERVICE_DATABASE_URL is not set: it has to name the database of one service.")

    async def run() -> T:
        database = Database(str(url), HouseClock(), pool_size=2)
        await database.open()
        try:
            return await action(database)
        finally:
            await database.close()

    trouble: tuple[type[BaseException], ...] = (ReplayError, *DATABASE_TROUBLE)
    try:
        return asyncio.run(run())
    except trouble as error:
        _fail(str(error))


def _say(line: str) -> None:
    typer.echo(line)


def _fail(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(1)
