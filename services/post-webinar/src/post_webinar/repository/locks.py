"""The locks under which messages are planned."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from servicekit import Work

from post_webinar.domain.planning import Control

_LEADS = """
select pg_advisory_xact_lock(key)
from (select distinct hashtextextended(lead_id, 0) as key from unnest($1::text[]) as lead_id order by key) as keys
"""
_FOLLOWUPS = """
insert into followup (webinar_id, control)
select webinar_id, 'open' from unnest($1::uuid[]) as webinar_id order by webinar_id
on conflict do nothing
"""
_LOCKED = "select webinar_id, control from followup where webinar_id = any($1::uuid[]) order by webinar_id for "
_MISSED = """
select d.delivery_id, d.webinar_id from delivery d
join chat_link l on l.account_id = d.account_id and l.chat_id is not null and not l.blocked
where d.state = 'not_linked' and d.not_linked_at > $1 order by d.not_linked_at limit $2
"""


async def lock_leads(work: Work, account_ids: Iterable[str]) -> None:
    """Make who tells of these accounts and who tells of them as leads wait for each other.

    Neither sees what the other has not committed; without this both might find that the other is still missing.
    """
    await work.connection.execute(_LEADS, sorted(set(account_ids)))


async def lock_followups(work: Work, webinar_ids: Iterable[UUID]) -> dict[UUID, Control]:
    """Lock the webinars' messages and return what the desk has said of them."""
    ids = sorted(set(webinar_ids))
    await work.connection.execute(_FOLLOWUPS, ids)
    rows = await work.connection.fetch(_LOCKED + "update", ids)
    return {row["webinar_id"]: Control(row["control"]) for row in rows}


async def share_followups_of_delivery(work: Work, claim_id: UUID) -> None:
    """Keep the desk from holding or cancelling the webinars of a claim until this transaction ends."""
    await work.connection.execute(
        "select 1 from followup where webinar_id in (select webinar_id from delivery where claim_id = $1) "
        "order by webinar_id for share",
        claim_id,
    )


async def share_followups_of_unlinked(work: Work, account_id: str, since: datetime) -> None:
    """Keep the desk from holding or cancelling what waits for this account's chat until this transaction ends."""
    await work.connection.execute(
        "select 1 from followup where webinar_id in (select webinar_id from delivery "
        "where account_id = $1 and state = 'not_linked' and not_linked_at > $2) order by webinar_id for share",
        account_id,
        since,
    )


async def share_followups_of_missed(work: Work, since: datetime, limit: int) -> list[UUID]:
    """Keep the desk from holding or cancelling what has a chat and is `not_linked` since then; returns its ids."""
    missed = await work.connection.fetch(_MISSED, since, limit)
    await work.connection.fetch(_LOCKED + "share", sorted({row["webinar_id"] for row in missed}))
    return [row["delivery_id"] for row in missed]
