"""A topology for the whole run: declaring queues takes longer than most tests do."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import pytest
from contracts.topology import DELAY_SECONDS, SERVICES, delay_exchange, queues_of
from local_stack.readiness import management_request
from servicekit.live_testing import Door, Outside
from servicekit.logs import configure
from servicekit.provision import Login, provision_broker_users, provision_topology, vhost_of

RETRY_SCALE = 0.001

# As a service does at its start; structlog's own default takes long over every traceback.
configure("kit", form="json", level="INFO", instance_id="test")


@pytest.fixture(scope="session")
def topology(servers: Any) -> Iterator[str]:
    """The administrator's URL of a virtual host where every queue is; delays are a thousandth of theirs."""
    name = f"kit-{secrets.token_hex(6)}"
    user = quote(unquote(urlsplit(servers.rabbitmq_url).username or "guest"), safe="")
    everything = json.dumps({"configure": ".*", "write": ".*", "read": ".*"}).encode()
    management_request(servers.rabbitmq_management_url, "PUT", f"/api/vhosts/{name}", b"")
    management_request(servers.rabbitmq_management_url, "PUT", f"/api/permissions/{name}/{user}", everything)
    url = urlunsplit(urlsplit(servers.rabbitmq_url)._replace(path=f"/{name}"))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, provision_topology(url, retry_scale=RETRY_SCALE)).result()
    yield url
    management_request(servers.rabbitmq_management_url, "DELETE", f"/api/vhosts/{name}", b"")


@pytest.fixture
async def outside(topology: str) -> AsyncIterator[Outside]:
    """The broker seen from outside, with empty queues."""
    async with Outside.on(topology) as found:
        names = [delay_exchange(level) for level in range(1, len(DELAY_SECONDS) + 1)]
        for queue in (queue for service in SERVICES for queue in queues_of(service)):
            names += [name for name in (queue.name, queue.dead_letter_queue) if name is not None]
        for name in names:
            await (await found.channel.get_queue(name, ensure=False)).purge()
        yield found


@pytest.fixture
async def broker_door(topology: str) -> AsyncIterator[Door]:
    """A way to the broker that the test can shut."""
    async with Door(topology) as door:
        yield door


@pytest.fixture
async def database_door(kit_database: str) -> AsyncIterator[Door]:
    """A way to a database with the kit's tables that the test can shut."""
    async with Door(kit_database) as door:
        yield door


@pytest.fixture
async def users(servers: Any, topology: str) -> AsyncIterator[Callable[[str], str]]:
    """Broker users with the services' rights and names of their own; returns the URL of a service's user."""
    suffix = f"kit/{secrets.token_hex(4)}@:"
    logins = [Login(service, f"pw {service}/@:", user=f"{service} {suffix}") for service in SERVICES]
    await provision_broker_users(servers.rabbitmq_management_url, vhost_of(topology), logins)
    names = {login.service: login for login in logins}

    def url(service: str) -> str:
        parts = urlsplit(topology)
        login = ":".join(quote(word, safe="") for word in (names[service].name, names[service].password))
        return urlunsplit(parts._replace(netloc=f"{login}@{parts.hostname}:{parts.port}"))

    yield url
    for login in logins:
        path = f"/api/users/{quote(login.name, safe='')}"
        management_request(servers.rabbitmq_management_url, "DELETE", path, b"")
