"""Every statement that core-webinar sends to its database; speaks domain types and never commits."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import CtaVisibility, Role, StreamType, WebinarStatus
from servicekit import Work

from core_webinar.domain import ARCHIVED_AFTER, Account, Authorship, Decision, Webinar, Window

_COLUMNS = tuple(each.name for each in fields(Webinar))
_SELECT = f"select {', '.join(_COLUMNS)} from webinar"  # noqa: S608 - names of our own
_STORED = (*_COLUMNS, "automatic_stop_at")
_STORE = f"""
insert into webinar ({", ".join(_STORED)})
select {", ".join(_STORED)} from jsonb_populate_recordset(null::webinar, $1) order by webinar_id
on conflict (webinar_id) do update set {", ".join(f"{name} = excluded.{name}" for name in _STORED[1:])}
"""  # noqa: S608
_AUDITED = "webinar_id, version, changed_at, source, actor_id, message_id, reason, field, before, after"
_AUDIT = f"insert into audit ({_AUDITED}) select {_AUDITED} from jsonb_populate_recordset(null::audit, $1)"  # noqa: S608
_LOCK_OF_NEW_NAMES = "select pg_advisory_xact_lock(hashtextextended($1::text, 7113060115))"


async def webinar_to_change(work: Work, webinar_id: UUID) -> Webinar | None:
    """Return the webinar, its row locked until the transaction ends; `None` where there is none."""
    row = await work.connection.fetchrow(f"{_SELECT} where webinar_id = $1 for update", webinar_id)
    return _webinar(row) if row else None


async def webinar_to_change_or_create(work: Work, webinar_id: UUID) -> Webinar | None:
    """Return the webinar, locked; where there is none, nobody else can create it before this transaction ends."""
    found = await webinar_to_change(work, webinar_id)
    if found is None:
        await work.connection.execute(_LOCK_OF_NEW_NAMES, str(webinar_id))
        found = await webinar_to_change(work, webinar_id)
    return found


async def webinars_to_stop(work: Work, limit: int) -> Sequence[Webinar]:
    """Return what is on air or paused past its automatic stop, the longest due first; locked, skipping locked ones."""
    rows = await work.connection.fetch(
        f"{_SELECT} where automatic_stop_at <= $1 order by automatic_stop_at limit $2 for update skip locked",
        work.now,
        limit,
    )
    return [_webinar(row) for row in rows]


async def webinars_to_archive(work: Work, limit: int) -> Sequence[Webinar]:
    """Return what has finished 30 days ago or earlier, the earliest first; locked, skipping locked ones."""
    rows = await work.connection.fetch(
        f"{_SELECT} where status = 'finished' and finished_at <= $1 order by finished_at limit $2"
        " for update skip locked",
        work.now - ARCHIVED_AFTER,
        limit,
    )
    return [_webinar(row) for row in rows]


async def webinars_after(work: Work, after: str, limit: int) -> Sequence[Webinar]:
    """Return webinars in the order of their ids, from the one after the id `after` (empty: from the first)."""
    rows = await work.connection.fetch(
        f"{_SELECT} where $1::uuid is null or webinar_id > $1 order by webinar_id limit $2",
        UUID(after) if after else None,
        limit,
    )
    return [_webinar(row) for row in rows]


async def former_values(work: Work, webinar_id: UUID, version: int) -> Mapping[str, Any]:
    """Return, of each field that was changed after `version`, the value that stood there at `version`."""
    rows = await work.connection.fetch(
        "select distinct on (field) field, before from audit where webinar_id = $1 and version > $2"
        " order by field, version",
        webinar_id,
        version,
    )
    former = {row["field"]: row["before"] for row in rows}
    if former.get("scheduled_at") is not None:
        former["scheduled_at"] = datetime.fromisoformat(former["scheduled_at"])
    return former


async def account(work: Work, account_id: str) -> Account | None:
    """Return what is known of an account."""
    row = await work.connection.fetchrow(
        "select account_id, version, role, display_name, active from account where account_id = $1", account_id
    )
    return Account(**dict(row) | {"role": Role(row["role"])}) if row else None


async def keep_accounts(work: Work, accounts: Sequence[Account]) -> None:
    """Remember accounts, sorted by id; the highest version of each stays."""
    await work.connection.execute(
        """
        insert into account (account_id, version, role, display_name, active)
        select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::boolean[])
        on conflict (account_id) do update
        set version = excluded.version, role = excluded.role, display_name = excluded.display_name,
            active = excluded.active
        where account.version < excluded.version
        """,
        [each.account_id for each in accounts],
        [each.version for each in accounts],
        [each.role.value for each in accounts],
        [each.display_name for each in accounts],
        [each.active for each in accounts],
    )


async def store(work: Work, decisions: Sequence[Decision], by: Authorship) -> None:
    """Write webinars as they are after these decisions, and what changed into the audit trail."""
    await work.connection.execute(_STORE, [_stored(decision.after) for decision in decisions])
    await work.connection.execute(
        _AUDIT,
        [
            {
                "webinar_id": str(decision.after.webinar_id),
                "version": decision.after.version,
                "changed_at": work.now.isoformat(),
                "source": by.source,
                "actor_id": by.actor_id,
                "message_id": str(by.message_id) if by.message_id else None,
                "reason": by.reason,
                "field": change.field,
                "before": _plain(change.before),
                "after": _plain(change.after),
            }
            for decision in decisions
            for change in decision.changes
        ],
    )


def _stored(webinar: Webinar) -> dict[str, Any]:
    return {name: _plain(getattr(webinar, name)) for name in _STORED}


def _plain(value: Any) -> Any:
    """Return what JSON can hold; enumerations are text already."""
    match value:
        case datetime():
            return value.isoformat()
        case UUID():
            return str(value)
        case Window():
            return [_plain(value.start), _plain(value.end)]
        case tuple():
            return [_plain(each) for each in value]
    return value


def _windows(stored: Sequence[Sequence[str | None]]) -> tuple[Window, ...]:
    moments = ([datetime.fromisoformat(each) if each else None for each in pair] for pair in stored)
    return tuple(Window(start, end) for start, end in moments if start is not None)


def _webinar(row: Mapping[str, Any]) -> Webinar:
    return Webinar(
        **dict(row)
        | {
            "status": WebinarStatus(row["status"]),
            "cta_visibility": CtaVisibility(row["cta_visibility"]),
            "stream_type": StreamType(row["stream_type"]),
            "on_air": _windows(row["on_air"]),
            "cta_windows": _windows(row["cta_windows"]),
        }
    )


async def outdo_versions(work: Work, version: int) -> int:
    """Give every webinar a version of at least this, with nothing else changed; returns how many there are."""
    rows = await work.connection.fetch(
        "update webinar set version = greatest(version + 1, $1) returning webinar_id", version
    )
    return len(rows)


async def on_air(work: Work) -> list[tuple[str, datetime]]:
    """Return title and automatic stop of what is on air or paused."""
    rows = await work.connection.fetch(
        "select title, automatic_stop_at from webinar where automatic_stop_at is not null order by automatic_stop_at"
    )
    return [(row["title"], row["automatic_stop_at"]) for row in rows]
