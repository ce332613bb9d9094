"""For tests: whether a migration only adds, so that the release before works on beside the new one.

What a release no longer uses goes with the next one. Its migration then says so:
`no_longer_used = {"column session.told_at is gone": "not read since release 1.4"}`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from servicekit.migrations import KIT_VERSION_TABLE, SERVICE_VERSION_TABLE

_COLUMNS = """
select c.relname as table, a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
       a.attnotnull as required, a.atthasdef or a.attidentity <> '' as filled
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
"""
_RULES = """
select i.indrelid::regclass::text as table,
       'unique ' || regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING \\w+ ', '') as rule
from pg_index i join pg_class c on c.oid = i.indrelid
where i.indisunique and c.relnamespace = 'public'::regnamespace
union all
select conrelid::regclass::text, pg_get_constraintdef(oid) from pg_constraint
where contype in ('c', 'f', 'x') and connamespace = 'public'::regnamespace and conrelid <> 0
"""


@dataclass(frozen=True)
class Column:
    """What a statement of the release before relies on; `filled`: an insert may leave it out."""

    type: str
    required: bool
    filled: bool


@dataclass(frozen=True)
class Schema:
    """Tables with their columns, and the rules that rows obey."""

    tables: dict[str, dict[str, Column]]
    rules: frozenset[tuple[str, str]]


def schema_of(connection: Connection) -> Schema:
    """Return the schema that is there now."""
    tables: dict[str, dict[str, Column]] = {}
    for row in connection.execute(text(_COLUMNS)).mappings():
        if row["table"] not in {KIT_VERSION_TABLE, SERVICE_VERSION_TABLE}:
            column = Column(row["type"], row["required"], row["filled"])
            tables.setdefault(row["table"], {})[row["column"]] = column
    rules = connection.execute(text(_RULES)).mappings()
    return Schema(tables, frozenset((row["table"], row["rule"]) for row in rules))


def broken_by(before: Schema, after: Schema) -> Iterator[str]:
    """Yield what the release before would stumble over, each in words that `no_longer_used` can quote."""
    for table, columns in before.tables.items():
        if table not in after.tables:
            yield f"table {table} is gone"
            continue
        for name, column in columns.items():
            yield from _broken_column(f"{table}.{name}", column, after.tables[table].get(name))
        for name, column in after.tables[table].items():
            if name not in columns and column.required and not column.filled:
                yield f"column {table}.{name} is new, and an insert cannot leave it out"
    for table, rule in sorted(before.rules - after.rules):
        if table in after.tables:
            yield f"{rule} of {table} is gone, which an upsert may name"
    for table, rule in sorted(after.rules - before.rules):
        if table in before.tables:
            yield f"{rule} of {table} is new, and an insert may break it"


def _broken_column(name: str, before: Column, after: Column | None) -> Iterator[str]:
    if after is None:
        yield f"column {name} is gone"
        return
    if after.type != before.type:
        yield f"column {name} was {before.type} and is {after.type}"
    if after.required and not before.required:
        yield f"column {name} takes no null any more"
    if after.required and before.filled and not after.filled:
        yield f"column {name} has no default any more"
