"""Logins that named servers have already: provisioning would give them another password without a word."""

import asyncio
import http.client
from collections.abc import Sequence

import aio_pika
import aiormq.exceptions
import asyncpg

from local_stack.environments import Environments, password_variable, with_login
from local_stack.errors import DidNotStartError, LocalStackError
from local_stack.readiness import management_request


def refuse_unknown_logins(environments: Environments) -> None:
    """Raise LocalStackError when a service's login is there with a password that is neither given nor this clone's.

    It belongs to an installation that runs, or ran, elsewhere; a new password would lock that one out.
    """
    asked = [name for name in environments.choices.service_passwords if not environments.given_password(name)]
    try:
        unknown = asyncio.run(_unknown_roles(environments, asked))
        unknown |= asyncio.run(_unknown_users(environments, asked))
    except (OSError, http.client.HTTPException, asyncpg.PostgresError, aiormq.exceptions.AMQPError) as problem:
        raise DidNotStartError(f"Provisioning failed: the named servers do not tell their logins: {problem}") from None
    if unknown:
        names = sorted(unknown)
        raise LocalStackError(
            f"The named servers have logins whose passwords this clone does not know: {', '.join(names)}.\n"
            "Somebody's installation may use them, so nothing was changed. To use or to change them set "
            f"{', '.join(map(password_variable, names))}; or name other servers."
        )


async def _unknown_roles(environments: Environments, asked: Sequence[str]) -> set[str]:
    """Return the services whose PostgreSQL role does not take the password that provisioning would give it."""
    url = environments.servers.database_url
    administrator = await asyncpg.connect(url, timeout=10)
    try:
        rows = await administrator.fetch("SELECT rolname FROM pg_roles")
    finally:
        await administrator.close()
    roles = {str(row["rolname"]) for row in rows}
    unknown = set()
    for service in asked:
        role = service.replace("-", "_")
        if role not in roles:
            continue
        try:
            login = await asyncpg.connect(
                with_login(url, role, environments.password_of(service), path=f"/{role}"), timeout=10
            )
        except asyncpg.InvalidCatalogNameError:
            # It was let in; an earlier provisioning ended before it had made the database.
            continue
        except asyncpg.PostgresError:
            unknown.add(service)
        else:
            await login.close()
    return unknown


async def _unknown_users(environments: Environments, asked: Sequence[str]) -> set[str]:
    """Return the services whose RabbitMQ user does not take the password that provisioning would give it."""
    servers = environments.servers
    unknown = set()
    for service in asked:
        if management_request(servers.rabbitmq_management_url, "GET", f"/api/users/{service}") != http.client.OK:
            continue
        try:
            login = await aio_pika.connect(
                with_login(servers.rabbitmq_url, service, environments.password_of(service)), timeout=10
            )
        except aiormq.exceptions.ProbableAuthenticationError:
            unknown.add(service)
        except aiormq.exceptions.InvalidFrameError:
            # It was let in, but not yet into the virtual host.
            continue
        else:
            await login.close()
    return unknown
