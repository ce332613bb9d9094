"""Every statement about accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts import AccountEvent, Capability, ContactCard, Role
from servicekit import Work

from room_ui.domain import newer_version
from room_ui.statements import containing, roles_with

_MANAGERS = roles_with(Capability.ACCOUNT_MANAGE)
_EVENT_FIELDS = "account_id, version, display_name, role, partner_id, locale, country, contact, active"


@dataclass(frozen=True, slots=True)
class Account:
    """An account as its administrator sees it; never with the password's hash."""

    account_id: str
    login: str
    display_name: str
    role: Role
    partner_id: str | None
    partner_name: str | None
    partner_login: str | None
    locale: str
    country: str | None
    contact: ContactCard
    active: bool
    has_password: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is checked against."""

    account_id: str
    role: Role
    password_hash: str | None


_ACCOUNT = """
select account.account_id, account.login, account.display_name, account.role, account.partner_id,
       partner.display_name as partner_name, partner.login as partner_login, account.locale, account.country,
       account.contact, account.active, account.password_hash is not null as has_password, account.created_at
from account left join account as partner on partner.account_id = account.partner_id
"""


def _account(row: Mapping[str, Any]) -> Account:
    return Account(**{**row, "role": Role(row["role"]), "contact": ContactCard.model_validate(row["contact"])})


async def account_by_id(connection: Any, account_id: str) -> Account | None:
    row = await connection.fetchrow(f"{_ACCOUNT} where account.account_id = $1", account_id)
    return None if row is None else _account(row)


async def account_by_login(connection: Any, login: str) -> Account | None:
    row = await connection.fetchrow(f"{_ACCOUNT} where account.login = $1", login)
    return None if row is None else _account(row)


async def accounts_by_login(connection: Any, logins: Sequence[str]) -> list[Account]:
    """Return those of the accounts with these logins that exist."""
    rows = await connection.fetch(f"{_ACCOUNT} where account.login = any($1::text[])", list(logins))
    return [_account(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts a list shows: `search` looks into login and name; None leaves a filter out."""

    search: str = ""
    role: Role | None = None
    active: bool | None = None

    @property
    def values(self) -> tuple[str, str | None, bool | None]:
        """The values of `_WANTED`."""
        return containing(self.search), self.role.value if self.role else None, self.active


EVERYBODY = Wanted()
_WANTED = """
(account.login ilike $1 or account.display_name ilike $1) and ($2::text is null or account.role = $2)
and ($3::boolean is null or account.active = $3)
"""


async def accounts(connection: Any, wanted: Wanted, *, after: str = "", limit: int = 100) -> list[Account]:
    """Return accounts by login, those after the login `after`."""
    rows = await connection.fetch(
        f"{_ACCOUNT} where {_WANTED} and account.login > $4 order by account.login limit $5",
        *wanted.values,
        after,
        limit,
    )
    return [_account(row) for row in rows]


async def count_accounts(connection: Any, wanted: Wanted) -> int:
    count: int = await connection.fetchval(f"select count(*) from account where {_WANTED}", *wanted.values)  # noqa: S608
    return count


async def active_partners(connection: Any, logins: Sequence[str]) -> dict[str, str]:
    """Return account ids by login of those among `logins` who are active partners."""
    rows = await connection.fetch(
        "select login, account_id from account where login = any($1::text[]) and active and role = 'partner'",
        list(logins),
    )
    return {row["login"]: row["account_id"] for row in rows}


async def partner_ids(connection: Any, logins: Sequence[str]) -> dict[str, str]:
    """Return account ids by login, whoever they are: a partner that stays may have been switched off since."""
    rows = await connection.fetch("select login, account_id from account where login = any($1::text[])", list(logins))
    return {row["login"]: row["account_id"] for row in rows}


async def lock_logins(connection: Any, logins: Sequence[str]) -> None:
    """Let the accounts with these logins stay as they are until the end of the transaction."""
    await connection.execute(
        "select from account where login = any($1::text[]) order by account_id for update", list(logins)
    )


async def manager_outside(connection: Any, logins: Sequence[str]) -> bool:
    """Whether an active account that has none of these logins may manage accounts."""
    return bool(
        await connection.fetchval(
            "select exists (select from account where active and role = any($1::text[])"
            " and not (login = any($2::text[])))",
            _MANAGERS,
            list(logins),
        )
    )


async def manager_left(connection: Any) -> bool:
    """Whether an active account may manage accounts; who asks goes on alone until their transaction ends.

    Two administrators who take the right from one another at once must not both succeed.
    """
    await connection.execute("select pg_advisory_xact_lock(20264)")
    return bool(
        await connection.fetchval(
            "select exists (select from account where active and role = any($1::text[]))", _MANAGERS
        )
    )


async def add_accounts(work: Work, events: Sequence[AccountEvent], logins: Sequence[str]) -> int:
    """Add the accounts whose login is free, each with the login at its place; returns how many were added."""
    order = sorted(range(len(events)), key=lambda index: logins[index])
    told = [events[index] for index in order]
    added: list[Any] = await work.connection.fetch(
        """
        insert into account (account_id, version, display_name, role, partner_id, locale, country, contact, active,
                             login, created_at, updated_at)
        select account_id, version, display_name, role, partner_id, locale, country, contact, true, login, $10, $10
        from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
                    $9::text[])
             as given(account_id, version, display_name, role, partner_id, locale, country, contact, login)
        on conflict (login) do nothing returning login
        """,
        *_columns(told),
        [logins[index] for index in order],
        work.now,
    )
    return len(added)


def _event(row: Mapping[str, Any]) -> AccountEvent:
    return AccountEvent.model_validate(dict(row))


async def lock_accounts(work: Work, account_ids: Sequence[str]) -> dict[str, AccountEvent]:
    """Return those of the accounts that there are, by id, as they are; locked until the end of the transaction."""
    rows = await work.connection.fetch(
        f"select {_EVENT_FIELDS} from account where account_id = any($1::text[])"  # noqa: S608 - a constant
        " order by account_id for update",
        list(account_ids),
    )
    return {row["account_id"]: _event(row) for row in rows}


async def change_accounts(work: Work, accounts: Sequence[AccountEvent]) -> list[AccountEvent]:
    """Write the fields of each account under its next version; returns them as they are to be announced."""
    told = [one.model_copy(update={"version": newer_version(one.version, work.now)}) for one in accounts]
    await work.connection.execute(
        """
        update account set version = given.version, display_name = given.display_name, role = given.role,
               partner_id = given.partner_id, locale = given.locale, country = given.country, contact = given.contact,
               active = given.active, updated_at = $10
        from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[],
                    $9::boolean[])
             as given(account_id, version, display_name, role, partner_id, locale, country, contact, active)
        where account.account_id = given.account_id
        """,
        *_columns(told),
        [event.active for event in told],
        work.now,
    )
    return told


def _columns(events: Sequence[AccountEvent]) -> tuple[list[Any], ...]:
    """Return the events' fields up to the contact card, each as a list."""
    return (
        [event.account_id for event in events],
        [event.version for event in events],
        [event.display_name for event in events],
        [event.role.value for event in events],
        [event.partner_id for event in events],
        [event.locale for event in events],
        [event.country for event in events],
        [event.contact.model_dump() for event in events],
    )


async def account_snapshots(work: Work, after: str, limit: int) -> list[AccountEvent]:
    """Return the accounts after the id `after` in the order of their ids, as they are announced."""
    rows = await work.connection.fetch(
        f"select {_EVENT_FIELDS} from account where account_id > $1 order by account_id limit $2",  # noqa: S608
        after,
        limit,
    )
    return [_event(row) for row in rows]


async def accounts_changed(connection: Any, *, since: datetime) -> dict[str, Role]:
    """Return the roles, by id, of accounts changed at `since` or later."""
    rows = await connection.fetch("select account_id, role from account where updated_at >= $1", since)
    return {row["account_id"]: Role(row["role"]) for row in rows}


async def set_password_hash(connection: Any, account_id: str, password_hash: str) -> None:
    await connection.execute("update account set password_hash = $2 where account_id = $1", account_id, password_hash)


async def credentials(connection: Any, login: str) -> Credentials | None:
    """Return what a sign-in of an active account is checked against."""
    row = await connection.fetchrow(
        "select account_id, role, password_hash from account where login = $1 and active", login
    )
    return None if row is None else Credentials(row["account_id"], Role(row["role"]), row["password_hash"])
