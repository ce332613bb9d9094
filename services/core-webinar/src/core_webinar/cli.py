"""`webinarctl core`: what an operator does to a webinar. The running service announces it."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import asyncpg
import typer
from contracts import CommandError, CommandReply, ErrorCode
from servicekit import Database, HouseClock
from servicekit.operator.places import NoPlaceError, place_of, words_of
from servicekit.operator.showing import fail

from core_webinar import domain, repository
from core_webinar.domain import Authorship
from core_webinar.recording import record

app = typer.Typer(name="core", help="Pause, resume and archive webinars.", no_args_is_help=True)

REFUSED = 1
UNAVAILABLE = 3

Step = Callable[[domain.Webinar, datetime], domain.Decision]
WebinarId = Annotated[UUID, typer.Argument(help="the webinar's id")]
AsJson = Annotated[bool, typer.Option("--json", help="answer with one JSON object")]
Reason = Annotated[str | None, typer.Option("--reason", help="why, for the audit trail", show_default=False)]


@app.command("pause")
def pause(webinar_id: WebinarId, reason: Reason = None, as_json: AsJson = False) -> None:
    """Pause a live webinar: watching time stops, nobody completes."""
    _do("paused", domain.pause, webinar_id, reason, as_json)


@app.command("resume")
def resume(webinar_id: WebinarId, reason: Reason = None, as_json: AsJson = False) -> None:
    """Let a paused webinar go on."""
    _do("live again", domain.resume, webinar_id, reason, as_json)


@app.command("archive")
def archive(webinar_id: WebinarId, reason: Reason = None, as_json: AsJson = False) -> None:
    """Archive a finished webinar: it can never be changed again."""
    _do("archived", domain.archive, webinar_id, reason, as_json)


def _do(outcome: str, step: Step, webinar_id: UUID, reason: str | None, as_json: bool) -> None:
    try:
        place = place_of("core-webinar")
    except NoPlaceError as error:
        fail(str(error), UNAVAILABLE)
    reply, code = asyncio.run(_take(place.url, step, webinar_id, reason))
    if as_json:
        typer.echo(reply.model_dump_json(by_alias=True, exclude_none=True))
    elif reply.error is not None:
        typer.echo(f"Refused ({reply.error.code}): {reply.error.message}", err=True)
    elif reply.webinar is not None:
        typer.echo(f"{reply.webinar.title or webinar_id} is {outcome}.")
    raise typer.Exit(code)


async def _take(url: str, step: Step, webinar_id: UUID, reason: str | None) -> tuple[CommandReply, int]:
    """Take one step with a webinar; returns the reply and the exit code."""
    database = Database(url, HouseClock(), pool_size=1)
    try:
        await database.open()
        async with database.work() as work:
            webinar = await repository.webinar_to_change(work, webinar_id)
            if webinar is None:
                raise domain.Refusal(ErrorCode.NOT_FOUND, f"There is no webinar {webinar_id}.")
            by = Authorship("system", reason=domain.text("reason", reason, 500) or "webinarctl")
            decision = step(webinar, work.now)
            await record(work, [decision], by)
        return CommandReply(ok=True, webinar=decision.after.as_event()), 0
    except domain.Refusal as refusal:
        return _refused(refusal.code, refusal.message, refusal.field), REFUSED
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        return _refused(ErrorCode.UNAVAILABLE, f"The database cannot be used: {words_of(error)}"), UNAVAILABLE
    finally:
        await database.close()


def _refused(code: ErrorCode, message: str, field: str | None = None) -> CommandReply:
    return CommandReply(ok=False, error=CommandError(code=code, message=message, field=field))
