"""A restore is settled once, by whichever of its databases, and not while anybody is at work there."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import asyncpg
import pytest
from contracts.topology import TRACKER, queues_of
from servicekit import Database, HouseClock
from servicekit.after_restore import (
    StillRunningError,
    empty_queues,
    refuse_while_at_work,
    settle,
    settled_before,
)
from servicekit.cli import app
from servicekit.live_testing import Outside
from typer.testing import CliRunner, Result


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=2)
    await database.open()
    yield database
    await database.close()


async def test_a_restore_is_settled_once(database: Database) -> None:
    await settle(database, TRACKER)
    before = await settled_before(database, TRACKER)
    assert before is not None
    assert before.before
    assert await database.pool.fetchval("select topic from snapshot_run where not done") == "participation_event"


async def test_an_operator_is_asked_first_and_told_once(database: Database) -> None:
    async def answer(word: str, *words: str) -> Result:
        call = ["after-restore", "--service", TRACKER, *words]
        settings = {"SERVICE_DATABASE_URL": database.url}
        # The command runs an event loop of its own.
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, call, env=settings, input=word))

    refused = await answer("n\n")
    assert (refused.exit_code, "Nothing was done" in refused.stderr) == (1, True)
    assert await settled_before(database, TRACKER) is None
    first = await answer("y\n")
    assert first.exit_code == 0
    assert "announced again" in first.stdout
    assert "was settled at" not in first.stderr
    second = await answer("", "--yes")
    assert second.exit_code == 0
    assert "nothing was done now" in second.stderr
    assert second.stdout == first.stdout


async def test_a_dump_of_a_settled_database_is_another_restore(database: Database, servers: Any) -> None:
    """The mark of the last restore comes back with the dump, and must not stand for this one."""
    await settle(database, TRACKER)
    await database.close()
    name = f"restored_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(servers.database_url)
    try:
        await admin.execute(f'create database "{name}" template "{urlsplit(database.url).path[1:]}"')
        restored = Database(urlunsplit(urlsplit(database.url)._replace(path=f"/{name}")), HouseClock(), pool_size=2)
        await restored.open()
        assert await settled_before(restored, TRACKER) is None
        await restored.close()
    finally:
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.close()
        await database.open()


async def test_a_database_of_an_older_release_is_not_settled_yet(database: Database) -> None:
    await database.pool.execute("drop table settled_restore")
    assert await settled_before(database, TRACKER) is None


async def test_nothing_is_settled_while_the_service_is_at_work(servers: Any) -> None:
    role = f"busy_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f"create role {role} login password 'busy'")
    await admin.execute(f"create database {role} owner {role}")
    parts = urlsplit(servers.database_url)
    address = f"{parts.hostname}:{parts.port}"
    looking = Database(urlunsplit(parts._replace(path=f"/{role}")), HouseClock(), pool_size=2)
    await looking.open()
    try:
        await refuse_while_at_work(looking, role)
        working = await asyncpg.connect(f"postgresql://{role}:busy@{address}/{role}")
        with pytest.raises(StillRunningError, match="stop all services first"):
            await refuse_while_at_work(looking, role)
        await working.close()
    finally:
        await looking.close()
        await admin.execute(f"drop database {role} with (force)")
        await admin.execute(f"drop role {role}")
        await admin.close()


async def test_what_waits_in_the_queues_is_thrown_away(outside: Outside) -> None:
    queue = next(queues_of(TRACKER)).name
    await outside.channel.default_exchange.publish(_message(), queue)
    await outside.channel.default_exchange.publish(_message(), f"{queue}.dlq")
    assert await empty_queues(outside.url) == 2
    assert await outside.waiting(queue) == 0


async def test_nothing_is_thrown_away_while_somebody_consumes(outside: Outside) -> None:
    queue = await outside.channel.get_queue(next(queues_of(TRACKER)).name, ensure=False)
    consuming = asyncio.Event()

    async def hold(_: Any) -> None:
        consuming.set()

    tag = await queue.consume(hold)
    await outside.channel.default_exchange.publish(_message(), queue.name)
    await consuming.wait()
    with pytest.raises(StillRunningError, match="has a consumer"):
        await empty_queues(outside.url)
    await queue.cancel(tag)


def _message() -> Any:
    return aio_pika.Message(b"{}", delivery_mode=2)
