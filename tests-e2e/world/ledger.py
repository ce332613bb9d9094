"""The services' databases, read (and, to tidy up after a story, written) as an administrator."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from contracts.topology import THE_FIVE

from world.background import Background

POLL_SECONDS = 0.05


class Ledger:
    """Asks one service's database at a time."""

    def __init__(self, background: Background, database_url: str) -> None:
        self._background = background
        self._url = database_url

    def rows(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        """Return what a query finds in the database of `service`."""
        return self._background.run(self._fetch(service, query, values))

    def value(self, service: str, query: str, *values: Any) -> Any:
        """Return the first column of the first row, or None."""
        found = self.rows(service, query, *values)
        return found[0][0] if found else None

    def wait_for(
        self, service: str, query: str, *values: Any, is_it: Callable[[Any], bool], patience: float = 30
    ) -> Any:
        """Return `value` as soon as it is what is wanted; AssertionError says what it was instead."""
        deadline = time.monotonic() + patience
        while not is_it(found := self.value(service, query, *values)):
            assert time.monotonic() < deadline, f"{service}: {query} {values} was {found!r} after {patience:.0f} s"
            time.sleep(POLL_SECONDS)
        return found

    def now(self) -> datetime:
        """Return the house clock: the database server's."""
        moment: datetime = self.value("core-webinar", "select clock_timestamp()")
        return moment

    def wait_until(self, moment: datetime) -> None:
        """Return when the house clock has reached `moment`."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left, 0.25))

    def dead_letters(self) -> dict[str, list[str]]:
        """Return what the services have given up on: queue → reasons."""
        found: dict[str, list[str]] = {}
        for service in THE_FIVE:
            for row in self.rows(service, "select queue, reason, error from dead_letter order by id"):
                found.setdefault(row["queue"], []).append(f"{row['reason']}: {row['error'][-300:]}")
        return found

    def parked(self) -> dict[str, int]:
        """Return how many rows of each outbox the broker has refused for good."""
        query = "select count(*) from outbox where parked_at is not null"
        return {service: count for service in THE_FIVE if (count := self.value(service, query))}

    async def _fetch(self, service: str, query: str, values: Sequence[Any]) -> list[asyncpg.Record]:
        parts = urlsplit(self._url)
        connection = await asyncpg.connect(urlunsplit(parts._replace(path=f"/{service.replace('-', '_')}")))
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()
