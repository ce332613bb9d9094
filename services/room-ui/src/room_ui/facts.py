"""Facts that room-ui itself announces: each written down in the transaction that announces it, so only once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contracts import CtaClicked, CtaShown, RoomFinish
from servicekit import Work

_ADD_CTA = """
insert into cta (webinar_id, lead_id, kind, at)
select $1, lead_id, $3, $4 from unnest($2::text[]) as given(lead_id) order by lead_id
on conflict (webinar_id, lead_id, kind) do nothing returning lead_id
"""


async def announce_finish(work: Work, lead_id: str, webinar_id: UUID) -> bool:
    """Announce the lead's first "finish" in this webinar; whether it was the first."""
    added: Any = await work.connection.fetchval(
        """
        insert into finish (webinar_id, lead_id, at) values ($1, $2, $3)
        on conflict (webinar_id, lead_id) do nothing returning true
        """,
        webinar_id,
        lead_id,
        work.now,
    )
    if added:
        work.announce(RoomFinish(lead_id=lead_id, webinar_id=webinar_id, at=work.now))
    return bool(added)


async def announce_cta_shown(work: Work, lead_ids: Sequence[str], webinar_id: UUID) -> None:
    """Announce for each lead that has not been told of before that the call to action was sent to their page."""
    added = await work.connection.fetch(_ADD_CTA, webinar_id, sorted(lead_ids), "shown", work.now)
    for row in added:
        work.announce(CtaShown(lead_id=row["lead_id"], webinar_id=webinar_id, at=work.now))


async def announce_cta_clicked(work: Work, lead_id: str, webinar_id: UUID) -> None:
    """Announce the lead's first click on the call to action."""
    added = await work.connection.fetch(_ADD_CTA, webinar_id, [lead_id], "clicked", work.now)
    for row in added:
        work.announce(CtaClicked(lead_id=row["lead_id"], webinar_id=webinar_id, at=work.now))
