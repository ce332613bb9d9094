"""Statements in a trace: by which table and for how long, never with what values."""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncpg
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from servicekit import tracing

_LONGEST_TEXT = 1000
_TARGET = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|from)\s+\"?(?!unnest\b|select\b|skip\b)(\w+)", re.IGNORECASE
)


@lru_cache(maxsize=1000)
def summary(query: str) -> str:
    """Return what a statement does in two words: its first one, and the first table that it names."""
    words = query.split(None, 1)
    verb = words[0].rstrip(";").upper() if words else ""
    target = _TARGET.search(query)
    return f"{verb} {target[1]}" if target else verb


@lru_cache(maxsize=1000)
def _attributes(query: str, namespace: str) -> dict[str, str | int]:
    return {
        "db.system.name": "postgresql",
        "db.namespace": namespace,
        "db.query.summary": summary(query),
        # Values are arguments: the text has `$1` in their place.
        "db.query.text": " ".join(query.split())[:_LONGEST_TEXT],
    }


class TracedConnection(asyncpg.Connection):
    """A connection whose statements are spans, where they are part of something that is recorded."""

    __slots__ = ()
    namespace = ""

    def _span(self, query: str) -> Any:
        return tracing.inside(summary(query), SpanKind.CLIENT, _attributes(query, self.namespace))

    async def reset(self, **options: Any) -> Any:
        # What the pool does to every connection that comes back is nobody's work.
        with trace.use_span(trace.INVALID_SPAN):
            return await super().reset(**options)

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        with self._span(query):
            return await super().execute(query, *args, **options)

    async def executemany(self, command: str, args: Any, **options: Any) -> Any:
        with self._span(command):
            return await super().executemany(command, args, **options)

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        with self._span(query):
            return await super().fetch(query, *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        with self._span(query):
            return await super().fetchval(query, *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        with self._span(query):
            return await super().fetchrow(query, *args, **options)


def connection_class(url: str) -> type[Any]:
    """Return what the connections of a pool are: asyncpg's own where traces are off."""
    if not tracing.is_on():
        return asyncpg.Connection
    name = unquote(urlsplit(url).path.lstrip("/"))
    return type("TracedConnection", (TracedConnection,), {"__slots__": (), "namespace": name})
