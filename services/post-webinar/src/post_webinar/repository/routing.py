"""Verdicts and routes: what was heard, what waits for what, what has been planned."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts import ClientWebinarAttendanceClassified, PostWebinarRoute, Role, Route
from servicekit import Heard, Work

from post_webinar.domain.planning import Control, Ending, LeadState, RoutedLead

_ADD_VERDICTS = """
insert into verdict (webinar_id, lead_id, attended, watched_seconds, reason, classified_at, traceparent, state)
select *, 'waiting_for_webinar'
from unnest($1::uuid[], $2::text[], $3::boolean[], $4::int[], $5::text[], $6::timestamptz[], $7::text[])
on conflict do nothing
"""
_WAITING = """
select v.webinar_id, v.lead_id, v.attended, v.state, v.traceparent, w.finished_at is not null as finished, a.role
from verdict v
left join webinar w on w.webinar_id = v.webinar_id
left join account a on a.account_id = v.lead_id
where v.webinar_id = any($1::uuid[]) and ($2::text[] is null or v.lead_id = any($2)) and v.state <> 'routed'
order by v.webinar_id, v.lead_id
"""
_WEBINARS_WAITING = """
select distinct v.webinar_id from verdict v
left join route r on r.webinar_id = v.webinar_id and r.lead_id = v.lead_id
where v.lead_id = any($1::text[]) and (v.state <> 'routed' or not r.planned)
order by v.webinar_id
"""
_SET_STATES = """
update verdict v set state = new.state
from unnest($1::uuid[], $2::text[], $3::text[]) as new (webinar_id, lead_id, state)
where v.webinar_id = new.webinar_id and v.lead_id = new.lead_id
"""
_ADD_ROUTES = """
insert into route (webinar_id, lead_id, route, routed_at, heard, planned)
select webinar_id, lead_id, route, $4, false, false
from unnest($1::uuid[], $2::text[], $3::text[]) as new (webinar_id, lead_id, route)
on conflict do nothing returning webinar_id, lead_id, route
"""
_HEAR_ROUTES = """
insert into route (webinar_id, lead_id, route, routed_at, heard, planned)
select *, true, false from unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
on conflict (webinar_id, lead_id) do update set heard = true where not route.heard
"""
_ROUTED = """
select r.webinar_id, r.lead_id, r.route, r.planned, a.role, a.active, a.partner_id,
       coalesce(p.active, true) as partner_active, f.due_at as followup_due_at, c.delivery_id is not null as recorded
from route r
join verdict v on v.webinar_id = r.webinar_id and v.lead_id = r.lead_id
join account a on a.account_id = r.lead_id
left join account p on p.account_id = a.partner_id
left join delivery f on f.webinar_id = r.webinar_id and f.lead_id = r.lead_id and f.recipient = 'candidate'
     and f.step = 'not_attended' and f.copy = 0 and f.state in ('planned', 'held')
left join delivery c on c.webinar_id = r.webinar_id and c.lead_id = r.lead_id and c.recipient = 'candidate'
     and c.step = 'recording' and c.copy = 0
where r.webinar_id = any($1::uuid[]) and r.heard and ($2::text[] is null or r.lead_id = any($2))
  and (not r.planned
       or r.webinar_id = any($3::uuid[]) and r.route = 'not_attended' and c.delivery_id is null)
order by r.webinar_id, r.lead_id
"""


@dataclass(frozen=True, slots=True)
class WaitingLead:
    """A verdict without a route, and what is known of webinar and account by now."""

    webinar_id: UUID
    lead_id: str
    attended: bool
    state: LeadState
    finished: bool
    role: Role | None
    traceparent: str | None


async def add_verdicts(work: Work, heard: Sequence[Heard[ClientWebinarAttendanceClassified]]) -> None:
    """Write down verdicts; the first on a lead in a webinar stays."""
    verdicts = [one.event for one in heard]
    await work.connection.execute(
        _ADD_VERDICTS,
        [verdict.webinar_id for verdict in verdicts],
        [verdict.lead_id for verdict in verdicts],
        [verdict.attended for verdict in verdicts],
        [verdict.watched_seconds for verdict in verdicts],
        [verdict.reason for verdict in verdicts],
        [verdict.timestamp for verdict in verdicts],
        [one.traceparent for one in heard],
    )


async def webinars_waiting_for(work: Work, account_ids: Sequence[str]) -> list[UUID]:
    """Return the webinars in which something about these accounts is still to be planned."""
    rows = await work.connection.fetch(_WEBINARS_WAITING, account_ids)
    return [row["webinar_id"] for row in rows]


async def waiting_leads(work: Work, webinar_ids: Collection[UUID], leads: Sequence[str] | None) -> list[WaitingLead]:
    """Return the classified leads of these webinars that have no route yet; only `leads` when given."""
    return [
        WaitingLead(
            row["webinar_id"],
            row["lead_id"],
            row["attended"],
            LeadState(row["state"]),
            row["finished"],
            Role(row["role"]) if row["role"] else None,
            row["traceparent"],
        )
        for row in await work.connection.fetch(_WAITING, list(webinar_ids), leads)
    ]


async def set_lead_states(work: Work, states: Sequence[tuple[UUID, str, LeadState]]) -> None:
    """Write down what each of these leads waits for."""
    columns: Sequence[Sequence[Any]] = list(zip(*states, strict=True)) or [[], [], []]
    await work.connection.execute(_SET_STATES, *columns)


async def add_routes(work: Work, routes: Sequence[tuple[UUID, str, Route]]) -> list[tuple[UUID, str, Route]]:
    """Insert routes and return those that are new."""
    columns: Sequence[Sequence[Any]] = list(zip(*routes, strict=True)) or [[], [], []]
    rows = await work.connection.fetch(_ADD_ROUTES, *columns, work.now)
    return [(row["webinar_id"], row["lead_id"], Route(row["route"])) for row in rows]


async def hear_routes(work: Work, routes: Sequence[PostWebinarRoute]) -> None:
    """Write down that these routes were heard."""
    await work.connection.execute(
        _HEAR_ROUTES,
        [route.webinar_id for route in routes],
        [route.lead_id for route in routes],
        [route.route.value for route in routes],
        [route.timestamp for route in routes],
    )


async def endings(work: Work, controls: dict[UUID, Control]) -> dict[UUID, Ending]:
    """Return how those of these webinars ended that have."""
    rows = await work.connection.fetch(
        "select webinar_id, finished_at, recording_at from webinar "
        "where webinar_id = any($1::uuid[]) and finished_at is not null",
        list(controls),
    )
    return {
        row["webinar_id"]: Ending(row["finished_at"], row["recording_at"], controls[row["webinar_id"]]) for row in rows
    }


async def routed_leads(work: Work, ended: dict[UUID, Ending], leads: Sequence[str] | None) -> list[RoutedLead]:
    """Return the leads whose route was heard and to whom something may be due that was not planned yet."""
    recorded = [webinar_id for webinar_id, ending in ended.items() if ending.has_recording]
    return [
        RoutedLead(
            webinar_id=row["webinar_id"],
            lead_id=row["lead_id"],
            route=Route(row["route"]),
            role=Role(row["role"]),
            active=row["active"],
            partner_id=row["partner_id"],
            partner_active=row["partner_active"],
            planned=row["planned"],
            followup_due_at=row["followup_due_at"],
            has_recording=row["recorded"],
        )
        for row in await work.connection.fetch(_ROUTED, list(ended), leads, recorded)
    ]


async def mark_planned(work: Work, leads: Sequence[RoutedLead]) -> None:
    """Remember that follow-up and notice of these leads are in the ledger."""
    await work.connection.execute(
        "update route r set planned = true from unnest($1::uuid[], $2::text[]) as new (webinar_id, lead_id) "
        "where r.webinar_id = new.webinar_id and r.lead_id = new.lead_id and not r.planned",
        [lead.webinar_id for lead in leads],
        [lead.lead_id for lead in leads],
    )
