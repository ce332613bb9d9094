"""How much batches and confirms in flight are worth, on this machine: ratios, because absolute figures are its mood.

Run it with `.venv/bin/python libs/servicekit/bench/throughput.py`; it takes less than a minute, servers included.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence
from uuid import UUID, uuid4

import aio_pika
import asyncpg
from contracts import RoomFinish, session_id_of
from contracts.topology import EXCHANGE, TRACKER
from local_stack.servers import servers_for_tests
from servicekit import Database, Heard, HouseClock, Router, Service, ServiceSettings, Work, relay
from servicekit.logs import configure
from servicekit.migrations import migrate
from servicekit.provision import provision_topology
from servicekit.testing import NOON

ROUNDS = 3
WEBINAR = UUID(int=7)
ONE_BY_ONE, TOGETHER = 400, 3000


def press(number: int) -> RoomFinish:
    return RoomFinish(lead_id=f"lead-{number}", webinar_id=WEBINAR, at=NOON)


def tracker(database: str, broker: str, *, batch: int, count: int) -> tuple[Service, asyncio.Event]:
    """A service that keeps each press and announces nothing, and the event that all have come."""
    router, done, seen = Router(TRACKER), asyncio.Event(), 0

    @router.hears(RoomFinish, batch=batch)
    async def keep(presses: Sequence[Heard[RoomFinish]], work: Work) -> None:
        nonlocal seen
        await work.connection.execute(
            "insert into press select * from unnest($1::uuid[], $2::text[]) on conflict do nothing",
            [session_id_of(heard.event.lead_id, WEBINAR) for heard in presses],
            [heard.event.lead_id for heard in presses],
        )
        seen += len(presses)
        if seen >= count:
            done.set()

    settings = ServiceSettings(
        service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
    )
    return Service(TRACKER, settings=settings, router=router, migrations=None), done


async def consume(database: str, broker: str, *, batch: int, count: int) -> float:
    """Return how many messages a second a service handles that takes at most `batch` into one transaction."""
    connection = await asyncpg.connect(database)
    await connection.execute("drop table if exists press; create table press (id uuid primary key, lead text)")
    await connection.close()
    async with await aio_pika.connect(broker) as amqp:
        exchange = await (await amqp.channel()).get_exchange(EXCHANGE, ensure=False)
        for begin in range(0, count, 500):
            messages = [
                aio_pika.Message(press(number).to_json(), message_id=str(uuid4()), delivery_mode=2)
                for number in range(begin, min(begin + 500, count))
            ]
            await asyncio.gather(*(exchange.publish(message, RoomFinish.topic) for message in messages))
    service, done = tracker(database, broker, batch=batch, count=count)
    running = asyncio.create_task(service.run())
    while service.consumption is None or not service.consumption.begun.is_set():
        await asyncio.sleep(0.001)
    began = time.perf_counter()
    await done.wait()
    seconds = time.perf_counter() - began
    service.stop()
    await running
    return count / seconds


async def pass_on(database_url: str, broker: str, *, in_flight: int, count: int) -> float:
    """Return how many outbox rows a second the relay publishes with so many in flight."""
    database = Database(database_url, HouseClock(), pool_size=2)
    await database.open()
    async with database.work() as work:
        for number in range(count):
            work.announce(press(number))
    relay.IN_FLIGHT = in_flight
    passing = relay.Relay(database_url, broker, app_id="room-ui", clock=database.clock)
    passing.wake()
    began = time.perf_counter()
    task = asyncio.create_task(passing.run())
    while await database.pool.fetchval("select exists (select from outbox)"):
        await asyncio.sleep(0.005)
    seconds = time.perf_counter() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await passing.close()
    await database.close()
    return count / seconds


async def measure(database: str, broker: str) -> None:
    await migrate(database, None)
    await provision_topology(broker, services=(TRACKER,))
    rates: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        # Interleaved, so that a neighbour's load falls on all alike.
        for name, rate in (
            ("consume, one transaction a message", consume(database, broker, batch=1, count=ONE_BY_ONE)),
            ("consume, batches of up to 200", consume(database, broker, batch=200, count=TOGETHER)),
            ("relay, one by one", pass_on(database, broker, in_flight=1, count=ONE_BY_ONE)),
            ("relay, 500 in flight", pass_on(database, broker, in_flight=500, count=TOGETHER)),
        ):
            rates.setdefault(name, []).append(await rate)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    names = list(medians)
    for first, second in (names[:2], names[2:]):
        print(f"{first:40} {medians[first]:8.0f}/s   1.0")  # noqa: T201
        print(f"{second:40} {medians[second]:8.0f}/s   {medians[second] / medians[first]:.1f}")  # noqa: T201


def main() -> None:
    configure("bench", form="console", level="ERROR", instance_id="bench")
    with servers_for_tests() as servers:
        asyncio.run(measure(servers.database_url, servers.rabbitmq_url))


if __name__ == "__main__":
    main()
