"""Provisioning: a database and a role for each service; by a superuser, or by one that may make roles and databases."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from servicekit.management import ProvisioningError
from servicekit.provision import Login

_LOCK = 7_113_060_113
_ADMINISTRATOR = """
select rolname as name, rolsuper as superuser, rolcreaterole as makes_roles, rolcreatedb as makes_databases
from pg_roles where rolname = current_user
"""
_ROLE = """
select rolsuper as superuser, rolcreatedb as createdb, rolcreaterole as createrole, rolreplication as replication,
       rolbypassrls as bypassrls
from pg_roles where rolname = $1
"""
_MORE_THAN_A_LOGIN = ("superuser", "createdb", "createrole", "replication", "bypassrls")
_SET_IS_A_RIGHT = 16
"""From this version of PostgreSQL on, who belongs to a role may act as it only where that was granted, too."""


async def provision_databases(database_url: str, logins: list[Login]) -> None:
    """Make or correct a database and a role for each service; no role reaches another's database.

    The administrator has to be a superuser, or to have CREATEROLE and CREATEDB. Raises `ProvisioningError`.
    """
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        row = await connection.fetchrow(_ADMINISTRATOR)
        assert row is not None
        administrator = Administrator(**dict(row))
        administrator.check()
        # Two at once would trip over each other's rows of roles and databases.
        await connection.execute(f"select pg_advisory_lock({_LOCK})")
        for login in logins:
            await _provision_role(connection, administrator, login)
        for login in logins:
            await _provision_database(connection, administrator, login.role)
    finally:
        await connection.close()


@dataclass(frozen=True)
class Administrator:
    """Who provisions databases: a superuser, or one that may make roles and databases."""

    name: str
    superuser: bool
    makes_roles: bool
    makes_databases: bool

    def check(self) -> None:
        """Raise `ProvisioningError` for one that may not do what provisioning does."""
        missing = [
            word for word, may in (("CREATEROLE", self.makes_roles), ("CREATEDB", self.makes_databases)) if not may
        ]
        if missing and not self.superuser:
            raise ProvisioningError(
                f"{self.name} lacks {' and '.join(missing)}: DATABASE_URL has to name a superuser, "
                "or a role that has CREATEROLE and CREATEDB."
            )


async def _provision_role(connection: Any, administrator: Administrator, login: Login) -> None:
    """Make a role that can sign in and nothing else, or correct one; then let the administrator act as it."""
    role, secret = _quoted(login.role), await connection.fetchval("select quote_literal($1)", login.password)
    found = await connection.fetchrow(_ROLE, login.role)
    if found is None:
        nothing_more = " ".join(f"no{word}" for word in _MORE_THAN_A_LOGIN)
        await connection.execute(f"create role {role} login {nothing_more} password {secret}")
    else:
        # Only a superuser may write `nosuperuser` about a role that is there, whatever that role is.
        excess = [word for word in _MORE_THAN_A_LOGIN if found[word]]
        taken = " ".join(f"no{word}" for word in excess)
        try:
            await connection.execute(f"alter role {role} login {taken} password {secret}")
        except asyncpg.InsufficientPrivilegeError as error:
            advice = (
                f"it is {', '.join(excess)}, which no service may be. Let a superuser say `alter role {role} {taken}`"
                if excess
                else f"somebody else made it. Let them say `grant {role} to {_quoted(administrator.name)} with admin "
                "option`"
            )
            raise ProvisioningError(
                f"{administrator.name} may not correct the role {login.role}: {advice}, and provision again. ({error})"
            ) from error
    # To give it a database, and for `webinarctl`, which looks into each database as its role.
    knows_set = connection.get_server_version().major >= _SET_IS_A_RIGHT
    right = "SET" if knows_set else "MEMBER"
    if not await connection.fetchval("select pg_has_role(current_user, $1::name, $2)", login.role, right):
        options = " with inherit true, set true" if knows_set else ""
        await connection.execute(f"grant {role} to current_user{options}")


async def _provision_database(connection: Any, administrator: Administrator, name: str) -> None:
    database = _quoted(name)
    owner = await connection.fetchval("select pg_get_userbyid(datdba) from pg_database where datname = $1", name)
    try:
        if owner is None:
            await connection.execute(f"create database {database} owner {database}")
        elif owner != name:
            await connection.execute(f"alter database {database} owner to {database}")
        async with connection.transaction():
            # As its owner: to who does not inherit its rights the server would answer with a warning alone.
            await connection.execute(f"set local role {database}")
            await connection.execute(f"revoke all on database {database} from public")
            reaches = await connection.fetchval(
                "select has_database_privilege($1::name, $2, 'CONNECT')", administrator.name, name
            )
            if not reaches:
                await connection.execute(f"grant connect on database {database} to {_quoted(administrator.name)}")
    except asyncpg.InsufficientPrivilegeError as error:
        belongs = f", which belongs to {owner}" if owner not in {None, name} else ""
        raise ProvisioningError(
            f"{administrator.name} may not correct the database {name}{belongs}: "
            f"let a superuser say `alter database {database} owner to {database}`, and provision again. ({error})"
        ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
