"""`webinarctl outbox`: announcements that the broker refused time and again."""

from typing import Annotated, Any

import typer

from servicekit import parking
from servicekit.database import Database
from servicekit.operator.places import Place, Service, do_at, do_in_each, places
from servicekit.operator.showing import AsJson, fail, say, show

app = typer.Typer(no_args_is_help=True, help="Announcements that the broker refused time and again.")
_COLUMNS = {
    "number": "No.",
    "service": "Service",
    "parked_at": "Since",
    "type": "Topic",
    "message_id": "Message",
    "last_error": "Why",
}


@app.command("parked")
def list_parked(
    service: Service = None,
    limit: Annotated[int, typer.Option(min=1, help="No more than these, of each service.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show announcements that were set aside, oldest first."""

    async def read(place: Place, database: Database) -> list[dict[str, Any]]:
        found = await parking.parked(database, limit=limit)
        return [{"number": row.pop("seq"), "service": place.service, **row} for row in found]

    found, complete = do_in_each(service, read)
    rows = [row for part in found for row in part]
    show(rows, _COLUMNS, as_json=as_json, nothing="Nothing is set aside.", brief=("message_id",))
    if not complete:
        raise typer.Exit(1)


@app.command("release")
def release_parked(
    numbers: Annotated[list[int], typer.Argument(help="Their numbers, as `parked` shows them.")],
    service: Service = None,
) -> None:
    """Let the relay try parked announcements again."""

    def place() -> Place:
        found = places(service)
        if len(found) > 1:
            fail("Each service counts for itself: say whose with --service.")
        return found[0]

    say(f"{do_at(place, lambda database: parking.unpark(database, numbers))} released.")
