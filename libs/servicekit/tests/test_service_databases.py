"""Databases and roles of services: repeatable, correcting, and no right more than a login."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from contracts.topology import ATTENDANCE, TRACKER
from servicekit.management import ProvisioningError
from servicekit.provision import Login
from servicekit.service_databases import provision_databases


async def opens(servers: Any, user: str, password: str, database: str) -> bool:
    parts = urlsplit(servers.database_url)
    with suppress(asyncpg.PostgresError):
        connection = await asyncpg.connect(
            user=user, password=password, database=database, host=parts.hostname, port=parts.port
        )
        await connection.close()
        return True
    return False


@dataclass(frozen=True)
class Databases:
    """Services with names of their own, for somebody may have named servers that are in use; all of it is removed."""

    first: Login
    second: Login
    superuser: str
    administrator: str
    """The URL of one who may make roles and databases, and is no superuser: what managed servers give."""

    @property
    def logins(self) -> list[Login]:
        return [self.first, self.second]

    async def as_superuser(self, statement: str) -> None:
        connection = await asyncpg.connect(self.superuser)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def more_than_logins(self) -> list[str]:
        """The roles that are more than names with a password."""
        connection = await asyncpg.connect(self.superuser)
        try:
            rows = await connection.fetch(
                "select rolname from pg_roles where rolname = any($1::text[]) and "
                "(rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls or not rolcanlogin)",
                [login.role for login in self.logins],
            )
        finally:
            await connection.close()
        return [row["rolname"] for row in rows]


@pytest.fixture
async def databases(servers: Any) -> AsyncIterator[Databases]:
    suffix = secrets.token_hex(4)
    administrator, password = f"kit_admin_{suffix}", secrets.token_hex(8)
    parts = urlsplit(servers.database_url)
    made = Databases(
        Login(TRACKER, "first", f"kit-first-{suffix}"),
        Login(ATTENDANCE, "o'second \\", f"kit-second-{suffix}"),
        servers.database_url,
        urlunsplit(parts._replace(netloc=f"{administrator}:{password}@{parts.netloc.rpartition('@')[2]}")),
    )
    await made.as_superuser(f"create role {administrator} login createrole createdb password '{password}'")
    yield made
    for login in made.logins:
        await made.as_superuser(f'drop database if exists "{login.role}" with (force)')
        await made.as_superuser(f'drop role if exists "{login.role}"')
    await made.as_superuser(f"drop role {administrator}")


async def test_each_service_opens_its_own_database_alone(servers: Any, databases: Databases) -> None:
    roles = [login.role for login in databases.logins]
    await asyncio.gather(*(provision_databases(servers.database_url, databases.logins) for _ in range(2)))
    await provision_databases(servers.database_url, [replace(databases.first, password="changed")])
    assert await opens(servers, roles[0], "changed", roles[0])
    assert not await opens(servers, roles[0], "first", roles[0])
    assert await opens(servers, roles[1], databases.second.password, roles[1])
    assert not await opens(servers, roles[0], "changed", roles[1])


@pytest.mark.parametrize("inherits", ["inherit", "noinherit"])
async def test_an_administrator_who_is_no_superuser_provisions_again_and_again(
    servers: Any, databases: Databases, inherits: str
) -> None:
    administrator = urlsplit(databases.administrator).username
    await databases.as_superuser(f"alter role {administrator} {inherits}")
    roles = [login.role for login in databases.logins]
    for password in ("first", "changed", "changed"):
        await provision_databases(
            databases.administrator, [replace(databases.first, password=password), databases.second]
        )
        assert await opens(servers, roles[0], password, roles[0])
        assert await opens(servers, roles[1], databases.second.password, roles[1])
        assert not await opens(servers, roles[0], password, roles[1])
        assert not await opens(servers, roles[1], databases.second.password, roles[0])
        assert await databases.more_than_logins() == []
    # What `webinarctl` does for an administrator: it acts as the service's role.
    connection = await asyncpg.connect(f"{databases.administrator.rpartition('/')[0]}/{roles[0]}?role={roles[0]}")
    assert await connection.fetchval("select current_user::text") == roles[0]
    await connection.close()


@pytest.mark.parametrize("attribute", ["superuser", "createdb", "createrole", "replication", "bypassrls"])
async def test_what_a_role_may_do_beyond_signing_in_is_taken_or_said(databases: Databases, attribute: str) -> None:
    role = databases.first.role
    await provision_databases(databases.administrator, databases.logins)
    await databases.as_superuser(f'alter role "{role}" {attribute}')
    # No superuser can take these away unless it has them itself; what managed servers give has the other two.
    if attribute in {"createdb", "createrole"}:
        await provision_databases(databases.administrator, databases.logins)
    else:
        with pytest.raises(ProvisioningError, match=f'{role}: it is {attribute}.*alter role "{role}" no{attribute}'):
            await provision_databases(databases.administrator, databases.logins)
        assert await databases.more_than_logins() == [role]
        await provision_databases(databases.superuser, databases.logins)
    assert await databases.more_than_logins() == []


async def test_a_role_that_somebody_else_made_is_corrected_or_said(servers: Any, databases: Databases) -> None:
    administrator = urlsplit(databases.administrator).username
    await provision_databases(databases.superuser, databases.logins)
    connection = await asyncpg.connect(databases.superuser)
    needs_the_grant = connection.get_server_version().major >= 16
    await connection.close()
    if needs_the_grant:
        with pytest.raises(ProvisioningError, match=f'grant "{databases.first.role}" to "{administrator}" with admin'):
            await provision_databases(databases.administrator, databases.logins)
        for login in databases.logins:
            await databases.as_superuser(f'grant "{login.role}" to "{administrator}" with admin option')
    await provision_databases(databases.administrator, [replace(databases.first, password="changed")])
    assert await opens(servers, databases.first.role, "changed", databases.first.role)


async def test_a_database_of_somebody_else_is_given_to_its_service_or_said(databases: Databases) -> None:
    name = databases.first.role
    await databases.as_superuser(f'create database "{name}"')
    with pytest.raises(ProvisioningError, match=f'belongs to .*alter database "{name}" owner to "{name}"'):
        await provision_databases(databases.administrator, databases.logins)
    await provision_databases(databases.superuser, databases.logins)
    connection = await asyncpg.connect(databases.superuser)
    owner = await connection.fetchval("select pg_get_userbyid(datdba) from pg_database where datname = $1", name)
    await connection.close()
    assert owner == name


async def test_an_administrator_who_may_make_no_roles_is_told_so(databases: Databases) -> None:
    administrator = urlsplit(databases.administrator).username
    await databases.as_superuser(f"alter role {administrator} nocreaterole")
    with pytest.raises(ProvisioningError, match=f"{administrator} lacks CREATEROLE"):
        await provision_databases(databases.administrator, databases.logins)
