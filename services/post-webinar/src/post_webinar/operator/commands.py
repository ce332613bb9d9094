"""`webinarctl ledger` and `webinarctl resend`: who got what after a webinar, and one message once more."""

import re
import sys
from typing import Annotated, Any
from uuid import UUID

import typer
from contracts import DeliveryState
from servicekit import Database, Refused
from servicekit.operator.places import do_at, place_of
from servicekit.operator.showing import AsJson, ask, fail, printable, say, say_json, show, warn

from post_webinar.domain.planning import Reason
from post_webinar.repository import ledger as deliveries
from post_webinar.resending import send_again

SERVICE = "post-webinar"
SHOWN_OF_AN_ID = 12
"""So much of the end of an id tells one delivery from all others: the rest of it is mostly the time."""

_COLUMNS = {
    "id_ends": "Id ends",
    "delivery_id": "Id",
    "person": "Person",
    "message": "Message",
    "shown_state": "State",
    "why": "Why",
    "attempts": "Tries",
    "due_at": "Due",
}
SAID_BY_THE_STATE = frozenset({Reason.ACCOUNT_INACTIVE, Reason.NO_CHAT, Reason.CHAT_BLOCKED, Reason.CANCELLED_AT_DESK})
_MEANING = {
    DeliveryState.UNCERTAIN: "handed to Telegram, and no answer came: it may have arrived, or not",
    DeliveryState.BLOCKED: "the person has blocked the bot",
    DeliveryState.NOT_LINKED: "the person has no Telegram chat linked",
    DeliveryState.SUPPRESSED: "the account is not active",
}


def ledger(
    webinar: Annotated[UUID, typer.Argument(help="The webinar's id.")],
    state: Annotated[DeliveryState | None, typer.Option(help="Those in this state alone.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="No more than these.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show who got what after a webinar, what is not known first. `resend` takes the id, or its end.

    Reads DATABASE_URL, or the SERVICE_DATABASE_URL of post-webinar.
    """

    async def read(database: Database) -> tuple[str | None, dict[str, int], list[dict[str, Any]]]:
        async with database.pool.acquire() as connection:
            return (
                await deliveries.webinar_named(connection, webinar),
                await deliveries.states_of(connection, webinar),
                await deliveries.rows_of(connection, webinar, state=state and state.value, limit=limit),
            )

    title, counts, rows = do_at(lambda: place_of(SERVICE), read)
    if title is None and not counts:
        fail(f"post-webinar knows no webinar {webinar}.")
    if as_json:
        say_json({"webinar_id": webinar, "title": title, "counts": counts, "deliveries": rows})
        return
    show(
        [_shown(row) for row in rows],
        _COLUMNS,
        as_json=False,
        nothing="Nothing is planned: only who was there gets a message, a few seconds after the stop.",
        brief=("delivery_id",),
    )
    total = sum(counts.values())
    warn(f"{printable(title or webinar)}: {total:,} in all" + "".join(f", {n:,} {name}" for name, n in counts.items()))
    for name, meaning in _MEANING.items():
        if counts.get(name):
            warn(f"  {name}: {meaning}")
    if counts.get(DeliveryState.UNCERTAIN):
        warn("  Nobody but you sends those again: `webinarctl resend <id>`, after asking the person if you can.")
    if len(rows) < (counts.get(state, 0) if state else total):
        warn(f"The first {len(rows):,} are shown (--limit).")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    about = f" on {row['lead']}" if row["lead_id"] != row["account_id"] else ""
    copy = " (again)" if row["copy"] else ""
    reason = None if row["reason"] in SAID_BY_THE_STATE else row["reason"]
    mark = "? " if row["state"] == DeliveryState.UNCERTAIN and sys.stdout.isatty() else ""
    return {
        **row,
        "id_ends": str(row["delivery_id"])[-SHOWN_OF_AN_ID:],
        "message": f"{row['step']}{about}{copy}",
        "shown_state": mark + row["state"],
        "why": ", ".join(filter(None, [reason, "sent again" if row["sent_again"] else ""])),
    }


def resend(
    delivery: Annotated[str, typer.Argument(help="The delivery's id, or its end, as `ledger` shows it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send one message once more, by the desk's own rule. Asks first.

    Reads DATABASE_URL, or the SERVICE_DATABASE_URL of post-webinar.
    """
    ending = delivery.lower()
    if not re.fullmatch(r"[0-9a-f-]{8,36}", ending):
        fail(f"{printable(delivery)} is no delivery's id; `webinarctl ledger <webinar>` shows them.")

    async def find(database: Database) -> list[dict[str, Any]]:
        async with database.pool.acquire() as connection:
            return await deliveries.ending_in(connection, ending)

    found = do_at(lambda: place_of(SERVICE), find)
    if not found:
        fail("There is no such message.")
    if len(found) > 1:
        fail("Several ids end like this: give more of it.")
    [row] = found
    may_arrive_twice = " It may have arrived already." if row["state"] == DeliveryState.UNCERTAIN else ""
    of = f" of “{printable(row['title'])}”" if row["title"] else ""
    person = printable(row["person"])
    ask(f"Send “{row['step']}”{of} to {person} once more? It is {row['state']}.{may_arrive_twice}", yes=yes)

    async def send(database: Database) -> None:
        async with database.work() as work:
            await send_again(work, row["delivery_id"])

    do_at(lambda: place_of(SERVICE), send, Refused)
    say(f"It will be sent to {person} once more.")
