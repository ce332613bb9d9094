"""A bug buries many messages; it is mended, and one command gives all of them back: each handled, none twice."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Sequence
from uuid import UUID, uuid4

import aio_pika
import pytest
from contracts import ClientWebinarAttendanceEvaluate, session_id_of
from contracts.topology import ATTENDANCE, EXCHANGE
from servicekit import Database, Heard, Router, Service, ServiceSettings, Work
from servicekit.cli import app
from servicekit.live_testing import Outside, running
from servicekit.testing import eventually
from typer.testing import CliRunner

MANY = int(os.environ.get("REPLAYED_MESSAGES", "100"))
WEBINAR = UUID(int=7)
QUEUE = f"{ATTENDANCE}.{ClientWebinarAttendanceEvaluate.topic}"
ENVIRONMENT = dict.fromkeys(("DATABASE_URL", "RABBITMQ_URL"))


class Attendance:
    """A service with a bug that somebody mends."""

    def __init__(self) -> None:
        self.has_the_bug = True
        self.handled: Counter[str] = Counter()
        self.router = Router(ATTENDANCE)
        self.router.hears(ClientWebinarAttendanceEvaluate)(self.evaluate)

    async def evaluate(self, evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
        if self.has_the_bug:
            raise ZeroDivisionError("the deliberate bug")
        leads = [heard.event.lead_id for heard in evaluations]
        work.after_commit(lambda: self.handled.update(leads))

    def service(self, database: str, broker: str) -> Service:
        settings = ServiceSettings(
            service_database_url=database,
            service_rabbitmq_url=broker,
            ops_port=0,
            instance_id=uuid4().hex,
            log_level="ERROR",
        )
        return Service(ATTENDANCE, settings=settings, router=self.router, migrations=None)


async def say_many(outside: Outside) -> None:
    channel = await outside.channel.get_exchange(EXCHANGE, ensure=False)
    for first in range(0, MANY, 500):
        leads = [f"lead-{number:06}" for number in range(first, min(first + 500, MANY))]
        await asyncio.gather(*(channel.publish(message_about(lead), QUEUE.partition(".")[2]) for lead in leads))


def message_about(lead: str) -> aio_pika.Message:
    event = ClientWebinarAttendanceEvaluate(
        lead_id=lead, webinar_id=WEBINAR, session_id=session_id_of(lead, WEBINAR), watched_seconds=1, base_seconds=60
    )
    return aio_pika.Message(
        event.to_json(), message_id=str(uuid4()), correlation_id="story", type=event.topic, app_id="tracker"
    )


async def dead(database: Database) -> int:
    count: int = await database.pool.fetchval("select count(*) from dead_letter")
    return count


@pytest.mark.timeout(1200)
async def test_after_the_bug_is_mended_one_command_gives_all_back(kit_database: str, outside: Outside) -> None:
    attendance = Attendance()
    async with running(attendance.service(kit_database, outside.url)) as service:
        began = time.monotonic()
        await say_many(outside)

        async def all_dead() -> bool:
            return await dead(service.database) == MANY

        await eventually(all_dead, seconds=900, what="the burial of all")
        buried = time.monotonic()
        attendance.has_the_bug = False

        environment = ENVIRONMENT | {"SERVICE_DATABASE_URL": kit_database}
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, ["dead", "replay", "--all"], env=environment))
        replayed = time.monotonic()

        async def all_handled() -> bool:
            return len(attendance.handled) == MANY

        await eventually(all_handled, seconds=120, what="the handling of all")
        seconds = [round(one, 1) for one in (buried - began, replayed - buried, time.monotonic() - replayed)]
        assert (result.exit_code, result.stdout) == (0, f"{MANY:,} given back.\n")
        assert set(attendance.handled.values()) == {1}
        assert await dead(service.database) == 0
        print(f"{MANY} messages: buried in {seconds[0]} s, replayed in {seconds[1]} s, handled {seconds[2]} s later")  # noqa: T201 - a figure for who asks with -s
