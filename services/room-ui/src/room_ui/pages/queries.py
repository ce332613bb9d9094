"""What the desk, the reports and the account page read from the projections; set-based, a few statements a page."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import CAPABILITIES, Capability, WebinarEvent

ROWS_PER_PAGE = 200
PARTNER_WEBINARS = 20
DOUBTFUL_SHOWN = 100

# The ids of deliveries grow with time (UUIDv7), and a message that is sent again is a new row.
_SENT_AGAIN = """exists (
    select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id and c.recipient = d.recipient
                             and c.step = d.step and c.delivery_id > d.delivery_id
) as sent_again"""


@dataclass(frozen=True, slots=True)
class ChatLink:
    """Whether an account's Telegram chat is linked."""

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
    """One lead in one webinar; `attended` is None without a verdict, the figures are None for who was not there."""

    webinar_id: UUID
    lead_id: str
    name: str | None
    partner_name: str | None
    entered_at: datetime | None
    watched_seconds: int | None
    watched_percent: int | None
    completed_by: str | None
    attended: bool | None
    cta_shown: bool
    cta_clicked: bool
    deliveries: tuple[DeliveryLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """The attendance of one webinar: figures over all leads, and one page of rows."""

    entered: int
    completed: int
    attended: int
    not_attended: int
    absent: int
    clicked: int
    rows: tuple[ReportRow, ...]
    page: int
    pages: int


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


def roles_with(capability: Capability) -> list[str]:
    """Return the roles that have a right: statements ask for them by this and never by name."""
    return [role.value for role, rights in CAPABILITIES.items() if role is not None and capability in rights]


async def chat_link(connection: Any, account_id: str) -> ChatLink | None:
    row = await connection.fetchrow("select linked, blocked from chat_link where account_id = $1", account_id)
    return None if row is None else ChatLink(row["linked"], row["blocked"])


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


_ROW = """
select pair.webinar_id, pair.lead_id, account.display_name as name, partner.display_name as partner_name,
       entered.entered_at,
       coalesce(participation.watched_seconds, classification.watched_seconds) as watched_seconds,
       coalesce(classification.watched_percent,
                least(100, participation.watched_seconds * 100 / nullif(participation.base_seconds, 0)))
           as watched_percent,
       participation.completed_by, classification.attended,
       shown.at is not null as cta_shown, clicked.at is not null as cta_clicked
from pair
left join account on account.account_id = pair.lead_id
left join account as partner on partner.account_id = account.partner_id
left join entered using (webinar_id, lead_id)
left join participation on participation.webinar_id = pair.webinar_id and participation.lead_id = pair.lead_id
                           and entered.lead_id is not null
left join classification on classification.webinar_id = pair.webinar_id and classification.lead_id = pair.lead_id
left join cta as shown on shown.webinar_id = pair.webinar_id and shown.lead_id = pair.lead_id
                          and shown.kind = 'shown'
left join cta as clicked on clicked.webinar_id = pair.webinar_id and clicked.lead_id = pair.lead_id
                            and clicked.kind = 'clicked'
"""


async def report(connection: Any, webinar_id: UUID, page: int = 1) -> Report:
    """Return a webinar's attendance: who was there first, then the participants who were not."""
    participants = roles_with(Capability.WEBINAR_PARTICIPATE)
    figures = await connection.fetchrow(
        """
        select (select count(*) from entered where webinar_id = $1) as entered,
               (select count(*) from participation where webinar_id = $1 and completed_by is not null) as completed,
               (select count(*) from classification where webinar_id = $1 and attended) as attended,
               (select count(*) from classification where webinar_id = $1 and not attended) as not_attended,
               (select count(*) from cta where webinar_id = $1 and kind = 'clicked') as clicked,
               (select count(*) from account where active and role = any($2::text[]) and not exists
                    (select from entered where webinar_id = $1 and lead_id = account.account_id)) as absent
        """,
        webinar_id,
        participants,
    )
    count = figures["entered"] + figures["absent"]
    pages = max(1, -(-count // ROWS_PER_PAGE))
    page = min(max(page, 1), pages)
    rows = await connection.fetch(
        f"""
        with pair as (
            select webinar_id, lead_id from entered where webinar_id = $1
            union
            select $1, account_id from account where active and role = any($2::text[])
        )
        {_ROW}
        order by entered.lead_id is null, lower(account.display_name), pair.lead_id
        offset $3 limit $4
        """,  # noqa: S608 - constants of this module; values only ever go in as parameters
        webinar_id,
        participants,
        (page - 1) * ROWS_PER_PAGE,
        ROWS_PER_PAGE,
    )
    return Report(**figures, rows=await _with_deliveries(connection, rows), page=page, pages=pages)


async def own_candidates(connection: Any, partner_id: str) -> list[tuple[WebinarEvent, tuple[ReportRow, ...]]]:
    """Return how a partner's own candidates took part, in the latest webinars that any of them entered."""
    webinars = await connection.fetch(
        """
        select snapshot from webinar where webinar_id in (
            select webinar_id from entered join account on account.account_id = entered.lead_id where partner_id = $1)
        order by started_at desc nulls last, webinar_id limit $2
        """,
        partner_id,
        PARTNER_WEBINARS,
    )
    events = [WebinarEvent.model_validate(row["snapshot"]) for row in webinars]
    rows = await connection.fetch(
        f"""
        with pair as (
            select webinar_id, lead_id from entered join account on account.account_id = entered.lead_id
            where account.partner_id = $1 and webinar_id = any($2::uuid[])
        )
        {_ROW}
        order by lower(account.display_name), pair.lead_id
        """,  # noqa: S608
        partner_id,
        [event.webinar_id for event in events],
    )
    of_webinar = defaultdict(list)
    for row in await _with_deliveries(connection, rows):
        of_webinar[row.webinar_id].append(row)
    return [(event, tuple(of_webinar[event.webinar_id])) for event in events]


async def _with_deliveries(connection: Any, rows: Sequence[Mapping[str, Any]]) -> tuple[ReportRow, ...]:
    lines = await connection.fetch(
        f"""
        select webinar_id, lead_id, delivery_id, recipient, step, state, reason, due_at, {_SENT_AGAIN}
        from delivery d join unnest($1::uuid[], $2::text[]) as pair(webinar_id, lead_id) using (webinar_id, lead_id)
        order by due_at, delivery_id
        """,  # noqa: S608
        [row["webinar_id"] for row in rows],
        [row["lead_id"] for row in rows],
    )
    found = defaultdict(list)
    for line in lines:
        fields = {name: value for name, value in line.items() if name not in {"webinar_id", "lead_id"}}
        found[line["webinar_id"], line["lead_id"]].append(DeliveryLine(**fields))
    return tuple(ReportRow(**row, deliveries=tuple(found[row["webinar_id"], row["lead_id"]])) for row in rows)


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
            select d.delivery_id, d.recipient, d.step, d.state, d.reason, d.due_at, account.display_name, {_SENT_AGAIN}
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
        select d.delivery_id, d.recipient, d.step, d.state, d.reason, d.due_at, account.display_name, {_SENT_AGAIN}
        from delivery d left join account on account.account_id = d.lead_id where d.delivery_id = $1
        """,  # noqa: S608
        delivery_id,
    )
    return None if line is None else _named(line)


def _named(line: Mapping[str, Any]) -> NamedLine:
    fields = dict(line)
    name = fields.pop("display_name")
    return NamedLine(DeliveryLine(**fields), name)


def _followups(rows: Iterable[Mapping[str, Any]], doubtful: Iterable[Mapping[str, Any]] = ()) -> Followups:
    by_state = tuple((row["state"], row["count"]) for row in rows)
    return Followups(
        total=sum(count for _, count in by_state),
        waiting=sum(count for state, count in by_state if state == "planned"),
        by_state=by_state,
        next_due_at=next((row["due_at"] for row in rows if row["state"] == "planned"), None),
        doubtful=tuple(map(_named, doubtful)),
    )
