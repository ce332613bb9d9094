"""Both servers are killed in the middle of the work: everything is handled, nothing is lost, no attempt is counted."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import aio_pika
import aiohttp
import pytest
from contracts import RoomFinish
from contracts.topology import EXCHANGE, TRACKER
from local_stack.postgres import Postgres
from local_stack.rabbitmq import RabbitMQ
from servicekit import Heard, Router, Service, ServiceSettings, Work
from servicekit.errors import BROKER_AWAY
from servicekit.live_testing import running
from servicekit.provision import provision_topology
from servicekit.testing import NOON, eventually
from yarl import URL

QUEUE = f"{TRACKER}.{RoomFinish.topic}"
COUNT = 1500


@pytest.fixture(scope="module")
def private() -> Iterator[tuple[Postgres, RabbitMQ]]:
    """Servers that the tests may kill."""
    postgres, rabbitmq = Postgres(durable=True), RabbitMQ()
    with ThreadPoolExecutor(2) as pool:
        started = [pool.submit(postgres.start), pool.submit(rabbitmq.start)]
    try:
        for future in started:
            future.result()
        yield postgres, rabbitmq
    finally:
        rabbitmq.close()
        postgres.close()


async def publish_all(url: str, leads: Sequence[str]) -> None:
    """Publish a press of the button for each lead until each is confirmed, as a relay would."""
    left = set(leads)
    while left:
        try:
            connection = await aio_pika.connect(url, timeout=3)
            async with connection:
                exchange = await (await connection.channel()).get_exchange(EXCHANGE, ensure=False)
                for lead in sorted(left):
                    event = RoomFinish(lead_id=lead, webinar_id="0" * 32, at=NOON)
                    message = aio_pika.Message(event.to_json(), message_id=f"00000000-0000-7000-8000-{int(lead):012}")
                    message.delivery_mode = aio_pika.DeliveryMode.PERSISTENT
                    async with asyncio.timeout(3):
                        await exchange.publish(message, event.topic, mandatory=True)
                    left.discard(lead)
        except BROKER_AWAY:
            await asyncio.sleep(0.2)


async def has_a_leader(management_url: str) -> bool:
    parts = URL(management_url)
    login = {"Authorization": aiohttp.encode_basic_auth(parts.user or "", parts.password or "")}
    async with (
        aiohttp.ClientSession(headers=login) as session,
        session.get(parts.with_user(None).joinpath("api/queues/%2F", QUEUE, encoded=True)) as answer,
    ):
        return bool((await answer.json()).get("leader"))


async def test_servers_killed_while_consuming(private: tuple[Postgres, RabbitMQ]) -> None:
    postgres, rabbitmq = private
    attempts: set[int] = set()
    router = Router(TRACKER)

    @router.hears(RoomFinish, batch=20)
    async def remember(presses: Sequence[Heard[RoomFinish]], work: Work) -> None:
        attempts.update(press.attempt for press in presses)
        await work.connection.execute("create table if not exists press (lead text primary key, times int)")
        await work.connection.execute(
            "insert into press select unnest($1::text[]), 1 on conflict (lead) do update set times = press.times + 1",
            [press.event.lead_id for press in presses],
        )
        await asyncio.sleep(0.01)

    await provision_topology(rabbitmq.url, retry_scale=0.001, services=(TRACKER,))
    settings = ServiceSettings(
        service_database_url=postgres.url, service_rabbitmq_url=rabbitmq.url, ops_port=0, instance_id="killed"
    )
    service = Service(TRACKER, settings=settings, router=router, migrations=None)
    leads = [str(number) for number in range(COUNT)]

    async def handled() -> int:
        try:
            return int(await service.database.pool.fetchval("select count(*) from press"))
        except Exception:  # noqa: BLE001 - the server is killed under our feet
            return 0

    def reaches(count: int) -> object:
        async def check() -> bool:
            return await handled() >= count

        return check

    async with running(service):
        await eventually(lambda: has_a_leader(rabbitmq.management_url), seconds=20, what="a leader of the queue")
        await asyncio.sleep(2)  # a queue younger than that may not survive the crash of its only node
        publishing = asyncio.create_task(publish_all(rabbitmq.url, leads))
        await eventually(reaches(50), seconds=30, what="the beginning")  # type: ignore[arg-type]
        await asyncio.to_thread(postgres.kill)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(postgres.start)
        await eventually(reaches(200), seconds=30, what="going on without the old database server")  # type: ignore[arg-type]
        await asyncio.to_thread(rabbitmq.kill)
        await asyncio.to_thread(rabbitmq.start)
        await publishing
        await eventually(reaches(COUNT), seconds=40, what="all of it")  # type: ignore[arg-type]
        assert attempts == {0}
        assert await service.database.pool.fetchval("select count(*) from dead_letter") == 0
        assert (await service.readiness())["topology"]
