"""The sender's part of the ledger: what goes next, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from contracts import CompletedBy, DeliveryState, Recipient, Step
from servicekit import Work

from post_webinar.domain.messages import Reader, lead_message, partner_message
from post_webinar.domain.planning import NOTICE_WINDOW, Reason
from post_webinar.domain.texts import Guest, Occasion, locale_of
from post_webinar.repository.deliveries import announce_changes, give_way_to_original, version_at
from post_webinar.repository.links import set_blocked
from post_webinar.repository.locks import share_followups_of_delivery
from post_webinar.repository.templates import templates
from post_webinar.settings import PostWebinarSettings

# A notice waits for those that fall due within a minute of it, and a minute after the last that went to its reader.
_NEXT = """
select d.*, l.chat_id, a.display_name, a.locale
from delivery d
join account a on a.account_id = d.account_id and a.active
join chat_link l on l.account_id = d.account_id and l.chat_id is not null and not l.blocked
join webinar w on w.webinar_id = d.webinar_id
where d.state = 'planned' and d.due_at <= $1 and not (l.chat_id = any($2::bigint[]))
  and (d.step <> 'recording' or w.recording_url is not null)
  and (d.step <> 'partner_notice' or not exists (
          select from delivery n where n.account_id = d.account_id and n.step = 'partner_notice'
            and n.state = 'planned' and n.due_at > $1 and n.due_at < d.due_at + $3::interval
      ) and not exists (
          select from delivery n where n.account_id = d.account_id and n.step = 'partner_notice'
            and n.state in ('sending', 'sent', 'uncertain') and n.claimed_at > $1 - $3::interval
      ))
order by d.recipient, d.due_at, d.delivery_id limit 1 for update of d skip locked
"""
# Step names in this order put the follow-up before the recording.
_WITH_LEAD = """
select d.* from delivery d join webinar w on w.webinar_id = d.webinar_id
where d.webinar_id = $1 and d.lead_id = $2 and d.recipient = 'candidate' and d.state = 'planned' and d.due_at <= $3
  and d.step in ('attended', 'not_attended', 'recording') and (d.step <> 'recording' or w.recording_url is not null)
order by d.step, d.delivery_id for update of d skip locked
"""
_WITH_PARTNER = """
select * from delivery
where account_id = $1 and step = 'partner_notice' and state = 'planned' and due_at <= $2
order by webinar_id, delivery_id for update skip locked
"""
_CLAIM = """
update delivery set state = 'sending', reason = null, attempts = attempts + 1, claim_id = $2, claimed_at = $3,
                    version = greatest(version + 1, $4)
where delivery_id = any($1::uuid[]) returning *
"""
_TOO_LONG = """
update delivery set state = 'failed', reason = $2, version = greatest(version + 1, $3)
where delivery_id = any($1::uuid[]) returning *
"""
# A row that may be sent again obeys what the desk has said meanwhile, and never runs beside its own copy.
_OUTCOME = """
update delivery d set
    state = case when $3 <> 'planned' then $3
                 when exists (select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id
                              and c.recipient = d.recipient and c.step = d.step and c.copy > d.copy) then 'failed'
                 when d.copy > 0 then 'planned'
                 else (select case f.control when 'held' then 'held' when 'cancelled' then 'cancelled'
                              else 'planned' end from followup f where f.webinar_id = d.webinar_id) end,
    reason = $4, message_id = $5, sent_at = case when $3 = 'sent' then $6::timestamptz end,
    attempts = d.attempts - $7::int, version = greatest(d.version + 1, $2)
where d.claim_id = $1 and d.state in ('sending', 'uncertain') returning *
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows of the ledger that leave as one message; they are `sending` once this is committed."""

    claim_id: UUID
    chat_id: int
    text: str
    deliveries: tuple[UUID, ...]
    traceparents: tuple[str | None, ...] = ()
    """The traces of its rows."""


async def claim_next(work: Work, busy: Sequence[int], settings: PostWebinarSettings) -> Claim | None:
    """Claim the next due message whose chat is not among `busy`, candidates before partners; None: there is none."""
    connection = work.connection
    while (first := await connection.fetchrow(_NEXT, work.now, list(busy), NOTICE_WINDOW)) is not None:
        reader = Reader(first["display_name"], locale_of(first["locale"]))
        if first["recipient"] == Recipient.PARTNER:
            rows, text = await _notice(work, first, reader, settings)
        else:
            rows, text = await _followup(work, first, reader, settings)
        ids = [row["delivery_id"] for row in rows]
        if text is None:
            announce_changes(work, await connection.fetch(_TOO_LONG, ids, Reason.TOO_LONG, version_at(work.now)))
            continue
        traces = tuple(row["traceparent"] for row in rows)
        claim = Claim(uuid4(), first["chat_id"], text, tuple(ids), traces)
        announce_changes(work, await connection.fetch(_CLAIM, ids, claim.claim_id, work.now, version_at(work.now)))
        return claim
    return None


async def _followup(
    work: Work, first: Any, reader: Reader, settings: PostWebinarSettings
) -> tuple[list[Any], str | None]:
    rows = await work.connection.fetch(_WITH_LEAD, first["webinar_id"], first["lead_id"], work.now)
    rows = _one_of_each_step(rows)
    occasion = (await _occasions(work, [first["webinar_id"]], settings))[first["webinar_id"]]
    verdict = await work.connection.fetchrow(
        "select watched_seconds, reason from verdict where webinar_id = $1 and lead_id = $2",
        first["webinar_id"],
        first["lead_id"],
    )
    text, count = lead_message(
        reader,
        occasion,
        verdict["watched_seconds"],
        [Step(row["step"]) for row in rows],
        await templates(work, reader.locale),
        at_least=_watched_on(verdict),
    )
    return (rows[:count], text) if count else (rows[:1], None)


def _watched_on(verdict: Any) -> bool:
    """Whether the figures are those until "finish" was pressed: who pressed may have stayed."""
    return bool(verdict["reason"] == CompletedBy.FINISH)


def _one_of_each_step(rows: Sequence[Any]) -> list[Any]:
    """A follow-up and its copy, both planned, are two messages."""
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(row["step"], row)
    return list(found.values())


async def _notice(
    work: Work, first: Any, reader: Reader, settings: PostWebinarSettings
) -> tuple[list[Any], str | None]:
    rows = await work.connection.fetch(_WITH_PARTNER, first["account_id"], work.now)
    occasions = await _occasions(work, sorted({row["webinar_id"] for row in rows}), settings, to_partner=True)
    guests: dict[UUID, dict[str, Guest]] = {webinar_id: {} for webinar_id in occasions}
    for row in await work.connection.fetch(
        "select v.webinar_id, v.lead_id, v.attended, v.watched_seconds, v.reason, a.display_name from verdict v "
        "join unnest($1::uuid[], $2::text[]) as wanted (webinar_id, lead_id) using (webinar_id, lead_id) "
        "join account a on a.account_id = v.lead_id order by v.attended desc, v.watched_seconds desc, v.lead_id",
        [row["webinar_id"] for row in rows],
        [row["lead_id"] for row in rows],
    ):
        guests[row["webinar_id"]][row["lead_id"]] = Guest(
            row["display_name"], row["attended"], row["watched_seconds"], at_least=_watched_on(row)
        )
    candidates = [(occasions[webinar_id], list(found.values())) for webinar_id, found in guests.items()]
    return rows, partner_message(reader, candidates, await templates(work, reader.locale))


async def _occasions(
    work: Work, webinar_ids: Sequence[UUID], settings: PostWebinarSettings, *, to_partner: bool = False
) -> dict[UUID, Occasion]:
    rows = await work.connection.fetch(
        "select webinar_id, title, coalesce(scheduled_at, started_at) as begins_at, time_zone, recording_url, cta_link "
        "from webinar where webinar_id = any($1::uuid[]) order by begins_at, webinar_id",
        list(webinar_ids),
    )
    return {
        row["webinar_id"]: Occasion(
            title=row["title"],
            begins_at=row["begins_at"],
            time_zone=row["time_zone"],
            recording_url=row["recording_url"],
            link=settings.page("/account/candidates/") if to_partner else _link(row["cta_link"], settings),
        )
        for row in rows
    }


def _link(cta_link: str, settings: PostWebinarSettings) -> str:
    """Where the call to action leads; without a link of its own to the viewer's partner."""
    if cta_link.startswith("https://"):
        return cta_link
    return settings.page(cta_link if cta_link.startswith("/") else "/account/contacts/")


async def record_outcome(
    work: Work,
    claim: Claim,
    state: DeliveryState,
    reason: str | None = None,
    *,
    message_id: int | None = None,
    not_counted: bool = False,
    sent_at: datetime | None = None,
) -> None:
    """Write down what became of a claim; a late answer corrects `uncertain`.

    `planned` means that it surely was not sent; with `not_counted` the attempt was none.
    """
    await share_followups_of_delivery(work, claim.claim_id)
    rows = await work.connection.fetch(
        _OUTCOME,
        claim.claim_id,
        version_at(work.now),
        state.value,
        None if reason is None else reason[:500],
        message_id,
        sent_at or work.now,
        int(not_counted),
    )
    announce_changes(work, rows)
    if state is DeliveryState.SENT:
        announce_changes(work, await give_way_to_original(work, claim.claim_id))
    if state is DeliveryState.BLOCKED:
        await set_blocked(work, claim.chat_id, True)
