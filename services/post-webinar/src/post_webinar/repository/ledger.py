"""Reading the delivery ledger for a person: who got what, and what is not known."""

from typing import Any
from uuid import UUID

_ROWS = """
select d.delivery_id, d.lead_id, d.recipient, d.step, d.copy, d.state, d.attempts, d.reason, d.due_at, d.claimed_at,
       d.sent_at, d.account_id, coalesce(a.display_name, d.account_id) as person,
       coalesce(l.display_name, d.lead_id) as lead,
       exists (select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id
               and c.recipient = d.recipient and c.step = d.step and c.copy > d.copy) as sent_again
from delivery d
left join account a on a.account_id = d.account_id
left join account l on l.account_id = d.lead_id
where d.webinar_id = $1 and ($2::text is null or d.state = $2)
order by d.state <> 'uncertain', person, d.account_id, d.step, lead, d.copy, d.delivery_id
limit $3
"""


async def rows_of(connection: Any, webinar_id: UUID, *, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Return a webinar's deliveries with the names of their people, those that are uncertain first."""
    return [dict(row) for row in await connection.fetch(_ROWS, webinar_id, state, limit)]


async def states_of(connection: Any, webinar_id: UUID) -> dict[str, int]:
    """Return how many deliveries of a webinar are in each state."""
    rows = await connection.fetch(
        "select state, count(*) as count from delivery where webinar_id = $1 group by state order by state", webinar_id
    )
    return {row["state"]: row["count"] for row in rows}


async def webinar_named(connection: Any, webinar_id: UUID) -> str | None:
    """Return a webinar's title; None when it is not known here."""
    title: str | None = await connection.fetchval("select title from webinar where webinar_id = $1", webinar_id)
    return title


async def ending_in(connection: Any, ending: str) -> list[dict[str, Any]]:
    """Return the deliveries whose id is this, or ends so: at most two, enough to see that it is not one."""
    rows = await connection.fetch(
        "select d.delivery_id, d.state, d.step, d.recipient, coalesce(a.display_name, d.account_id) as person, w.title "
        "from delivery d left join account a using (account_id) left join webinar w on w.webinar_id = d.webinar_id "
        "where right(d.delivery_id::text, length($1)) = $1 limit 2",
        ending,
    )
    return [dict(row) for row in rows]
