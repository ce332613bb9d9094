"""What the report of one webinar reads: its figures, who is on it in which order, and the verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts import Capability, DeliveryState, Recipient

from room_ui.pages.curve import Window
from room_ui.pages.moving import Verdict
from room_ui.pages.queries import IS_SENT_AGAIN, LEADS, WATCHED_SECONDS
from room_ui.statements import containing, roles_with

NOT_ARRIVED = (
    DeliveryState.FAILED,
    DeliveryState.BLOCKED,
    DeliveryState.NOT_LINKED,
    DeliveryState.SUPPRESSED,
    DeliveryState.UNCERTAIN,
)


class Show(StrEnum):
    """Who is listed."""

    ALL = "all"
    ATTENDED = "attended"
    NOT_ATTENDED = "not_attended"
    ABSENT = "absent"
    CLICKED = "clicked"
    UNDELIVERED = "undelivered"


class Sort(StrEnum):
    """In which order: by name with those who were there first, the earliest first, who watched most first.

    With a minus it is turned round; who was not there, or has no such figure, stands last in both.
    """

    NAME = "name"
    NAME_TURNED = "-name"
    ENTERED = "entered"
    ENTERED_TURNED = "-entered"
    WATCHED = "watched"
    WATCHED_TURNED = "-watched"

    @property
    def column(self) -> str:
        return self.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        return self in {Sort.NAME_TURNED, Sort.ENTERED_TURNED, Sort.WATCHED}

    def pressed(self, column: str) -> "Sort":
        """Return the order after a press on the heading of a column: the one that sorts turns round."""
        return Sort(f"-{column}" if self == column else column)


@dataclass(frozen=True, slots=True)
class Listing:
    """Who is listed, and how; `search` keeps the names that contain it, whatever the case."""

    show: Show = Show.ALL
    sort: Sort = Sort.NAME
    search: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The attendance of one webinar, over all leads.

    `cta_present` were there while the call to action was shown, `cta_pressed` of them followed it.
    """

    entered: int
    completed: int
    attended: int
    not_attended: int
    absent: int
    clicked: int
    undelivered: int
    watched_seconds: int
    median_seconds: int
    cta_present: int
    cta_pressed: int

    @property
    def everybody(self) -> int:
        return self.entered + self.absent

    @property
    def attended_percent(self) -> int | None:
        """The part of those who entered, in whole percent; None where nobody did."""
        return _percent(self.attended, self.entered)

    @property
    def cta_percent(self) -> int | None:
        """The part of those who saw the call to action on air; None where nobody did."""
        return _percent(self.cta_pressed, self.cta_present)

    @property
    def without_verdict(self) -> int:
        """How many entered and have no verdict yet."""
        return max(0, self.entered - self.attended - self.not_attended)

    def shown(self, show: str) -> int:
        """Return how many one of the choices of `Show` lists."""
        return self.everybody if show == Show.ALL else int(getattr(self, show))


def _percent(part: int, whole: int) -> int | None:
    return round(part * 100 / whole) if whole else None


_PAIR = """pair as (
    select webinar_id, lead_id from entered where webinar_id = $1
    union
    select $1, account_id from account where active and role = any($2::text[])
)"""

_UNDELIVERED = f"""exists (
    select from delivery d where d.webinar_id = pair.webinar_id and d.lead_id = pair.lead_id
    and d.recipient = '{Recipient.CANDIDATE}' and d.state in ({", ".join(f"'{state}'" for state in NOT_ARRIVED)})
    and d.reason is distinct from 'sent_again' and not {IS_SENT_AGAIN}
)"""  # noqa: S608 - constants of this module; values only ever go in as parameters

_SHOWN = {
    Show.ALL: "true",
    Show.ATTENDED: "classification.attended",
    Show.NOT_ATTENDED: "not classification.attended",
    Show.ABSENT: "entered.lead_id is null",
    Show.CLICKED: "clicked.lead_id is not null",
    Show.UNDELIVERED: _UNDELIVERED,
}
_BY_NAME = "lower(account.display_name), pair.lead_id"
_SORTED = {
    Sort.NAME: f"entered.lead_id is null, {_BY_NAME}",
    Sort.NAME_TURNED: "entered.lead_id is null, lower(account.display_name) desc nulls last, pair.lead_id",
    Sort.ENTERED: f"entered.entered_at nulls last, {_BY_NAME}",
    Sort.ENTERED_TURNED: f"entered.entered_at desc nulls last, {_BY_NAME}",
    Sort.WATCHED: f"{WATCHED_SECONDS} desc nulls last, {_BY_NAME}",
    Sort.WATCHED_TURNED: f"{WATCHED_SECONDS} nulls last, {_BY_NAME}",
}


async def leads_of(connection: Any, webinar_id: UUID, listing: Listing) -> list[str]:
    """Return the leads that a listing names, all of them and in its order."""
    rows = await connection.fetch(
        f"""
        with {_PAIR}
        select pair.lead_id from pair {LEADS}
        where ({_SHOWN[listing.show]}) and coalesce(account.display_name, '') ilike $3
        order by {_SORTED[listing.sort]}
        """,  # noqa: S608
        webinar_id,
        _participants(),
        containing(listing.search),
    )
    return [row["lead_id"] for row in rows]


async def figures_of(connection: Any, webinar_id: UUID, cta: Sequence[Window]) -> Figures:
    """Return the figures of a webinar whose call to action was shown in these windows."""
    row = await connection.fetchrow(
        f"""
        with {_PAIR},
        shown as (select * from unnest($3::timestamptz[], $4::timestamptz[]) as shown(begun, until)),
        lead as (
            select entered.lead_id is not null as is_there, participation.completed_by, classification.attended,
                   clicked.lead_id is not null as has_clicked, {WATCHED_SECONDS} as watched_seconds,
                   {_UNDELIVERED} as is_undelivered,
                   exists (
                       select from jsonb_array_elements(participation.windows) as one, shown
                       where (one->>'from')::timestamptz < shown.until and shown.begun < (one->>'to')::timestamptz
                   ) as saw_cta
            from pair {LEADS}
        )
        select count(*) filter (where is_there) as entered,
               count(*) filter (where completed_by is not null) as completed,
               count(*) filter (where attended) as attended,
               count(*) filter (where not attended) as not_attended,
               count(*) filter (where not is_there) as absent,
               count(*) filter (where has_clicked) as clicked,
               count(*) filter (where is_undelivered) as undelivered,
               coalesce(sum(watched_seconds), 0) as watched_seconds,
               coalesce(percentile_cont(0.5) within group (order by watched_seconds), 0)::bigint as median_seconds,
               count(*) filter (where saw_cta) as cta_present,
               count(*) filter (where saw_cta and has_clicked) as cta_pressed
        from lead
        """,  # noqa: S608
        webinar_id,
        _participants(),
        [window.start for window in cta],
        [window.end for window in cta],
    )
    return Figures(**row)


async def verdicts_of(connection: Any, webinar_id: UUID) -> list[Verdict]:
    """Return the verdicts on a webinar's leads, by name."""
    rows = await connection.fetch(
        "select display_name as name, attended, reason, watched_seconds, watched_percent"
        " from classification left join account on account.account_id = lead_id where webinar_id = $1"
        " order by lower(display_name), lead_id",
        webinar_id,
    )
    return [Verdict(**row) for row in rows]


def _participants() -> list[str]:
    return roles_with(Capability.WEBINAR_PARTICIPATE)
