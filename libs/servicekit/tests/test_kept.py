"""What is kept and how long is said of every table (docs/operating.md)."""

import re
from pathlib import Path

import pytest
from contracts.topology import THE_FIVE
from servicekit.additive import schema_of
from servicekit.migrations import engine_of, migrate

OPERATING = (Path(__file__).parents[3] / "docs" / "operating.md").read_text()


def said_of(service: str) -> list[str]:
    _, _, section = OPERATING.partition("\n## What is kept, and how long\n")
    return re.findall(rf"^\| {service} \| `(\w+)` \| [^|]+ \| [^|]+ \| [^|]*\|$", section, re.MULTILINE)


@pytest.mark.parametrize("service", THE_FIVE)
async def test_every_table_is_said_to_end_or_to_stay(fresh_database: str, service: str) -> None:
    await migrate(fresh_database, service.replace("-", "_"))
    engine = engine_of(fresh_database)
    async with engine.connect() as connection:
        tables = (await connection.run_sync(schema_of)).tables
    await engine.dispose()
    assert sorted(said_of("every") + said_of(service)) == sorted(tables)
