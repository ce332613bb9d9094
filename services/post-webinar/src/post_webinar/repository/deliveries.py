"""The delivery ledger: what is written into it, and how its rows change by what the desk and the people do."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import DeliveryState, PostWebinarDelivery
from servicekit import Work
from uuid6 import uuid7

from post_webinar.domain.planning import LINKED_WITHIN, RECORDING_WITHIN, UNCERTAIN_AFTER, NewDelivery, Reason
from post_webinar.repository.locks import share_followups_of_missed

SLICE = 500
"""How many rows one run of a periodic job changes."""

_ADD = """
insert into delivery (delivery_id, webinar_id, lead_id, account_id, recipient, step, copy, state, reason, attempts,
                      due_at, version, traceparent)
select delivery_id, webinar_id, lead_id, account_id, recipient, step, 0, state, reason, 0, due_at, $10, traceparent
from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $11::text[])
     as new (delivery_id, webinar_id, lead_id, account_id, recipient, step, state, reason, due_at, traceparent)
on conflict (webinar_id, lead_id, recipient, step, copy) do nothing
returning *
"""


def _changing(chosen: str, assignments: str, *, more: str = "") -> str:
    """Return a statement that changes the `chosen` rows, locked in the order of their key; $1 is the new version."""
    return f"""
with chosen as materialized (
    select d.delivery_id from delivery d {chosen} order by d.delivery_id {more} for update of d skip locked
)
update delivery d set {assignments}, version = greatest(d.version + 1, $1)
from chosen where chosen.delivery_id = d.delivery_id returning d.*
"""  # noqa: S608 - put together from constants of this module


def _waiting(chosen: str, assignments: str) -> str:
    """Like `_changing`, but waits for rows that another transaction holds."""
    return _changing(chosen, assignments).replace(" skip locked", "")


_HOLD = _waiting("where d.webinar_id = $2 and d.state = 'planned'", "state = 'held'")
_RELEASE = _waiting("where d.webinar_id = $2 and d.state = 'held'", "state = 'planned'")
_CANCEL = _waiting(
    "where d.webinar_id = $2 and d.state in ('planned', 'held', 'not_linked')", "state = 'cancelled', reason = $3"
)
_SUPPRESS = _waiting(
    "where d.account_id = any($2::text[]) and d.state in ('planned', 'held', 'not_linked')",
    "state = 'suppressed', reason = $3",
)
_AS_CONTROLLED = (
    "state = case (select control from followup f where f.webinar_id = d.webinar_id) "
    "when 'held' then 'held' else 'planned' end, reason = null"
)
_REPLAN = _waiting("where d.account_id = $2 and d.state = 'not_linked' and d.not_linked_at > $3", _AS_CONTROLLED)
_REPLAN_MISSED = _changing(
    """
join chat_link l on l.account_id = d.account_id and l.chat_id is not null and not l.blocked
where d.delivery_id = any($2::uuid[]) and d.state = 'not_linked'
""",
    _AS_CONTROLLED,
)
_REPLAN_RECORDING = _waiting(
    """
join webinar w on w.webinar_id = d.webinar_id and w.recording_at <= w.finished_at + $3::interval
join followup f on f.webinar_id = d.webinar_id and f.control <> 'cancelled'
where d.webinar_id = any($2::uuid[]) and d.step = 'recording' and d.state = 'cancelled' and d.reason = $4
  and not exists (select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id
                  and c.step = 'recording' and c.copy > d.copy)
""",
    _AS_CONTROLLED,
)
_REPLACE = _waiting("where d.delivery_id = $2", "state = 'cancelled', reason = $3")
_GIVE_WAY = _waiting(
    """
join delivery o on o.webinar_id = d.webinar_id and o.lead_id = d.lead_id and o.recipient = d.recipient
                   and o.step = d.step and o.copy < d.copy
where o.claim_id = $2 and o.state = 'sent' and d.state in ('planned', 'held', 'not_linked')
""",
    "state = 'cancelled', reason = $3",
)
# What is due and cannot be sent says why; each row gets the first reason that fits.
_SETTLE = _changing(
    """
left join account a on a.account_id = d.account_id
left join chat_link l on l.account_id = d.account_id
left join webinar w on w.webinar_id = d.webinar_id
where d.state = 'planned' and d.due_at <= $2
  and (a.active is false or l.chat_id is null or l.blocked or d.step = 'recording' and w.recording_url is null)
""",
    """
(state, reason, not_linked_at) = (
    select case when a.active is false then 'suppressed'
                when d.step = 'recording' and w.recording_url is null then 'cancelled'
                when l.chat_id is null then 'not_linked' else 'blocked' end,
           case when a.active is false then $3
                when d.step = 'recording' and w.recording_url is null then $4
                when l.chat_id is null then $5 else $6 end,
           case when a.active is not false and l.chat_id is null then $2::timestamptz end
    from (select 1) as one
    left join account a on a.account_id = d.account_id
    left join chat_link l on l.account_id = d.account_id
    left join webinar w on w.webinar_id = d.webinar_id
)
""",
    more="limit $7",
)
_DOUBT = _changing(
    "where d.state = 'sending' and d.claimed_at < $2", "state = 'uncertain', reason = $3", more="limit $4"
)
_COPY = """
insert into delivery (delivery_id, webinar_id, lead_id, account_id, recipient, step, copy, state, reason, attempts,
                      due_at, version, traceparent)
select $2, webinar_id, lead_id, account_id, recipient, step, copy + 1, 'planned', null, 0, $3, $4, $5
from delivery where delivery_id = $1
on conflict do nothing returning *
"""


def version_at(now: datetime) -> int:
    """Return a version for what is written now: milliseconds since 1970."""
    return int(now.timestamp() * 1000)


def announce_changes(work: Work, rows: Sequence[Any], *, cause: Any = None) -> None:
    """Announce these rows of the ledger as they are now; without a `cause` each in the trace that planned it."""
    for row in rows:
        work.announce(
            delivery_event(row),
            cause=cause,
            correlation_id=str(row["webinar_id"]),
            continues=None if cause else row["traceparent"],
        )


def delivery_event(row: Any) -> PostWebinarDelivery:
    """Return the snapshot of a row of the ledger."""
    return PostWebinarDelivery(
        delivery_id=row["delivery_id"],
        version=row["version"],
        webinar_id=row["webinar_id"],
        lead_id=row["lead_id"],
        recipient=row["recipient"],
        step=row["step"],
        state=row["state"],
        attempts=row["attempts"],
        reason=row["reason"],
        due_at=row["due_at"],
    )


async def add_deliveries(
    work: Work, deliveries: Sequence[NewDelivery], traces: Mapping[tuple[UUID, str], str | None]
) -> list[Any]:
    """Insert what is missing and return the new rows. `traces`: the `traceparent` of each webinar and lead."""
    ordered = sorted(deliveries, key=lambda one: (one.webinar_id, one.lead_id, one.recipient, one.step))
    rows: list[Any] = await work.connection.fetch(
        _ADD,
        [UUID(bytes=uuid7().bytes) for _ in ordered],
        [one.webinar_id for one in ordered],
        [one.lead_id for one in ordered],
        [one.account_id for one in ordered],
        [one.recipient.value for one in ordered],
        [one.step.value for one in ordered],
        [one.state.value for one in ordered],
        [one.reason for one in ordered],
        [one.due_at for one in ordered],
        version_at(work.now),
        [traces.get((one.webinar_id, one.lead_id)) for one in ordered],
    )
    return rows


async def hold(work: Work, webinar_id: UUID) -> list[Any]:
    """Hold what is planned."""
    return await _set_control(work, webinar_id, "held", _HOLD)


async def release(work: Work, webinar_id: UUID) -> list[Any]:
    """Plan again what is held."""
    return await _set_control(work, webinar_id, "open", _RELEASE)


async def cancel(work: Work, webinar_id: UUID) -> list[Any]:
    """Cancel what has not been sent."""
    return await _set_control(work, webinar_id, "cancelled", _CANCEL, Reason.CANCELLED_AT_DESK)


async def _set_control(work: Work, webinar_id: UUID, control: str, statement: str, *more: Any) -> list[Any]:
    await work.connection.execute("update followup set control = $2 where webinar_id = $1", webinar_id, control)
    rows: list[Any] = await work.connection.fetch(statement, version_at(work.now), webinar_id, *more)
    return rows


async def suppress(work: Work, account_ids: Sequence[str]) -> list[Any]:
    """Suppress what has not been sent to these accounts."""
    rows: list[Any] = await work.connection.fetch(_SUPPRESS, version_at(work.now), account_ids, Reason.ACCOUNT_INACTIVE)
    return rows


async def plan_what_waited_for_chat(work: Work, account_id: str) -> list[Any]:
    """Plan again what had no chat to go to when it could have gone to this account in the last 48 hours."""
    rows: list[Any] = await work.connection.fetch(_REPLAN, version_at(work.now), account_id, work.now - LINKED_WITHIN)
    return rows


async def plan_what_missed_its_chat(work: Work) -> list[Any]:
    """Plan again what was found without a chat while the chat was being linked: neither saw the other's change."""
    ids = await share_followups_of_missed(work, work.now - LINKED_WITHIN, limit=SLICE)
    rows: list[Any] = await work.connection.fetch(_REPLAN_MISSED, version_at(work.now), ids) if ids else []
    return rows


async def plan_what_lacked_recording(work: Work, webinar_ids: Iterable[UUID]) -> list[Any]:
    """Plan again what was cancelled while the link to the recording was away, when it came back in time."""
    rows: list[Any] = await work.connection.fetch(
        _REPLAN_RECORDING, version_at(work.now), list(webinar_ids), RECORDING_WITHIN, Reason.NO_RECORDING
    )
    return rows


async def settle(work: Work) -> list[Any]:
    """Give a slice of what is due and cannot be sent its state and reason."""
    rows: list[Any] = await work.connection.fetch(
        _SETTLE,
        version_at(work.now),
        work.now,
        Reason.ACCOUNT_INACTIVE,
        Reason.NO_RECORDING,
        Reason.NO_CHAT,
        Reason.CHAT_BLOCKED,
        SLICE,
    )
    return rows


async def doubt(work: Work) -> list[Any]:
    """Make `uncertain` what has been on its way for too long."""
    rows: list[Any] = await work.connection.fetch(
        _DOUBT, version_at(work.now), work.now - UNCERTAIN_AFTER, Reason.NO_ANSWER, SLICE
    )
    return rows


async def state_for_update(work: Work, delivery_id: UUID) -> DeliveryState | None:
    """Return the state of a delivery, locked; None when there is no such one."""
    state = await work.connection.fetchval("select state from delivery where delivery_id = $1 for update", delivery_id)
    return None if state is None else DeliveryState(state)


async def copy_delivery(work: Work, delivery_id: UUID, *, traceparent: str | None) -> Any | None:
    """Insert the delivery once more, planned and due now; None when that was done before."""
    return await work.connection.fetchrow(
        _COPY, delivery_id, UUID(bytes=uuid7().bytes), work.now, version_at(work.now), traceparent
    )


async def give_way_to_copy(work: Work, delivery_id: UUID) -> list[Any]:
    """Cancel a delivery that could still be sent, since its copy will be."""
    rows: list[Any] = await work.connection.fetch(_REPLACE, version_at(work.now), delivery_id, Reason.SENT_AGAIN)
    return rows


async def give_way_to_original(work: Work, claim_id: UUID) -> list[Any]:
    """Cancel what would be sent again of a claim that has arrived after all."""
    rows: list[Any] = await work.connection.fetch(_GIVE_WAY, version_at(work.now), claim_id, Reason.ARRIVED_AFTER_ALL)
    return rows


async def present_deliveries(work: Work, after: str, limit: int) -> list[tuple[str, PostWebinarDelivery]]:
    """Return the next snapshots in the order of their ids."""
    rows = await work.connection.fetch(
        "select * from delivery where $1 = '' or delivery_id > nullif($1, '')::uuid order by delivery_id limit $2",
        after,
        limit,
    )
    return [(str(row["delivery_id"]), delivery_event(row)) for row in rows]
