"""What the desk reads beside the report: its list, who has just entered, how the messages after a webinar get on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from contracts import WebinarEvent

from room_ui.pages.queries import SENT_AGAIN, NamedLine, named_line
from room_ui.statements import containing

WEBINARS_PER_PAGE = 50
ENTRANTS_SHOWN = 10
UNREACHED_SHOWN = 200
SHELVES = ("on_air", "coming", "drafts", "past")

MESSAGES_PER_SECOND = 28
"""How fast post-webinar sends over all, whatever the webinar."""
CHAT_SPACING = timedelta(seconds=1.05)
"""How long post-webinar waits between two messages to one chat."""
UNREACHED = ("not_linked", "blocked", "failed", "suppressed")
"""States of messages that reach nobody unless somebody does something."""

# What was planned and never begun is past when its time is over.
_SHELF = """case when status in ('live', 'paused') then 0
     when status = 'draft' then 2
     when status = 'scheduled' and scheduled_at + make_interval(mins => duration_minutes) > $1 then 1
     else 3 end"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One webinar of the desk's list, and on which of the `SHELVES` it stands."""

    webinar: WebinarEvent
    shelf: str


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody who has entered."""

    name: str | None
    country: str | None
    entered_at: datetime


@dataclass(frozen=True, slots=True)
class Attendance:
    """How a webinar on air goes, as far as the other services have told."""

    entered: int
    cta_shown: int
    cta_clicked: int
    figures_at: datetime | None
    """When the newest of the figures was made; None before the first."""
    entrants: tuple[Entrant, ...]
    """The newest ones, the last first."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a webinar's messages get away, and whom they do not reach."""

    sent: int
    needs: timedelta
    """How long those that can leave need when they may, with what other webinars have in the same queue."""
    without_chat: int
    """Those still planned whose reader has no Telegram linked at present."""
    unreached: tuple[NamedLine, ...]
    unreached_count: int


async def webinars(connection: Any, now: datetime, *, search: str = "", page: int = 1) -> tuple[list[Listed], int]:
    """Return a page of the webinars whose title holds `search`, and how many pages there are.

    On air first, then the coming ones, soonest first; then drafts; then the past, the latest first.
    """
    condition = "snapshot->>'title' ilike $1"
    count = await connection.fetchval(f"select count(*) from webinar where {condition}", containing(search))  # noqa: S608
    pages = max(1, -(-count // WEBINARS_PER_PAGE))
    rows = await connection.fetch(
        f"""
        select snapshot, {_SHELF} as shelf from webinar where snapshot->>'title' ilike $2
        order by shelf, case when {_SHELF} < 3 then scheduled_at end nulls first, scheduled_at desc nulls last,
                 webinar_id
        offset $3 limit $4
        """,  # noqa: S608 - constants of this module; values only ever go in as parameters
        now,
        containing(search),
        (min(page, pages) - 1) * WEBINARS_PER_PAGE,
        WEBINARS_PER_PAGE,
    )
    return [Listed(WebinarEvent.model_validate(row["snapshot"]), SHELVES[row["shelf"]]) for row in rows], pages


async def last_webinar(connection: Any, account_id: str) -> WebinarEvent | None:
    """Return what a next webinar is likely to be like: the account's own latest, else anybody's."""
    snapshot = await connection.fetchval(
        """
        select snapshot from webinar where snapshot->>'title' <> ''
        order by (speaker_id = $1) is true desc, coalesce(started_at, scheduled_at) desc nulls last, webinar_id limit 1
        """,
        account_id,
    )
    return None if snapshot is None else WebinarEvent.model_validate(snapshot)


async def attendance(connection: Any, webinar_id: UUID) -> Attendance:
    """Return how a webinar on air goes."""
    figures = await connection.fetchrow(
        """
        select (select count(*) from entered where webinar_id = $1) as entered,
               (select count(*) from cta where webinar_id = $1 and kind = 'shown') as cta_shown,
               (select count(*) from cta where webinar_id = $1 and kind = 'clicked') as cta_clicked,
               (select max(version) from participation where webinar_id = $1) as version
        """,
        webinar_id,
    )
    entrants = await connection.fetch(
        """
        select display_name as name, country, entered_at
        from entered left join account on account.account_id = entered.lead_id
        where webinar_id = $1 order by entered_at desc, lead_id limit $2
        """,
        webinar_id,
        ENTRANTS_SHOWN,
    )
    return Attendance(
        entered=figures["entered"],
        cta_shown=figures["cta_shown"],
        cta_clicked=figures["cta_clicked"],
        figures_at=_made_at(figures["version"]),
        entrants=tuple(Entrant(**row) for row in entrants),
    )


def _made_at(version: int | None) -> datetime | None:
    """Return when a snapshot was made: its version is that moment in milliseconds, or a little more."""
    return None if version is None else datetime.fromtimestamp(version / 1000, UTC)


async def leaving(connection: Any, webinar_id: UUID, now: datetime) -> Leaving:
    """Return how a webinar's messages get away."""
    sent = await connection.fetchval(
        "select count(*) from delivery where webinar_id = $1 and state = 'sent'", webinar_id
    )
    queue = await connection.fetchrow(_QUEUE, webinar_id, now - timedelta(days=2))
    lines = await connection.fetch(
        f"""
        select *, count(*) over () as total from (
            select d.delivery_id, d.recipient, d.step, d.state, d.reason, d.due_at, account.display_name, {SENT_AGAIN}
            from delivery d left join account on account.account_id = d.lead_id
            where d.webinar_id = $1 and d.state = any($2::text[])
        ) as line where not sent_again
        order by array_position($2::text[], state), lower(display_name), delivery_id limit $3
        """,  # noqa: S608 - constants of this package
        webinar_id,
        list(UNREACHED),
        UNREACHED_SHOWN,
    )
    return Leaving(
        sent=sent,
        needs=time_to_send(queue["messages"], queue["most_to_one"]),
        without_chat=queue["without_chat"],
        unreached=tuple(map(named_line, lines)),
        unreached_count=lines[0]["total"] if lines else 0,
    )


# One message to a reader carries what is due to them together: follow-up and recording, or all notices to a partner.
_QUEUE = """
with waiting as (
    select d.webinar_id, d.recipient, d.lead_id,
           case d.recipient when 'partner' then lead.partner_id else d.lead_id end as reader
    from delivery d left join account as lead on lead.account_id = d.lead_id
    where (d.state in ('planned', 'sending') or (d.state = 'held' and d.webinar_id = $1))
      and d.webinar_id in (select webinar_id from webinar where webinar_id = $1 or finished_at > $2)
      and d.due_at <= (select max(due_at) from delivery
                       where webinar_id = $1 and state in ('planned', 'sending', 'held'))
), message as (
    select waiting.reader, recipient, bool_or(webinar_id = $1) as is_own,
           bool_and(chat.linked is true and not chat.blocked) as can_leave
    from waiting left join chat_link as chat on chat.account_id = waiting.reader
    group by waiting.reader, recipient
)
select count(*) filter (where can_leave) as messages,
       count(*) filter (where is_own and not can_leave) as without_chat,
       coalesce((select max(n) from (select count(*) as n from message where can_leave group by reader) as chat), 0)
           as most_to_one
from message
"""


def time_to_send(messages: int, most_to_one: int) -> timedelta:
    """Return how long so many messages need, `most_to_one` of them to the same chat."""
    over_all = timedelta(seconds=messages / MESSAGES_PER_SECOND)
    return max(over_all, max(0, most_to_one - 1) * CHAT_SPACING)
