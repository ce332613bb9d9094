"""Provisioning: topology and broker users with least privilege; idempotent, by administrators alone."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
import aiormq.exceptions
from aio_pika import ExchangeType
from contracts.topology import (
    DEAD_EXCHANGE,
    DELAY_SECONDS,
    DELIVERY_LIMIT,
    EXCHANGE,
    PRESENCE_TTL_SECONDS,
    REPLY_EXCHANGE,
    RETURN_EXCHANGE,
    SERVICES,
    Queue,
    delay_exchange,
    instance_topics_of,
    queues_of,
    topics_said_by,
)

from servicekit import teams
from servicekit.history import Kept, declare_history, limit_history
from servicekit.management import Management, ProvisioningError

# The broker drops from a queue of dead letters what was handed out too often, 20 times by default since RabbitMQ 4.
_DEAD_LETTERS = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
_AT_LEAST_ONCE = {
    "x-queue-type": "quorum",
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",
}


@dataclass(frozen=True)
class Login:
    """A service's name and password, for the broker and the database alike; `user` where the name is to be another."""

    service: str
    password: str
    user: str | None = None

    @property
    def name(self) -> str:
        return self.user or self.service

    @property
    def role(self) -> str:
        """The database and its role are named like the package."""
        return self.name.replace("-", "_")


def queue_arguments(queue: Queue) -> dict[str, Any]:
    """Return the arguments that a service's queue is declared with."""
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
    if queue.dead_letter_queue is not None:
        arguments |= _AT_LEAST_ONCE | {
            "x-dead-letter-exchange": DEAD_EXCHANGE,
            "x-dead-letter-routing-key": queue.name,
        }
    elif not queue.topic.is_command:
        arguments["x-message-ttl"] = PRESENCE_TTL_SECONDS * 1000
    return arguments


async def provision_topology(broker_url: str, *, retry_scale: float = 1.0, services: tuple[str, ...] = SERVICES) -> int:
    """Declare exchanges, queues and bindings, or correct them; returns how many queues there are.

    Raises `ProvisioningError` for a queue that was declared otherwise and is in use, or holds messages.
    """
    connection = await aio_pika.connect(broker_url, timeout=10)
    async with connection:
        channel = await connection.channel()
        for name in (EXCHANGE, DEAD_EXCHANGE, RETURN_EXCHANGE, REPLY_EXCHANGE):
            await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)
        count = 0
        for level, seconds in enumerate(DELAY_SECONDS, start=1):
            name = delay_exchange(level)
            await channel.declare_exchange(name, ExchangeType.TOPIC, durable=True)
            arguments = {
                **_AT_LEAST_ONCE,
                "x-message-ttl": max(1, int(seconds * 1000 * retry_scale)),
                "x-dead-letter-exchange": RETURN_EXCHANGE,
            }
            await _declare_queue(connection, name, arguments, {name: "#"})
            count += 1
        for queue in (queue for service in services for queue in queues_of(service)):
            if queue.dead_letter_queue is not None:
                await _declare_queue(connection, queue.dead_letter_queue, _DEAD_LETTERS, {DEAD_EXCHANGE: queue.name})
                count += 1
            bindings = {EXCHANGE: queue.topic.name, RETURN_EXCHANGE: queue.name}
            await _declare_queue(connection, queue.name, queue_arguments(queue), bindings)
            count += 1
        # The last: once it is bound, a public fact whose own queues are missing is no longer given back.
        await declare_history(connection)
        count += 1
    return count


async def _declare_queue(
    connection: aio_pika.abc.AbstractConnection, name: str, arguments: dict[str, Any], bindings: dict[str, str]
) -> None:
    """Declare and bind a queue; one that is empty, idle and was declared otherwise is made anew."""
    # A declaration that differs closes its channel, so each has one of its own.
    channel = await connection.channel()
    try:
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        channel = await connection.channel()
        present = await channel.declare_queue(name, passive=True)
        found = present.declaration_result
        if found.message_count or found.consumer_count:
            raise ProvisioningError(
                f"{name} was declared otherwise, and holds {found.message_count} messages for {found.consumer_count} "
                f"consumers: stop the services, let the queue run empty, and provision again. ({error})"
            ) from error
        await present.delete(if_unused=False, if_empty=False)
        queue = await channel.declare_queue(name, durable=True, arguments=arguments)
    for exchange, routing_key in bindings.items():
        await queue.bind(exchange, routing_key)
    await channel.close()


def permissions_of(service: str) -> dict[str, str]:
    """Return the broker permissions of a service: `configure`, `write`, `read` on names of queues and exchanges."""
    own = re.escape(service)
    instance_queues = f"^(reply|{own}\\.live)\\..+$"
    listens = bool(list(instance_topics_of(service)))
    # Binding an instance's queue writes to the queue and reads from the exchange.
    exchanges = "|".join(re.escape(name) for name in (EXCHANGE, REPLY_EXCHANGE))
    delays = "|".join(re.escape(delay_exchange(level)) for level in range(1, len(DELAY_SECONDS) + 1))
    write = f"^({exchanges}|{delays})$"
    read = f"^{own}\\..+$"
    if listens:
        write = f"^({exchanges}|{delays}|(reply|{own}\\.live)\\..+)$"
        read = f"^({exchanges}|reply\\..+|{own}\\..+)$"
    return {"configure": instance_queues if listens else "^$", "write": write, "read": read}


def topic_permissions_of(service: str) -> list[dict[str, str]]:
    """Return which routing keys a service may write to and bind from each exchange."""
    said = "|".join(re.escape(topic.name) for topic in topics_said_by(service))
    heard = "|".join(re.escape(topic.name) for topic in instance_topics_of(service))
    rights = [
        {"exchange": EXCHANGE, "write": f"^({said})$", "read": f"^({heard})$" if heard else "^$"},
        {"exchange": REPLY_EXCHANGE, "write": "^reply\\..+$", "read": "^reply\\..+$" if heard else "^$"},
    ]
    own_queues = f"^{re.escape(service)}\\..+$"
    rights += [
        {"exchange": delay_exchange(level), "write": own_queues, "read": "^$"}
        for level in range(1, len(DELAY_SECONDS) + 1)
    ]
    return rights


async def provision_broker_users(management_url: str, vhost: str, logins: list[Login]) -> None:
    """Make or correct the services' broker users over the management API; raises `ProvisioningError`."""
    async with Management(management_url) as management:
        for login in logins:
            await management.put("users", login.name, body={"password": login.password, "tags": ""})
            await management.put("permissions", vhost, login.name, body=permissions_of(login.service))
            for right in topic_permissions_of(login.service):
                await management.put("topic-permissions", vhost, login.name, body=right)


async def provision_retention(management_url: str, vhost: str, kept: Kept) -> None:
    """Say how much of the history is kept; raises `ProvisioningError`."""
    async with Management(management_url) as management:
        await limit_history(management, vhost, kept)


async def provision_teams(management_url: str, vhost: str) -> None:
    """Give the teams that there are the rights of this release; raises `ProvisioningError`."""
    async with Management(management_url) as management:
        for name in await teams.names(management, vhost):
            await teams.limit_queues(management, vhost)
            await teams.give_rights(management, vhost, name)


def vhost_of(broker_url: str) -> str:
    """Return the virtual host that an AMQP URL names; an empty path is `/`."""
    return unquote(urlsplit(broker_url).path[1:]) or "/"


def default_management_url(broker_url: str) -> str:
    """Return the management address on the broker's host, with the same user."""
    parts = urlsplit(broker_url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{parts.username or 'guest'}:{parts.password or 'guest'}@{host}:15672"
