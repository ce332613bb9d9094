"""Every statement about sessions, sign-in attempts and one-time links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts import Role
from servicekit import Work
from servicekit.retention import SLICE, delete_slice

ATTEMPT_WINDOW = timedelta(minutes=15)
OVER_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class SessionAccount:
    """Whose session it is."""

    account_id: str
    display_name: str
    role: Role
    locale: str
    partner_id: str | None


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many attempts the window takes: for login and address, for an address, for a login from everywhere."""

    both: int
    address: int
    login: int


async def attempt(
    connection: Any, attempt_id: UUID, login: str, address: str, at: datetime, *, limits: AttemptLimits
) -> datetime | None:
    """Add an attempt; returns None when it may be looked at, or from when on the next one may, were there too many.

    Attempts on one login wait for one another, so that a volley of them is counted one by one. For the login, an
    address counts with no more than it may try: what is refused there must not shut others out.
    """
    await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 20261))", login)
    row = await connection.fetchrow(
        """
        select coalesce(sum(tried) filter (where login = $1 and address = $2), 0) as both_same,
               coalesce(sum(tried) filter (where address = $2), 0) as address_same,
               coalesce(sum(least(tried, $4)) filter (where login = $1), 0) as login_same,
               min(first_at) filter (where login = $1) as login_first_at
        from (
            select login, address, count(*) as tried, min(at) as first_at
            from sign_in_attempt where (login = $1 or address = $2) and at > $3 group by login, address
        ) as counted
        """,
        login,
        address,
        at - ATTEMPT_WINDOW,
        limits.both,
    )
    await connection.execute(
        "insert into sign_in_attempt (attempt_id, login, address, at) values ($1, $2, $3, $4)",
        attempt_id,
        login,
        address,
        at,
    )
    until = []
    if row["both_same"] >= limits.both or row["address_same"] >= limits.address:
        until.append(await _next_attempt_at(connection, login, address, limits))
    if row["login_same"] >= limits.login:
        until.append(row["login_first_at"] + ATTEMPT_WINDOW)
    return max(until, default=None)


async def _next_attempt_at(connection: Any, login: str, address: str, limits: AttemptLimits) -> datetime:
    """Return from when on there are fewer attempts in the window from this address than `limits`."""
    reached: datetime = await connection.fetchval(
        """
        select max(at) from (
            (select at from sign_in_attempt where login = $1 and address = $2 order by at desc offset $3 limit 1)
            union all
            (select at from sign_in_attempt where address = $2 order by at desc offset $4 limit 1)
        ) as reached
        """,
        login,
        address,
        limits.both - 1,
        limits.address - 1,
    )
    return reached + ATTEMPT_WINDOW


async def forgive_attempts(connection: Any, login: str, address: str) -> None:
    """Take back the attempts of who has now signed in."""
    await connection.execute("delete from sign_in_attempt where login = $1 and address = $2", login, address)


async def sweep(work: Work) -> bool:
    """Delete a slice of what no longer means anything: old attempts, sessions long over, links long dead.

    Returns whether there may be more.
    """
    deleted = [
        await delete_slice(work, "sign_in_attempt", "at < $1", work.now - ATTEMPT_WINDOW),
        await delete_slice(work, "session", "expires_at < $1", work.now - OVER_FOR),
        await delete_slice(work, "one_time_link", "expires_at < $1", work.now - OVER_FOR),
    ]
    return any(len(rows) == SLICE for rows in deleted)


async def add_session(
    connection: Any, session_id: str, account_id: str, created_at: datetime, expires_at: datetime
) -> None:
    await connection.execute(
        "insert into session (session_id, account_id, created_at, expires_at) values ($1, $2, $3, $4)",
        session_id,
        account_id,
        created_at,
        expires_at,
    )


async def session_account(connection: Any, session_id: str, now: datetime) -> SessionAccount | None:
    """Return whose session it is; None when it has ended or expired, or its account is not active."""
    row = await connection.fetchrow(
        """
        select account.account_id, display_name, role, locale, partner_id
        from session join account using (account_id)
        where session_id = $1 and ended_at is null and expires_at > $2 and active
        """,
        session_id,
        now,
    )
    return None if row is None else SessionAccount(**{**row, "role": Role(row["role"])})


async def renew_session(connection: Any, session_id: str, expires_at: datetime) -> None:
    await connection.execute(
        "update session set expires_at = greatest(expires_at, $2) where session_id = $1 and ended_at is null",
        session_id,
        expires_at,
    )


async def end_session(connection: Any, session_id: str, now: datetime) -> None:
    await connection.execute(
        "update session set ended_at = $2 where session_id = $1 and ended_at is null", session_id, now
    )


async def open_sessions(connection: Any, account_id: str, now: datetime) -> int:
    """Return on how many browsers the account is signed in."""
    count: int = await connection.fetchval(
        "select count(*) from session where account_id = $1 and ended_at is null and expires_at > $2", account_id, now
    )
    return count


async def end_sessions_of(connection: Any, account_id: str, now: datetime, *, but: str | None = None) -> list[str]:
    """End the account's open sessions, all but `but`; returns their ids."""
    rows = await connection.fetch(
        """
        update session set ended_at = $2
        where account_id = $1 and ended_at is null and session_id is distinct from $3 returning session_id
        """,
        account_id,
        now,
        but,
    )
    return [row["session_id"] for row in rows]


async def ended_sessions(connection: Any, *, since: datetime) -> list[str]:
    rows = await connection.fetch("select session_id from session where ended_at >= $1", since)
    return [row["session_id"] for row in rows]


async def newcomers(connection: Any, logins: Sequence[str]) -> dict[str, str]:
    """Return account ids by login of the active accounts that have no password and have not signed in yet.

    A session is remembered for `OVER_FOR` after it has expired.
    """
    rows = await connection.fetch(
        """
        select login, account_id from account
        where login = any($1::text[]) and active and password_hash is null
          and not exists (select from session where session.account_id = account.account_id)
        """,
        list(logins),
    )
    return {row["login"]: row["account_id"] for row in rows}


async def add_links(
    connection: Any, hashes: Sequence[bytes], account_ids: Sequence[str], now: datetime, expires_at: datetime
) -> None:
    await connection.execute(
        """
        insert into one_time_link (token_hash, account_id, created_at, expires_at)
        select token_hash, account_id, $3, $4 from unnest($1::bytea[], $2::text[]) as given(token_hash, account_id)
        """,
        list(hashes),
        list(account_ids),
        now,
        expires_at,
    )


async def end_links_of(connection: Any, account_ids: Sequence[str], now: datetime) -> None:
    """Let those of the accounts' links that were not used be good no more."""
    await connection.execute(
        "update one_time_link set expires_at = $2"
        " where account_id = any($1::text[]) and used_at is null and expires_at > $2",
        list(account_ids),
        now,
    )


async def link_owner(connection: Any, token_hash: bytes, now: datetime) -> str | None:
    """Return the display name behind a link that can still be used; None otherwise."""
    name: str | None = await connection.fetchval(
        """
        select display_name from one_time_link join account using (account_id)
        where token_hash = $1 and used_at is null and expires_at > $2 and active
        """,
        token_hash,
        now,
    )
    return name


async def use_link(connection: Any, token_hash: bytes, now: datetime) -> tuple[str, Role] | None:
    """Use the link up; returns whose it was, None when it cannot be used (again)."""
    row = await connection.fetchrow(
        """
        update one_time_link set used_at = $2 from account
        where token_hash = $1 and used_at is null and expires_at > $2
          and account.account_id = one_time_link.account_id and account.active
        returning account.account_id, account.role
        """,
        token_hash,
        now,
    )
    return None if row is None else (row["account_id"], Role(row["role"]))
