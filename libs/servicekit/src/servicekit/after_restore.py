"""After a restore: what the dumps leave doubtful is settled before any service starts.

The databases have gone back in time, each to its own moment, and the world has not: people have got messages, other
teams have heard facts. So each owner announces all that it knows, under versions that nobody has seen yet, and says its
latest facts once more; by their keys of meaning they change nothing where they are known. What may have left the house
already is not sent again by the machine: a service's own `after_restore.settle` sees to that.
"""

import importlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec

import aio_pika
from contracts.topology import DELAY_SECONDS, SERVICES, delay_exchange, queues_of, topics_said_by

from servicekit.database import Database
from servicekit.errors import ServicekitError
from servicekit.migrations import migrate
from servicekit.publisher import open_channel
from servicekit.work import Work

LATEST = timedelta(days=1)
"""Facts of so long before the newest one are said once more: far longer than five dumps take."""

# Another server, another history of it, another database, or tables that were made anew: each is another restore.
_FINGERPRINT = """
select concat_ws('/', (pg_control_system()).system_identifier, (pg_control_checkpoint()).timeline_id,
                 (select oid from pg_database where datname = current_database()), 'outbox'::regclass::oid)
"""
_AT_WORK = "select count(*) from pg_stat_activity where usename = $1 and datname = $1 and pid <> pg_backend_pid()"
_TELL_ALL = """
insert into snapshot_run (topic, asked_at, cursor, done, asked_again) values ($1, $2, '', false, false)
on conflict (topic) do update set asked_at = excluded.asked_at, cursor = '', done = false, asked_again = false
"""


class StillRunningError(ServicekitError):
    """Services are at work on what is to be settled."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found and dealt with; `advice`: what a person has to do about it."""

    what: str
    count: int
    advice: str = ""


@dataclass(frozen=True)
class Settled:
    """What became of one service's database; `before`: by an earlier run, with what that found."""

    service: str
    settled_at: datetime
    findings: tuple[Finding, ...]
    before: bool


Settle = Callable[[Work], Awaitable[Sequence[Finding]]]


def version_at(moment: datetime) -> int:
    """Return a version above all that were told before: milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def is_installed(service: str) -> bool:
    """Whether the service's own part can be done here; an image holds one service."""
    return find_spec(service.replace("-", "_")) is not None


def _part_of(service: str) -> Settle | None:
    """Return `settle` of the service's module `after_restore`, where it has one."""
    module = f"{service.replace('-', '_')}.after_restore"
    if find_spec(module) is None:
        return None
    settle_own: Settle = importlib.import_module(module).settle
    return settle_own


def rows_of(status: str) -> int:
    """Return how many rows a statement has changed, by what the server answers to it."""
    return int(status.rsplit(maxsplit=1)[-1])


async def settled_before(database: Database, service: str) -> Settled | None:
    """Return what an earlier run has found in this very restore, if there was one."""
    if await database.pool.fetchval("select to_regclass('settled_restore')") is None:
        return None
    row = await database.pool.fetchrow(
        f"select settled_at, found from settled_restore where fingerprint = ({_FINGERPRINT})"  # noqa: S608 - a constant
    )
    if row is None:
        return None
    return Settled(service, row["settled_at"], tuple(Finding(**one) for one in row["found"]), before=True)


async def refuse_while_at_work(database: Database, service: str) -> None:
    """Raise `StillRunningError` while somebody with the service's role works in its database."""
    if count := await database.pool.fetchval(_AT_WORK, service.replace("-", "_")):
        raise StillRunningError(f"{service} is running ({count} connections): stop all services first.")


async def settle(database: Database, service: str) -> Settled:
    """Settle one service's database, in one transaction, for once; its schema is brought up to date before."""
    await migrate(database.url, service.replace("-", "_"))
    own = _part_of(service)
    async with database.work() as work:
        findings = [*(await own(work) if own else ()), *await _settle_kit(work, service)]
        found = [asdict(one) for one in findings]
        await work.connection.execute(
            f"insert into settled_restore (fingerprint, settled_at, found) values (({_FINGERPRINT}), $1, $2) "  # noqa: S608
            "on conflict (fingerprint) do update set settled_at = excluded.settled_at, found = excluded.found",
            work.now,
            found,
        )
    return Settled(service, work.now, tuple(findings), before=False)


async def _settle_kit(work: Work, service: str) -> list[Finding]:
    owned = sorted(topic.name for topic in topics_said_by(service) if topic.kind == "snapshot")
    for topic in owned:
        await work.connection.execute(_TELL_ALL, topic, work.now)
    waiting = await work.connection.fetchval("select count(*) from outbox where parked_at is null")
    findings = (
        [Finding(f"snapshots, all announced again when it starts: {', '.join(owned)}", len(owned))] if owned else []
    )
    if waiting:
        findings.append(Finding("announcements under way, perhaps told before: a repetition changes nothing", waiting))
    return findings


def queues() -> list[str]:
    """Return the names of all queues whose messages are of a time that the restored databases do not know."""
    names = [delay_exchange(level) for level in range(1, len(DELAY_SECONDS) + 1)]
    for queue in (queue for service in SERVICES for queue in queues_of(service)):
        names += [name for name in (queue.name, queue.dead_letter_queue) if name is not None]
    return names


async def empty_queues(broker_url: str) -> int:
    """Throw away what waits in the queues; returns how many messages that were.

    Raises `StillRunningError` while anybody consumes.
    """
    connection = await aio_pika.connect(broker_url, timeout=10)
    async with connection:
        channel = await open_channel(connection)
        found = [await channel.declare_queue(name, passive=True) for name in queues()]
        if busy := [queue.name for queue in found if queue.declaration_result.consumer_count]:
            raise StillRunningError(f"{busy[0]} has a consumer: stop all services first.")
        return sum([(await queue.purge()).message_count or 0 for queue in found])
