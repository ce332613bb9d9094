"""The ledger in figures, for the metrics."""

from dataclasses import dataclass
from datetime import timedelta

from servicekit import Work

# Recording links may come 7 days after the end. Older webinars are not looked at, however many there are.
_LOOKED_AT = timedelta(days=8)
_LATELY = timedelta(days=1)
_BY_STATE = """
select d.state, count(*) as all_of_them, count(*) filter (
    where d.state = 'uncertain' and d.claimed_at > $2 and not exists (
        select from delivery c where c.webinar_id = d.webinar_id and c.lead_id = d.lead_id
          and c.recipient = d.recipient and c.step = d.step and c.copy > d.copy)) as uncertain
from webinar w join delivery d on d.webinar_id = w.webinar_id
where w.finished_at > $1
group by d.state
"""
_DUE = """
select count(*) as due, coalesce(extract(epoch from $1::timestamptz - min(d.due_at)), 0)::float8 as oldest
from delivery d
join chat_link l on l.account_id = d.account_id and l.chat_id is not null and not l.blocked
where d.state = 'planned' and d.due_at <= $1
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """`states`: rows of late webinars by state; `uncertain`: of the last day, and not sent again."""

    states: dict[str, int]
    uncertain: int
    due: int
    oldest_due_seconds: float


async def measure(work: Work) -> Ledger:
    """Count what the metrics tell of the ledger."""
    rows = await work.connection.fetch(_BY_STATE, work.now - _LOOKED_AT, work.now - _LATELY)
    due = await work.connection.fetchrow(_DUE, work.now)
    return Ledger(
        states={row["state"]: row["all_of_them"] for row in rows},
        uncertain=sum(row["uncertain"] for row in rows),
        due=due["due"],
        oldest_due_seconds=due["oldest"],
    )
