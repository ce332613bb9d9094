"""Migrations keep the data, only add, are done by one at a time, and are done wholly or not at all."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from contracts.topology import THE_FIVE
from servicekit.additive import Schema, broken_by, schema_of
from servicekit.migrations import Scripts, engine_of, migrate
from servicekit.testing import eventually
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

KIT = "kit"
PACKAGES = [KIT, *(service.replace("-", "_") for service in THE_FIVE)]
COUNT = 2_000
VALUES = {
    "text": "'{name} ' || n",
    "uuid": "md5('{name} ' || n)::uuid",
    "bigint": "n",
    "integer": "n",
    "boolean": "n % 2 = 0",
    "jsonb": "jsonb_build_array(n)",
    "bytea": "sha256(('{name} ' || n)::bytea)",
    "timestamp with time zone": "timestamptz '2026-03-02 12:00Z' + n * interval '1 second'",
    "timestamp with time zone[]": "array[timestamptz '2026-03-02 12:00Z' + n * interval '1 second']",
}
"""A value of each type, another one for each n."""


def scripts_of(package: str) -> Scripts:
    return Scripts(None if package == KIT else package)


@pytest.fixture
async def connected(fresh_database: str) -> AsyncIterator[Callable[..., Any]]:
    """Do something with a connection to an empty database, in a transaction of its own."""
    engine = engine_of(fresh_database)

    async def do(action: Callable[..., Any], *values: object) -> Any:
        async with engine.begin() as connection:
            return await connection.run_sync(action, *values)

    yield do
    await engine.dispose()


@pytest.mark.parametrize("package", PACKAGES)
async def test_a_release_only_adds_to_the_schema(connected: Callable[..., Any], package: str) -> None:
    scripts = scripts_of(package)
    before: Schema = await connected(schema_of)
    for script in scripts.in_order():
        await connected(scripts.upgrade, script.revision)
        after: Schema = await connected(schema_of)
        allowed: dict[str, str] = getattr(script.module, "no_longer_used", {})
        assert set(broken_by(before, after)) == set(allowed), f"{package} {script.revision}: {script.doc}"
        before = after


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("drop table session", "table session is gone"),
        ("alter table session rename to sessions", "table session is gone"),
        ("alter table session drop column note", "column session.note is gone"),
        ("alter table session rename column note to notes", "column session.note is gone"),
        ("alter table session alter column count type bigint", "column session.count was integer and is bigint"),
        ("alter table session alter column note set not null", "column session.note takes no null any more"),
        ("alter table session alter column count drop default", "column session.count has no default any more"),
        (
            "alter table session add column reason text not null",
            "column session.reason is new, and an insert cannot leave it out",
        ),
        ("create unique index on session (note)", "unique (note) of session is new, and an insert may break it"),
        ("drop index session_name", "unique (name) of session is gone, which an upsert may name"),
        (
            "alter table session add check (count > 0)",
            "CHECK ((count > 0)) of session is new, and an insert may break it",
        ),
        ("alter table session add column reason text", None),
        ("alter table session add column reason text not null default ''", None),
        ("alter table session add column number bigint generated always as identity", None),
        ("create index on session (note)", None),
        ("alter table session alter column name drop not null", None),
        ("create table other (id int primary key, note text not null unique)", None),
    ],
)
async def test_what_the_release_before_would_stumble_over_is_named(
    connected: Callable[..., Any], change: str, words: str | None
) -> None:
    def compare(connection: Connection) -> list[str]:
        connection.execute(
            text(
                "create table session (id int primary key, name text not null, note text, count int not null default 0)"
            )
        )
        connection.execute(text("create unique index session_name on session (name)"))
        before = schema_of(connection)
        connection.execute(text(change))
        return list(broken_by(before, schema_of(connection)))

    assert await connected(compare) == ([] if words is None else [words])


@pytest.mark.parametrize("package", PACKAGES)
async def test_data_of_the_first_release_stays_as_it_was_and_that_release_writes_on(
    connected: Callable[..., Any], package: str
) -> None:
    scripts = scripts_of(package)
    await connected(scripts.upgrade, scripts.in_order()[0].revision)
    first: Schema = await connected(schema_of)
    await connected(fill, first, 1)
    before = await connected(contents, first)
    assert sum(count for count, _ in before.values()) > COUNT

    await connected(scripts.upgrade)

    assert await connected(contents, first) == before
    await connected(fill, first, COUNT + 1)
    after = await connected(contents, first)
    assert {table: count - before[table][0] for table, (count, _) in after.items() if table != "bot"} == {
        table: COUNT for table in first.tables if table != "bot"
    }


def fill(connection: Connection, schema: Schema, begin: int) -> None:
    """Insert rows by the columns of this schema, as a release that knows no others does."""
    for table, columns in schema.tables.items():
        written = {name: column for name, column in columns.items() if not (column.required and column.filled)}
        values = ", ".join(VALUES[column.type].format(name=name) for name, column in written.items())
        names = ", ".join(f'"{name}"' for name in written)
        # `bot` has one row.
        connection.execute(
            text(
                f"insert into {table} ({names}) select {values} "
                f"from generate_series({begin}, {begin + COUNT - 1}) as n on conflict do nothing"
            )
        )


def contents(connection: Connection, schema: Schema) -> dict[str, tuple[int, str]]:
    """Return how many rows each table has, and a hash of what stands in the columns of this schema."""
    found = {}
    for table, columns in schema.tables.items():
        names = ", ".join(f'"{name}"' for name in columns)
        lines = f"select row({names})::text as line from {table}"
        query = f"select count(*), md5(string_agg(line, '|' order by line)) from ({lines}) as lines"
        [(count, digest)] = connection.execute(text(query)).all()
        found[table] = (count, digest)
    return found


async def test_of_dead_letters_that_were_buried_twice_the_last_stays(connected: Callable[..., Any]) -> None:
    scripts = Scripts(None)
    await connected(scripts.upgrade, "kit0001")

    def bury_thrice(connection: Connection) -> None:
        connection.execute(
            text(
                "insert into dead_letter (queue, type, message_id, correlation_id, app_id, headers, body, reason, "
                "error, attempts, dead_at) select 'q', 't', n, 's', 'a', '{}', 'x', 'failed', '', time, now() "
                f"from generate_series(1, 3) as time, generate_series(1, {COUNT}) as n"
            )
        )

    await connected(bury_thrice)
    await connected(scripts.upgrade)

    def count(connection: Connection) -> Any:
        return connection.execute(text("select count(*), min(attempts) from dead_letter")).one()

    assert await connected(count) == (COUNT, 3)


async def test_of_two_that_migrate_at_once_one_waits(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("select pg_advisory_lock(7113060114)")
    both = [asyncio.create_task(migrate(fresh_database, "tracker")) for _ in range(2)]

    async def both_wait() -> bool:
        waiting = "select count(*) = 2 from pg_locks where locktype = 'advisory' and not granted"
        return bool(await connection.fetchval(waiting))

    await eventually(both_wait, what="waiting")
    await connection.execute("select pg_advisory_unlock(7113060114)")
    await asyncio.gather(*both)
    assert await connection.fetchval("select version_num from service_version")
    await connection.close()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """An importable service with migrations, and the folder of its scripts."""
    name = f"migrating_{request.node.name.split('[')[0]}"
    versions = tmp_path / name / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("")
    env = "from servicekit.migrations import run_env\nfrom sqlalchemy import MetaData\nrun_env(MetaData())\n"
    (tmp_path / name / "migrations" / "env.py").write_text(env)
    monkeypatch.syspath_prepend(tmp_path)
    return name, versions


def write(versions: Path, revision: str, statement: str, *, after: str | None = None) -> None:
    script = f"from alembic import op\nrevision = {revision!r}\ndown_revision = {after!r}\n"
    (versions / f"{revision}.py").write_text(f"{script}def upgrade(): op.execute({statement!r})\n")


async def test_a_migration_that_fails_half_way_leaves_the_old_schema_and_says_what_to_do(
    fresh_database: str, package: tuple[str, Path]
) -> None:
    name, versions = package
    write(versions, "m1", "create table first (id int)")
    await migrate(fresh_database, name)
    write(versions, "m2", "create table second (id int)", after="m1")
    write(versions, "m3", "alter table nowhere add column x int", after="m2")

    with capture_logs() as lines, pytest.raises(DBAPIError, match="nowhere"):
        await migrate(fresh_database, name)

    connection = await asyncpg.connect(fresh_database)
    assert await connection.fetchval("select version_num from service_version") == "m1"
    assert await connection.fetchval("select to_regclass('second')") is None
    [line] = [line for line in lines if line["event"] == "migrations.failed"]
    assert "start the release before again" in line["advice"]
    assert "nowhere" in line["error"]
    write(versions, "m3", "alter table second add column x int", after="m2")
    await migrate(fresh_database, name)
    assert await connection.fetchval("select version_num from service_version") == "m3"
    await connection.close()


async def test_a_migration_gives_way_to_who_is_at_work(
    fresh_database: str, package: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change of a table that waits for a reader would let everybody else wait behind it."""
    monkeypatch.setattr("servicekit.migrations.LONGEST_WAIT_SECONDS", 0.2)
    name, versions = package
    write(versions, "m1", "create table busy (id int)")
    await migrate(fresh_database, name)
    write(versions, "m2", "alter table busy add column x int", after="m1")
    reader = await asyncpg.connect(fresh_database)
    async with reader.transaction():
        await reader.execute("select from busy")
        async with asyncio.timeout(10):
            with pytest.raises(DBAPIError, match="lock timeout"):
                await migrate(fresh_database, name)
    await migrate(fresh_database, name)
    assert await reader.fetchval("select version_num from service_version") == "m2"
    await reader.close()
