"""The planning of routes and messages, called after each of the streams that they are joined from."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from contracts import PostWebinarRoute, Route
from servicekit import Heard, Work

from post_webinar.domain.planning import Control, LeadState, due_deliveries, lead_state, route_of
from post_webinar.repository import deliveries, routing

Causes = Mapping[Any, Heard[Any]]
"""What was heard, by `(webinar_id, lead_id)`, by webinar or by account."""


async def plan(
    work: Work, controls: dict[UUID, Control], causes: Causes, *, delay: timedelta, leads: Sequence[str] | None = None
) -> None:
    """Insert and announce the routes and messages that are due and missing.

    `controls` are the webinars, as `locks.lock_followups` gave them: the lock is held. Only `leads` are looked at
    when given. Whatever comes when and however often, each route and each message is inserted once.
    """
    if not controls:
        return
    await _plan_routes(work, controls, causes, leads)
    await _plan_deliveries(work, controls, causes, leads, delay)


def _cause(causes: Causes, webinar_id: UUID, lead_id: str) -> Heard[Any] | None:
    return causes.get((webinar_id, lead_id)) or causes.get(webinar_id) or causes.get(lead_id)


async def _plan_routes(work: Work, controls: dict[UUID, Control], causes: Causes, leads: Sequence[str] | None) -> None:
    waiting = await routing.waiting_leads(work, controls, leads)
    states = [(one, lead_state(finished=one.finished, role=one.role)) for one in waiting]
    changed = [(one.webinar_id, one.lead_id, state) for one, state in states if state is not one.state]
    if changed:
        await routing.set_lead_states(work, changed)
    due = [(one.webinar_id, one.lead_id, route_of(one.attended)) for one, state in states if state is LeadState.ROUTED]
    if not due:
        return
    # Whatever lets a lead go on, it is the trace of the verdict that their messages belong to.
    traces = {(one.webinar_id, one.lead_id): one.traceparent for one in waiting}
    for webinar_id, lead_id, route in await routing.add_routes(work, due):
        work.announce(
            PostWebinarRoute(
                lead_id=lead_id,
                webinar_id=webinar_id,
                attended=route is Route.ATTENDED,
                timestamp=work.now,
                route=route,
            ),
            cause=_cause(causes, webinar_id, lead_id),
            correlation_id=str(webinar_id),
            continues=traces[webinar_id, lead_id],
        )


async def _plan_deliveries(
    work: Work, controls: dict[UUID, Control], causes: Causes, leads: Sequence[str] | None, delay: timedelta
) -> None:
    endings = await routing.endings(work, controls)
    if not endings:
        return
    routed = await routing.routed_leads(work, endings, leads)
    if not routed:
        return
    due = list(due_deliveries(routed, endings, now=work.now, delay=delay))
    traces = {
        (one.webinar_id, one.lead_id): cause.traceparent
        for one in due
        if (cause := _cause(causes, one.webinar_id, one.lead_id)) is not None
    }
    for row in await deliveries.add_deliveries(work, due, traces):
        deliveries.announce_changes(work, [row], cause=_cause(causes, row["webinar_id"], row["lead_id"]))
    await routing.mark_planned(work, routed)
