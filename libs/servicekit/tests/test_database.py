"""The database: whether it is there, and whether it can work."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from servicekit import Database, HouseClock
from servicekit.live_testing import Door
from servicekit.testing import NOON


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=2)
    await database.open()
    yield database
    await database.close()


async def write(database: Database) -> None:
    async with database.work() as work:
        await work.connection.execute("insert into snapshot_run values ('t', $1, '', true, false)", NOON)


async def read_only(url: str, word: str) -> None:
    """Let the database be read alone, as hosted ones are when their disk is full."""
    connection = await asyncpg.connect(url)
    name = await connection.fetchval("select current_database()")
    await connection.execute("set default_transaction_read_only = off")
    await connection.execute(f'alter database "{name}" set default_transaction_read_only = {word}')
    await connection.close()


async def test_a_busy_pool_does_not_look_like_an_absent_database(database: Database) -> None:
    async with database.pool.acquire(), database.pool.acquire():
        assert await database.answers()


async def test_an_absent_database_does_not_answer_and_does_when_it_is_back(kit_database: str) -> None:
    async with Door(kit_database) as door:
        database = Database(door.url, HouseClock(), pool_size=2)
        assert not await database.answers(), "it is not open yet"
        await database.open()
        assert await database.answers()
        door.hold_up()
        assert not await database.answers()
        await door.shut()
        assert not await database.answers()
        await door.open()
        assert await database.answers()
        await database.close()


async def test_a_database_that_could_not_write_works_again_only_when_it_can(
    database: Database, kit_database: str
) -> None:
    assert await database.works()
    await read_only(kit_database, "on")
    await database.pool.expire_connections()
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await write(database)
    assert await database.answers()
    assert not await database.works()
    await read_only(kit_database, "off")
    assert await database.works()
    await write(database)


async def test_whoever_may_not_ask_whether_it_writes_is_not_stopped_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.probing._WRITE", "create table pg_catalog.no_right_to (a int)")
    with pytest.raises(asyncpg.DiskFullError):
        async with database.work():
            raise asyncpg.DiskFullError("no space left on device")
    assert await database.works()
