"""Migrations: Alembic per service, run at the start under a lock; a release only adds to a schema."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from servicekit.logs import get_logger

log = get_logger(__name__)

_LOCK = 7_113_060_114
KIT_VERSION_TABLE = "servicekit_version"
SERVICE_VERSION_TABLE = "service_version"


def run_env(metadata: MetaData) -> None:
    """The whole of a service's `migrations/env.py`: migrate over the connection that `migrate` handed on."""
    connection = context.config.attributes["connection"]
    version_table = context.config.attributes["version_table"]
    context.configure(connection=connection, target_metadata=metadata, version_table=version_table)
    with context.begin_transaction():
        context.run_migrations()


def _upgrade(connection: Connection, scripts: Path, version_table: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, version_table=version_table)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    present = MigrationContext.configure(connection, opts={"version_table": version_table}).get_current_heads()
    if unknown := set(present) - known:
        # A newer release was here, and releases only add: the older one, restarted beside it, works on.
        log.info("migrations.newer", table=version_table, revisions=sorted(unknown))
        return
    command.upgrade(config, "head")


def _migrate_all(connection: Connection, package: str | None) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    _upgrade(connection, Path(str(files("servicekit") / "kit_migrations")), KIT_VERSION_TABLE)
    if package is not None:
        _upgrade(connection, Path(str(files(package) / "migrations")), SERVICE_VERSION_TABLE)


def engine_of(url: str) -> AsyncEngine:
    """Return an engine without a pool for a PostgreSQL URL in whatever form asyncpg takes."""
    # SQLAlchemy would hand `sslmode` on as it is, and cannot read several hosts: it is not shown the URL.
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def migrate(url: str, package: str | None) -> None:
    """Bring the database to the newest schema of the kit and of `package`; waits while another instance does."""
    engine = engine_of(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate_all, package)
    finally:
        await engine.dispose()


def differences(connection: Connection, metadata: MetaData, kit: MetaData) -> list[Any]:
    """Return how a migrated database differs from what the tables say; empty when they agree."""
    from alembic.autogenerate import compare_metadata  # noqa: PLC0415 - slow to import, for tests only

    ignored = set(kit.tables) | {KIT_VERSION_TABLE, SERVICE_VERSION_TABLE}

    def counts(item: Any, name: str | None, kind: str, *_: Any) -> bool:
        return not (kind == "table" and name in ignored)

    migration = MigrationContext.configure(
        connection, opts={"include_object": counts, "version_table": SERVICE_VERSION_TABLE}
    )
    return list(compare_metadata(migration, metadata))
