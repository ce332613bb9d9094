"""Another team, as the operator lets it in."""

import secrets
from collections.abc import AsyncIterator

import pytest
from local_stack.servers import Servers
from servicekit.management import Management
from servicekit.provision import provision_topology, vhost_of
from servicekit.teams import add_team, address_for, remove_team

NAME = "crm"
"""Who the programs on the pages are."""


@pytest.fixture
async def outsider(servers: Servers, fresh_vhost: str) -> AsyncIterator[str]:
    """The address of the team's user on a broker that was provisioned, as `webinarctl team add` prints it."""
    await provision_topology(fresh_vhost, services=())
    password = secrets.token_hex(8)
    async with Management(servers.rabbitmq_management_url) as management:
        await add_team(management, vhost_of(fresh_vhost), NAME, password)
        yield address_for(fresh_vhost, NAME, password)
        await remove_team(management, vhost_of(fresh_vhost), NAME)
