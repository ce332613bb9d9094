"""Another team's user at the broker, as `webinarctl team` makes and removes it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from servicekit.management import Management
from servicekit.provision import vhost_of
from servicekit.teams import add_team, address_for, remove_team

from world.system import World


@contextmanager
def team_of(world: World) -> Iterator[str]:
    """Have a team while the block runs; yields its address. Its queues go with it."""
    name = f"crm-{secrets.token_hex(4)}"
    address = world.background.run(_let_in(world, name))
    try:
        yield address
    finally:
        world.background.run(_show_out(world, name))


async def _let_in(world: World, name: str) -> str:
    servers, password = world.stack.servers, secrets.token_hex(8)
    async with Management(servers.rabbitmq_management_url) as management:
        await add_team(management, vhost_of(servers.rabbitmq_url), name, password)
    return address_for(servers.rabbitmq_url, name, password)


async def _show_out(world: World, name: str) -> None:
    servers = world.stack.servers
    async with Management(servers.rabbitmq_management_url) as management:
        await remove_team(management, vhost_of(servers.rabbitmq_url), name)
