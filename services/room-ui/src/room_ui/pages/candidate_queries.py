"""What a partner reads about their own candidates, across webinars; a statement or two however many they are."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import Capability, WebinarEvent

from room_ui.pages.queries import ROW, ReportRow, with_deliveries
from room_ui.statements import containing, roles_with

PEOPLE_PER_PAGE = 100
PARTNER_WEBINARS = 20

_OWN = "account.partner_id = $1 and account.active and account.role = any($2::text[])"


@dataclass(frozen=True, slots=True)
class Summary:
    """All own candidates at a glance; the figures of the last webinar are None before there was one."""

    candidates: int
    without_telegram: int
    last: WebinarEvent | None
    last_entered: int
    last_attended: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate across webinars; `telegram` is `linked`, `blocked` or `none`."""

    account_id: str
    name: str
    telegram: str
    entered: int
    attended: int
    last_entered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Candidates:
    """One page of the candidates who were asked for, by name."""

    rows: tuple[Candidate, ...]
    page: int
    pages: int


async def summary_of(connection: Any, partner_id: str) -> Summary:
    """Return how many candidates there are, whom messages do not reach, and how the last webinar went with them."""
    participants = roles_with(Capability.WEBINAR_PARTICIPATE)
    counts = await connection.fetchrow(
        f"""
        select count(*) as candidates,
               count(*) filter (where not coalesce(linked and not blocked, false)) as without_telegram
        from account left join chat_link using (account_id) where {_OWN}
        """,  # noqa: S608 - constants of this module; values only ever go in as parameters
        partner_id,
        participants,
    )
    last = await connection.fetchval(
        "select snapshot from webinar where status in ('finished', 'archived') order by finished_at desc limit 1"
    )
    webinar = None if last is None else WebinarEvent.model_validate(last)
    went = await connection.fetchrow(
        f"""
        select count(*) as entered, count(*) filter (where attended) as attended
        from account join entered on entered.lead_id = account.account_id and entered.webinar_id = $3
        left join classification using (webinar_id, lead_id) where {_OWN}
        """,  # noqa: S608
        partner_id,
        participants,
        webinar.webinar_id if webinar else None,
    )
    return Summary(**counts, last=webinar, last_entered=went["entered"], last_attended=went["attended"])


async def candidates_of(connection: Any, partner_id: str, *, search: str = "", page: str = "1") -> Candidates:
    """Return a page of a partner's candidates by name; a page that is none is the nearest, or the first."""
    wanted = (partner_id, roles_with(Capability.WEBINAR_PARTICIPATE), containing(search))
    count = await connection.fetchval(
        f"select count(*) from account where {_OWN} and display_name ilike $3",  # noqa: S608
        *wanted,
    )
    pages = max(1, -(-count // PEOPLE_PER_PAGE))
    asked = int(page) if page.isascii() and page.isdecimal() and len(page) < 7 else 1
    number = min(max(asked, 1), pages)
    rows = await connection.fetch(
        f"""
        with own as (
            select account_id, display_name as name from account where {_OWN} and display_name ilike $3
            order by lower(display_name), account_id offset $4 limit $5
        )
        select own.account_id, own.name,
               case when blocked then 'blocked' when linked then 'linked' else 'none' end as telegram,
               count(entered.lead_id) as entered, count(*) filter (where attended) as attended,
               max(entered.entered_at) as last_entered_at
        from own left join chat_link using (account_id)
        left join entered on entered.lead_id = own.account_id
        left join classification on classification.lead_id = entered.lead_id
                                 and classification.webinar_id = entered.webinar_id
        group by own.account_id, own.name, blocked, linked order by lower(own.name), own.account_id
        """,  # noqa: S608
        *wanted,
        (number - 1) * PEOPLE_PER_PAGE,
        PEOPLE_PER_PAGE,
    )
    return Candidates(tuple(Candidate(**row) for row in rows), number, pages)


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
        {ROW}
        order by lower(account.display_name), pair.lead_id
        """,  # noqa: S608
        partner_id,
        [event.webinar_id for event in events],
    )
    of_webinar = defaultdict(list)
    for row in await with_deliveries(connection, rows):
        of_webinar[row.webinar_id].append(row)
    return [(event, tuple(of_webinar[event.webinar_id])) for event in events]
