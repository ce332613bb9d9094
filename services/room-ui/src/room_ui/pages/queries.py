"""What the desk, the reports and the account page read from the projections; set-based, a few statements a page."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts import Capability, WebinarEvent

from room_ui.pages.curve import Bar, Curve, Window, bars, common, steps_of
from room_ui.statements import roles_with

DOUBTFUL_SHOWN = 100
STILL_THERE = timedelta(seconds=60)
"""On air a lead's figures are told twice a minute: who was there a minute ago or later counts as being there."""

# The ids of deliveries grow with time (UUIDv7), and a message that is sent again is a new row.
IS_SENT_AGAIN = """exists (
    select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id and c.recipient = d.recipient
                             and c.step = d.step and c.delivery_id > d.delivery_id
)"""
SENT_AGAIN = f"{IS_SENT_AGAIN} as sent_again"


@dataclass(frozen=True, slots=True)
class ChatLink:
    """Whether an account's Telegram chat is linked, and how new that is."""

    version: int
    linked: bool
    blocked: bool


@dataclass(frozen=True, slots=True)
class DeliveryLine:
    """One message of the delivery ledger, as a report shows it."""

    delivery_id: UUID
    recipient: str
    step: str
    state: str
    reason: str | None
    due_at: datetime | None
    sent_again: bool = False
    """There is a later one in its place."""


@dataclass(frozen=True, slots=True)
class NamedLine:
    """One message, with whom it is about."""

    delivery: DeliveryLine
    name: str | None
    """Of the lead that it is about, also where it went to the lead's partner."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One lead in one webinar; `attended` is None without a verdict, the figures are None for who was not there.

    `reason` is that of the verdict; `windows` are those in which they watched.
    """

    webinar_id: UUID
    lead_id: str
    name: str | None
    partner_name: str | None
    entered_at: datetime | None
    watched_seconds: int | None
    watched_percent: int | None
    completed_by: str | None
    attended: bool | None
    reason: str | None
    cta_shown: bool
    cta_clicked: bool
    windows: tuple[Window, ...] = ()
    deliveries: tuple[DeliveryLine, ...] = ()

    def bars(self, begin: datetime, end: datetime) -> tuple[Bar, ...]:
        """Return the windows as they stand on a line from `begin` to `end`."""
        return bars(self.windows, begin, end)


@dataclass(frozen=True, slots=True)
class Followups:
    """The messages of one webinar: how many are in which state, and when the next planned ones leave."""

    total: int
    waiting: int
    by_state: tuple[tuple[str, int], ...]
    next_due_at: datetime | None
    doubtful: tuple[NamedLine, ...] = ()
    """The first of those that somebody has to decide on; a message that was sent again is decided."""


@dataclass(frozen=True, slots=True)
class Template:
    """The text of one step in one language."""

    step: str
    locale: str
    text: str
    version: int


async def chat_link(connection: Any, account_id: str) -> ChatLink | None:
    row = await connection.fetchrow("select version, linked, blocked from chat_link where account_id = $1", account_id)
    return None if row is None else ChatLink(row["version"], row["linked"], row["blocked"])


async def speakers(connection: Any) -> list[tuple[str, str]]:
    """Return id and name of who may be a webinar's speaker, by name."""
    rows = await connection.fetch(
        "select account_id, display_name from account where active and role = any($1::text[])"
        " order by lower(display_name), account_id",
        roles_with(Capability.WEBINAR_MANAGE),
    )
    return [(row["account_id"], row["display_name"]) for row in rows]


async def templates(connection: Any) -> list[Template]:
    rows = await connection.fetch("select step, locale, text, version from message_template order by step, locale desc")
    return [Template(**row) for row in rows]


LEADS = """
left join account on account.account_id = pair.lead_id
left join entered using (webinar_id, lead_id)
left join participation on participation.webinar_id = pair.webinar_id and participation.lead_id = pair.lead_id
                           and entered.lead_id is not null
left join classification on classification.webinar_id = pair.webinar_id and classification.lead_id = pair.lead_id
left join cta as clicked on clicked.webinar_id = pair.webinar_id and clicked.lead_id = pair.lead_id
                            and clicked.kind = 'clicked'
"""
WATCHED_SECONDS = "coalesce(participation.watched_seconds, classification.watched_seconds)"

ROW = f"""
select pair.webinar_id, pair.lead_id, account.display_name as name, partner.display_name as partner_name,
       entered.entered_at, {WATCHED_SECONDS} as watched_seconds,
       coalesce(classification.watched_percent,
                case when participation.base_seconds > 0
                     then least(100, participation.watched_seconds * 100 / participation.base_seconds) end)
           as watched_percent,
       participation.completed_by, classification.attended, classification.reason,
       shown.at is not null as cta_shown, clicked.at is not null as cta_clicked, participation.windows
from pair {LEADS}
left join account as partner on partner.account_id = account.partner_id
left join cta as shown on shown.webinar_id = pair.webinar_id and shown.lead_id = pair.lead_id
                          and shown.kind = 'shown'
"""  # noqa: S608 - constants of this module; values only ever go in as parameters


async def rows_of(connection: Any, webinar_id: UUID, lead_ids: Sequence[str]) -> tuple[ReportRow, ...]:
    """Return a row for each of these leads, in this order, with two statements however many they are."""
    rows = await connection.fetch(
        f"""
        with pair as (select $1::uuid as webinar_id, lead_id, place
                      from unnest($2::text[]) with ordinality as asked(lead_id, place))
        {ROW} order by pair.place
        """,  # noqa: S608
        webinar_id,
        lead_ids,
    )
    return await with_deliveries(connection, rows)


async def curve_of(connection: Any, webinar: WebinarEvent, now: datetime) -> Curve | None:
    """Return how many were there at each moment of a webinar; None before its start.

    While it is on air, the last minute of who is still there is assumed.
    """
    begin = webinar.started_at
    if begin is None:
        return None
    end = max(begin, webinar.finished_at or now)
    whole = (Window(begin, end),)
    on_air = common((Window(window.from_, window.to or end) for window in webinar.on_air), whole)
    rows = await connection.fetch(
        """
        select (watched.one->>'from')::timestamptz as begun, (watched.one->>'to')::timestamptz as known_until,
               not final and place = jsonb_array_length(windows) as may_last
        from participation, jsonb_array_elements(windows) with ordinality as watched(one, place)
        where webinar_id = $1
        """,
        webinar.webinar_id,
    )
    lasts_until = on_air[-1].end if on_air and webinar.finished_at is None else None
    watched = (
        Window(
            row["begun"],
            max(row["known_until"], lasts_until)
            if lasts_until and row["may_last"] and row["known_until"] >= now - STILL_THERE
            else row["known_until"],
        )
        for row in rows
    )

    def draw() -> Curve:
        curve = Curve(
            begin=begin,
            end=end,
            is_over=webinar.finished_at is not None,
            time_zone=webinar.time_zone,
            steps=steps_of(watched),
            on_air=on_air,
            cta=common((Window(window.from_, window.to or end) for window in webinar.cta_windows), whole),
        )
        curve.work_out()
        return curve

    # Of ten thousand people it is a quarter of a second, in which the rooms' streams are to go on.
    return await asyncio.to_thread(draw)


async def with_deliveries(connection: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[ReportRow, ...]:
    """Return the rows of a statement that selects `ROW`, each with its messages."""
    lines = await connection.fetch(
        f"""
        select webinar_id, lead_id, delivery_id, recipient, step, state, reason, due_at, {SENT_AGAIN}
        from delivery d join unnest($1::uuid[], $2::text[]) as pair(webinar_id, lead_id) using (webinar_id, lead_id)
        order by due_at, delivery_id
        """,  # noqa: S608
        [row["webinar_id"] for row in rows],
        [row["lead_id"] for row in rows],
    )
    found = defaultdict(list)
    for line in lines:
        told = {name: value for name, value in line.items() if name not in {"webinar_id", "lead_id"}}
        found[line["webinar_id"], line["lead_id"]].append(DeliveryLine(**told))
    return tuple(
        ReportRow(
            **{
                **row,
                "windows": tuple(
                    Window(datetime.fromisoformat(one["from"]), datetime.fromisoformat(one["to"]))
                    for one in row["windows"] or ()
                ),
                "deliveries": tuple(found[row["webinar_id"], row["lead_id"]]),
            }
        )
        for row in rows
    )


async def followups(connection: Any, webinar_id: UUID) -> Followups:
    """Return how a webinar's messages fare."""
    rows = await connection.fetch(
        "select state, count(*) as count, min(due_at) as due_at from delivery where webinar_id = $1"
        " group by state order by state",
        webinar_id,
    )
    lines = await connection.fetch(
        f"""
        select * from (
            select d.delivery_id, d.recipient, d.step, d.state, d.reason, d.due_at, account.display_name, {SENT_AGAIN}
            from delivery d left join account on account.account_id = d.lead_id
            where d.webinar_id = $1 and d.state = 'uncertain'
        ) as line where not sent_again order by lower(display_name), delivery_id limit $2
        """,  # noqa: S608
        webinar_id,
        DOUBTFUL_SHOWN,
    )
    return _followups(rows, lines)


async def delivery(connection: Any, delivery_id: UUID) -> NamedLine | None:
    """Return one message with the name of the lead that it is about; None when it is not known here."""
    line = await connection.fetchrow(
        f"""
        select d.delivery_id, d.recipient, d.step, d.state, d.reason, d.due_at, account.display_name, {SENT_AGAIN}
        from delivery d left join account on account.account_id = d.lead_id where d.delivery_id = $1
        """,  # noqa: S608
        delivery_id,
    )
    return None if line is None else named_line(line)


def named_line(line: Mapping[str, Any]) -> NamedLine:
    """Return a message from a row with its fields and `display_name`, and maybe others."""
    delivery_line = DeliveryLine(**{field.name: line[field.name] for field in fields(DeliveryLine)})
    return NamedLine(delivery_line, line["display_name"])


def _followups(rows: Iterable[Mapping[str, Any]], doubtful: Iterable[Mapping[str, Any]] = ()) -> Followups:
    by_state = tuple((row["state"], row["count"]) for row in rows)
    return Followups(
        total=sum(count for _, count in by_state),
        waiting=sum(count for state, count in by_state if state == "planned"),
        by_state=by_state,
        next_due_at=next((row["due_at"] for row in rows if row["state"] == "planned"), None),
        doubtful=tuple(map(named_line, doubtful)),
    )
