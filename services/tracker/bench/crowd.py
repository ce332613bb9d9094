"""Measure what a crowd costs the tracker: `python services/tracker/bench/crowd.py [leads]`.

Needs DATABASE_URL of an administrator; works in a database of its own and drops it. Prints seconds, rates, and how
much longer a crowd takes than a tenth of it (10.0 would be in proportion).
"""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from contracts import Message
from servicekit.clock import ManualClock
from servicekit.migrations import migrate
from servicekit.testing import ServiceUnderTest
from tracker.handlers import finalise_due, tell_progress
from tracker.main import create_service
from tracker.settings import TrackerSettings
from tracker.testing import START, at, entry, finish, report, webinar

_PART = 1000
_BATCH = 20


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _room(when: float, count: int, *, version: int = 2) -> list[Message]:
    parts = -(-count // _PART)
    return [
        report(
            when,
            *(entry(f"lead-{n:06}", n % 7) for n in range(part * _PART, min(count, (part + 1) * _PART))),
            version=version,
            part=part,
            parts=parts,
        )
        for part in range(parts)
    ]


async def _in_batches(tracker: ServiceUnderTest, messages: list[Message], size: int) -> None:
    for i in range(0, len(messages), size):
        await tracker.receive(*messages[i : i + size])


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _measure(url: str, count: int) -> dict[str, float]:
    """Return the seconds of each step of one webinar with `count` leads."""
    settings = TrackerSettings(service_database_url=url, service_rabbitmq_url="amqp://none", ops_port=0)
    service = create_service(settings)
    clock = ManualClock(START)
    service.database.clock = clock
    await service.database.open()
    tracker = ServiceUnderTest(service, clock)
    seconds: dict[str, float] = {}
    await tracker.receive(webinar(version=1), webinar(version=2, on_air=((0, None),)))
    seconds["first reports, all enter"] = await _timed(lambda: _in_batches(tracker, _room(10, count), _BATCH))
    seconds["a round of reports"] = await _timed(lambda: _in_batches(tracker, _room(400, count), _BATCH))
    presses: list[Message] = [finish(f"lead-{n:06}", 401) for n in range(0, count, 4)]
    seconds["a quarter press finish"] = await _timed(lambda: _in_batches(tracker, presses, 200))
    clock.set(at(402))
    seconds["figures of 1,000 leads"] = await _timed(lambda: tracker.run(tell_progress))
    clock.set(at(600))
    await tracker.receive(webinar(version=3, on_air=((0, 600),), finished=600))
    seconds["the last reports"] = await _timed(lambda: _in_batches(tracker, _room(600, count // 2, version=3), _BATCH))
    clock.set(at(600) + timedelta(seconds=30))
    seconds["finalising"] = await _timed(lambda: tracker.run(finalise_due))
    await service.database.close()
    return seconds


async def _in_a_database_of_its_own(admin: str, count: int) -> dict[str, float]:
    name = f"bench_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute(f'create database "{name}"')
        url = urlunsplit(urlsplit(admin)._replace(path=f"/{name}"))
        await migrate(url, "tracker")
        return await _measure(url, count)
    finally:
        await connection.execute(f'drop database if exists "{name}" with (force)')
        await connection.close()


async def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    admin = os.environ["DATABASE_URL"]
    small = await _in_a_database_of_its_own(admin, count // 10)
    large = await _in_a_database_of_its_own(admin, count)
    _say(f"{'':28}{count // 10:>10,} leads{count:>10,} leads     ratio")
    for step, seconds in large.items():
        _say(f"{step:28}{small[step]:>14.2f} s{seconds:>14.2f} s{seconds / small[step]:>10.1f}")


if __name__ == "__main__":
    asyncio.run(main())
