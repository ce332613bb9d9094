"""Migrations: Alembic per service, run at the start under a lock; a release only adds to a schema."""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import asyncpg
from alembic import command, context
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from servicekit.logs import get_logger

log = get_logger(__name__)

_LOCK = 7_113_060_114
KIT_VERSION_TABLE = "servicekit_version"
SERVICE_VERSION_TABLE = "service_version"
LONGEST_WAIT_SECONDS = 3


def run_env(metadata: MetaData) -> None:
    """The whole of a service's `migrations/env.py`: migrate over the connection that `migrate` handed on."""
    connection = context.config.attributes["connection"]
    version_table = context.config.attributes["version_table"]
    context.configure(connection=connection, target_metadata=metadata, version_table=version_table)
    with context.begin_transaction():
        context.run_migrations()


@dataclass(frozen=True)
class Scripts:
    """The migrations of the kit (`package` None) or of a service; a table says how far a database has come."""

    package: str | None

    @property
    def version_table(self) -> str:
        return KIT_VERSION_TABLE if self.package is None else SERVICE_VERSION_TABLE

    def config(self, connection: Connection | None = None) -> Config:
        folder = files("servicekit") / "kit_migrations" if self.package is None else files(self.package) / "migrations"
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
        config.set_main_option("path_separator", "os")
        config.attributes.update(connection=connection, version_table=self.version_table)
        return config

    def in_order(self) -> list[Script]:
        """Return the scripts, the first one first."""
        return list(ScriptDirectory.from_config(self.config()).walk_revisions())[::-1]

    def upgrade(self, connection: Connection, revision: str = "head") -> None:
        """Bring a database to a revision; where a newer release was, leave it as it is."""
        known = {script.revision for script in self.in_order()}
        present = MigrationContext.configure(connection, opts={"version_table": self.version_table}).get_current_heads()
        if unknown := set(present) - known:
            # A newer release was here, and releases only add: the older one, restarted beside it, works on.
            log.info("migrations.newer", table=self.version_table, revisions=sorted(unknown))
            return
        command.upgrade(self.config(connection), revision)


def _migrate_all(connection: Connection, package: str | None) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    # A change of a table waits for who reads it, and everybody else would wait behind the change: it gives way, and
    # is tried again.
    connection.execute(text(f"set local lock_timeout = '{LONGEST_WAIT_SECONDS}s'"))
    Scripts(None).upgrade(connection)
    if package is not None:
        Scripts(package).upgrade(connection)


def engine_of(url: str) -> AsyncEngine:
    """Return an engine without a pool for a PostgreSQL URL in whatever form asyncpg takes."""
    # SQLAlchemy would hand `sslmode` on as it is, and cannot read several hosts: it is not shown the URL.
    return create_async_engine("postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(url), poolclass=NullPool)


async def migrate(url: str, package: str | None) -> None:
    """Bring the database to the newest schema of the kit and of `package`; waits while another instance does.

    All of it is one transaction: when anything fails, the schema is what it was.
    """
    engine = engine_of(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate_all, package)
    except (ProgrammingError, IntegrityError, DataError) as error:
        log.critical(
            "migrations.failed",
            error=str(error.orig)[:500],
            statement=(error.statement or "")[:500],
            advice="nothing was changed, the schema is as it was: start the release before again, and report this line",
        )
        raise
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
