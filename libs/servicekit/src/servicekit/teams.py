"""Other teams: a broker user each, who hears what is public, owns the queues under its own name, and can do no more."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from contracts.topology import EXCHANGE, HISTORY, public_topics

from servicekit.errors import ServicekitError
from servicekit.management import Management

PREFIX = "team."
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
POLICY = "webinars-teams"
QUEUE_MEGABYTES = 500
"""A queue of a team that nobody reads holds no more: the oldest goes, and is still in the history."""
_POLICY_PRIORITY = 10


class UnknownTeamError(ServicekitError):
    """There is no team of that name."""


class TeamExistsError(ServicekitError):
    """There is a team of that name already."""


@dataclass(frozen=True)
class Team:
    """A team as the broker knows it: its queues, and what waits in them for how many consumers."""

    name: str
    queues: int
    waiting: int
    consumers: int


def user_of(name: str) -> str:
    """Return a team's broker user; its queues are named `<user>.<anything>`."""
    return f"{PREFIX}{name}"


def permissions_of(name: str) -> dict[str, str]:
    """Return what a team may configure, write and read: its own queues, the public exchange, the history."""
    own = f"{re.escape(user_of(name))}\\..+"
    shared = "|".join(re.escape(one) for one in (EXCHANGE, HISTORY))
    # Binding writes to the queue and reads from the exchange.
    return {"configure": f"^{own}$", "write": f"^{own}$", "read": f"^({own}|{shared})$"}


def topic_permissions() -> dict[str, str]:
    """Return which routing keys a team may bind: those of public facts, each by its whole name."""
    heard = "|".join(re.escape(topic.name) for topic in public_topics())
    return {"exchange": EXCHANGE, "write": "^$", "read": f"^({heard})$"}


async def give_rights(management: Management, vhost: str, name: str) -> None:
    """Give a team the rights that it is to have now, no more and no less."""
    await management.put("permissions", vhost, user_of(name), body=permissions_of(name))
    await management.put("topic-permissions", vhost, user_of(name), body=topic_permissions())


async def limit_queues(management: Management, vhost: str) -> None:
    """Keep a queue that its team has forgotten from filling the broker's disk, and from refusing what is said.

    A fact that one queue refuses is not confirmed, and its sender tries again and again: of quorum queues the policy
    decides about that, whatever a team declares.
    """
    body = {
        "pattern": "^team[.]",
        "apply-to": "queues",
        "priority": _POLICY_PRIORITY,
        "definition": {"max-length-bytes": QUEUE_MEGABYTES * 1_000_000, "overflow": "drop-head"},
    }
    await management.put("policies", vhost, POLICY, body=body)


async def add_team(management: Management, vhost: str, name: str, password: str, *, again: bool = False) -> None:
    """Make a team's user; raises `TeamExistsError`, unless it is to get another password."""
    exists = name in await names(management, vhost)
    if exists and not again:
        raise TeamExistsError(f"There is a team {name} already; --new-password gives it another password.")
    if again and not exists:
        raise UnknownTeamError(f"There is no team {name}.")
    await limit_queues(management, vhost)
    await management.put("users", user_of(name), body={"password": password, "tags": ""})
    await give_rights(management, vhost, name)


async def names(management: Management, vhost: str) -> list[str]:
    """Return the names of all teams, sorted."""
    rights: Sequence[dict[str, Any]] = await management.get("vhosts", vhost, "permissions") or ()
    users = (str(right["user"]) for right in rights)
    return sorted(user.removeprefix(PREFIX) for user in users if user.startswith(PREFIX))


async def all_teams(management: Management, vhost: str) -> list[Team]:
    """Return the teams with what the broker knows of their queues; its figures are some seconds old."""
    queues = await _queues(management, vhost)
    found = []
    for name in await names(management, vhost):
        own = [queue for queue in queues if str(queue["name"]).startswith(f"{user_of(name)}.")]
        waiting, consumers = (sum(int(queue.get(key) or 0) for queue in own) for key in ("messages", "consumers"))
        found.append(Team(name, len(own), waiting, consumers))
    return found


async def remove_team(management: Management, vhost: str, name: str) -> int:
    """Take a team's user and queues away; returns how many queues. Raises `UnknownTeamError`."""
    if not await management.delete("users", user_of(name)):
        raise UnknownTeamError(f"There is no team {name}.")
    own = [
        str(queue["name"])
        for queue in await _queues(management, vhost)
        if str(queue["name"]).startswith(f"{user_of(name)}.")
    ]
    for queue in own:
        await management.delete("queues", vhost, queue)
    return len(own)


async def _queues(management: Management, vhost: str) -> Sequence[dict[str, Any]]:
    return await management.get("queues", vhost) or ()


def address_for(broker_url: str, name: str, password: str, *, host: str | None = None) -> str:
    """Return the AMQP address for a team; `host` (`name` or `name:port`) is where it finds the broker."""
    parts = urlsplit(broker_url)
    place = host or parts.netloc.rpartition("@")[2]
    login = f"{quote(user_of(name), safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{place}", query=""))
