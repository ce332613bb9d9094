"""Reading for the pages: webinars, partner cards, names. Statements of accounts are in `accounts/repository.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import ContactCard, Role, WebinarEvent

from room_ui import domain, projections
from room_ui.statements import containing

keep_webinars = projections.keep_webinars


@dataclass(frozen=True, slots=True)
class PartnerCard:
    """A viewer's own partner, with what the partner chose to show."""

    display_name: str
    contact: ContactCard


@dataclass(frozen=True, slots=True)
class PersonHere:
    """One name on the participant list: no id, no login, no contact."""

    name: str
    role: Role
    country: str | None
    host: bool


async def webinar(connection: Any, webinar_id: UUID) -> WebinarEvent | None:
    """Return the webinar as Core last told it, a draft too (ask `domain.is_visible_to`); None if there is none."""
    snapshot = await connection.fetchval("select snapshot from webinar where webinar_id = $1", webinar_id)
    return None if snapshot is None else WebinarEvent.model_validate(snapshot)


async def _webinars(connection: Any, condition: str, *values: Any) -> list[WebinarEvent]:
    # `condition` is one of this module's own constants; values only ever go in as parameters.
    rows = await connection.fetch(f"select snapshot from webinar where {condition}", *values)  # noqa: S608
    return [WebinarEvent.model_validate(row["snapshot"]) for row in rows]


async def schedule(connection: Any, now: datetime) -> list[WebinarEvent]:
    """Return the public schedule: on air first, then the coming ones, soonest first."""
    found = await _webinars(
        connection,
        "status in ('live', 'paused') or (status = 'scheduled'"
        " and scheduled_at + make_interval(mins => duration_minutes) > $1)",
        now,
    )
    return domain.schedule(found, now)


async def current_webinar(connection: Any, now: datetime) -> WebinarEvent | None:
    """Return the current webinar (`contracts.md`), or None."""
    found = await _webinars(
        connection,
        "status in ('live', 'paused') or (status = 'scheduled'"
        " and scheduled_at + make_interval(mins => duration_minutes) > $1)"
        " or (status = 'finished' and finished_at > $1 - interval '1 hour')",
        now,
    )
    return domain.current_webinar(found, now)


async def newer_webinars(connection: Any, known: Sequence[tuple[UUID, int]]) -> list[WebinarEvent]:
    """Return the webinars that are newer than `known` (id and version), and those not known that are not archived."""
    rows = await connection.fetch(
        """
        select snapshot from webinar
        left join unnest($1::uuid[], $2::bigint[]) as known(webinar_id, version) using (webinar_id)
        where webinar.version > known.version or (known.version is null and webinar.status <> 'archived')
        """,
        [webinar_id for webinar_id, _ in known],
        [version for _, version in known],
    )
    return [WebinarEvent.model_validate(row["snapshot"]) for row in rows]


async def partner_card(connection: Any, account_id: str) -> PartnerCard | None:
    """Return the contact card of the account's own partner; None without a partner or with one who left."""
    row = await connection.fetchrow(
        """
        select partner.display_name, partner.contact
        from account join account as partner on partner.account_id = account.partner_id
        where account.account_id = $1 and partner.active
        """,
        account_id,
    )
    return None if row is None else PartnerCard(row["display_name"], ContactCard.model_validate(row["contact"]))


async def display_names(connection: Any, account_ids: Sequence[str]) -> dict[str, str]:
    """Return the names of the accounts by id (speakers of webinars, leads of reports)."""
    rows = await connection.fetch(
        "select account_id, display_name from account where account_id = any($1::text[])", list(set(account_ids))
    )
    return {row["account_id"]: row["display_name"] for row in rows}


async def people_here(
    connection: Any, account_ids: Sequence[str], *, search: str = "", skip: int = 0, limit: int = 200
) -> list[PersonHere]:
    """Return who of `account_ids` stands at `skip` and after on the list: hosts first, then by name.

    `search` keeps the names that contain it, whatever the case.
    """
    rows = await connection.fetch(
        """
        select display_name, role, country, role in ('admin', 'speaker') as host
        from account
        where account_id = any($1::text[]) and active and display_name ilike $2
        order by role in ('admin', 'speaker') desc, lower(display_name), account_id
        offset $3 limit $4
        """,
        list(account_ids),
        containing(search),
        skip,
        limit,
    )
    return [PersonHere(row["display_name"], Role(row["role"]), row["country"], row["host"]) for row in rows]
