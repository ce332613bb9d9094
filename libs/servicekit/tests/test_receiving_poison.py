"""A message that kills its process, in real processes: it ends as a dead letter, and takes no neighbour along."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from contracts import ClientWebinarEntered, session_id_of
from contracts.topology import ATTENDANCE
from servicekit.live_testing import Outside
from servicekit.suspects import MOST_DEATHS
from servicekit.testing import NOON, eventually

QUEUE = f"{ATTENDANCE}.{ClientWebinarEntered.topic}"
WEBINAR = UUID(int=7)
NEIGHBOURS = 199
DEATHS_TOGETHER = 2

PROGRAM = """
import os
from collections.abc import Sequence
from contracts import ClientWebinarEntered
from servicekit import Heard, Router, Service, ServiceSettings, Work, run

router = Router("attendance")

@router.hears(ClientWebinarEntered)
async def remember(entered: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
    leads = [heard.event.lead_id for heard in entered]
    if "deadly" in leads:
        os._exit(9)
    await work.connection.execute("insert into seen select unnest($1::text[])", leads)

run(Service("attendance", settings=ServiceSettings(), router=router, migrations=None))
"""


def entered(lead: str) -> ClientWebinarEntered:
    return ClientWebinarEntered(
        lead_id=lead,
        webinar_id=WEBINAR,
        session_id=session_id_of(lead, WEBINAR),
        webinar_type="live",
        timestamp=NOON,
    )


@asynccontextmanager
async def started(environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of the service; it is gone afterwards."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, env=environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_message_that_kills_its_process_is_buried_after_a_few_deaths_and_its_neighbours_are_handled(
    kit_database: str, outside: Outside
) -> None:
    connection = await asyncpg.connect(kit_database)
    await connection.execute("create table seen (lead text)")
    for number in range(NEIGHBOURS):
        if number == 57:
            await outside.say(entered("deadly"))
        await outside.say(entered(f"lead-{number:03}"))
    environment = {
        **os.environ,
        "SERVICE_DATABASE_URL": kit_database,
        "SERVICE_RABBITMQ_URL": outside.url,
        "OPS_PORT": "0",
        "LOG_LEVEL": "WARNING",
    }

    async def is_buried() -> bool:
        return bool(await connection.fetchval("select count(*) from dead_letter"))

    async def is_empty() -> bool:
        return await connection.fetchval("select count(*) from seen") == NEIGHBOURS and not await outside.waiting(QUEUE)

    deaths = 0
    while True:
        # As whatever keeps a service running does: again and again.
        async with started(environment) as process:
            ended = asyncio.create_task(process.wait())
            buried = asyncio.create_task(eventually(is_buried, seconds=60, what="death or burial"))
            await asyncio.wait([ended, buried], return_when=asyncio.FIRST_COMPLETED)
            buried.cancel()
            if not ended.done():
                await eventually(is_empty, what="every neighbour")
                process.send_signal(signal.SIGTERM)
                assert await ended == 0
                break
        assert process.returncode == 9
        deaths += 1
        assert deaths <= DEATHS_TOGETHER + MOST_DEATHS, "it goes on and on"

    assert deaths == DEATHS_TOGETHER + MOST_DEATHS
    [dead] = await connection.fetch("select * from dead_letter")
    assert (dead["queue"], dead["reason"], dead["body"]) == (QUEUE, "deadly", entered("deadly").to_json())
    seen = [row["lead"] for row in await connection.fetch("select lead from seen order by lead")]
    assert seen == [f"lead-{number:03}" for number in range(NEIGHBOURS)], "each once"
    assert await connection.fetchval("select count(*) from suspect") == 0
    assert await outside.waiting(f"{QUEUE}.dlq") == 0
    await connection.close()
