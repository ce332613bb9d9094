"""SQL about what is settled after a restore."""

from datetime import datetime
from uuid import UUID

from contracts import Route
from servicekit import Work
from servicekit.after_restore import rows_of

from post_webinar.domain.planning import RECORDING_WITHIN, Reason

# The sender takes nothing before it is due, so what is due later cannot have gone.
_DOUBT = """
update delivery set state = 'uncertain', reason = $2
where state = 'sending' or state = 'planned' and due_at <= $1
"""
# It has begun, or should have, and is not over for so long that its last message is settled: in the time that was lost
# it may have ended, and its messages may have gone.
_MAY_BE_OVER = """
insert into followup as f (webinar_id, control)
select webinar_id, 'held' from webinar
where (started_at is not null or scheduled_at <= $1) and (finished_at is null or finished_at > $1 - $2::interval)
order by webinar_id
on conflict (webinar_id) do update set control = 'held' where f.control = 'open'
"""
_HELD = """
select w.title, (select count(*) from delivery d where d.webinar_id = w.webinar_id and d.state = 'held') as waiting
from followup f join webinar w using (webinar_id) where f.control = 'held' order by w.scheduled_at, w.webinar_id
"""


async def doubt_what_was_due(work: Work) -> int:
    """Make uncertain what may have been sent between the dump and now; returns how many messages that are."""
    return rows_of(await work.connection.execute(_DOUBT, work.now, Reason.RESTORED))


async def hold_what_may_be_over(work: Work) -> list[tuple[str, int]]:
    """Hold what is planned, and will be, of webinars whose messages may have gone.

    That goes for those who link a chat, and for a recording that is saved, once more as well. Returns the title of each
    webinar that is held, and how many messages wait.
    """
    await work.connection.execute(_MAY_BE_OVER, work.now, RECORDING_WITHIN)
    await work.connection.execute(
        "update delivery d set state = 'held' from followup f "
        "where f.webinar_id = d.webinar_id and f.control = 'held' and d.state = 'planned'"
    )
    return [(row["title"], row["waiting"]) for row in await work.connection.fetch(_HELD)]


async def routes_not_heard(work: Work) -> list[tuple[UUID, str, Route, datetime]]:
    """Return the routes that were announced and wait to be heard: the broker has lost them."""
    rows = await work.connection.fetch(
        "select webinar_id, lead_id, route, routed_at from route where not heard order by webinar_id, lead_id"
    )
    return [(row["webinar_id"], row["lead_id"], Route(row["route"]), row["routed_at"]) for row in rows]


async def outdo_versions(work: Work, version: int) -> int:
    """Give everything that is told in snapshots a version of at least this; returns how much there is."""
    return sum(
        [
            rows_of(await work.connection.execute(f"update {table} set version = greatest(version + 1, $1)", version))  # noqa: S608
            for table in ("delivery", "chat_link", "message_template")
        ]
    )
