"""Fixtures for tests on real servers: `-p local_stack.pytest_plugin`.

`servers` starts them when the first test asks, once for the whole run. `fresh_database` and `fresh_vhost` give each
test a database and a virtual host that start empty and are dropped afterwards.
"""

import asyncio
import json
import secrets
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import asyncpg
import pytest

from local_stack.errors import LocalStackError
from local_stack.readiness import management_request
from local_stack.servers import Servers, servers_for_tests


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and RabbitMQ for this run, as administrators."""
    with servers_for_tests() as found:
        yield found


@pytest.fixture
def fresh_database(servers: Servers) -> Iterator[str]:
    """The administrator's URL of a new, empty database; dropped after the test, whoever is still connected."""
    name = f"test_{secrets.token_hex(6)}"
    _now(_execute(servers.database_url, f'CREATE DATABASE "{name}"'))
    try:
        yield urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}"))
    finally:
        _now(_execute(servers.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


@pytest.fixture
def fresh_vhost(servers: Servers) -> Iterator[str]:
    """The administrator's AMQP URL of a new, empty virtual host; deleted with all its queues after the test."""
    name = f"test-{secrets.token_hex(6)}"
    _manage(servers, "PUT", f"/api/vhosts/{name}")
    try:
        user = quote(unquote(urlsplit(servers.rabbitmq_url).username or "guest"), safe="")
        everything = json.dumps({"configure": ".*", "write": ".*", "read": ".*"}).encode()
        _manage(servers, "PUT", f"/api/permissions/{name}/{user}", everything)
        yield urlunsplit(urlsplit(servers.rabbitmq_url)._replace(path=f"/{name}"))
    finally:
        _manage(servers, "DELETE", f"/api/vhosts/{name}")


def _manage(servers: Servers, method: str, path: str, body: bytes = b"") -> None:
    status = management_request(servers.rabbitmq_management_url, method, path, body)
    if status not in {HTTPStatus.CREATED, HTTPStatus.NO_CONTENT}:
        raise LocalStackError(f"The broker's management API answered {status} to {method} {path}.")


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _now(work: Coroutine[None, None, None]) -> None:
    """Run to the end in a thread of its own: the test's event loop may be set up around us."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()
