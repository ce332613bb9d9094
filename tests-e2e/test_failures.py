"""Failures that only whole processes show: a first day, any order of start, a broker that comes back empty."""

import random
import shutil
import time
from collections.abc import Callable, Iterator

import aio_pika
import aiormq.exceptions
import pytest
from contracts.topology import THE_FIVE, queues_of
from local_stack.servers import Servers, private_servers
from local_stack.service_process import ServiceProcess
from local_stack.supervisor import Stack
from world.background import Background

SEED = 12
ORDERS = 2
PATIENCE_SECONDS = 60.0
WAITING = "database.waiting"
STEPS = ("postgres", "rabbitmq", "services", "provision")


@pytest.fixture(scope="module")
def two_servers() -> Iterator[Servers]:
    """Servers of these tests alone: they are stopped, and one loses everything."""
    with private_servers() as found:
        yield found


@pytest.fixture(scope="module")
def stack(two_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(two_servers, home=tmp_path_factory.mktemp("stack"), telegram=("", ""), report=lambda _: None)
    yield made
    made.stop()


def is_possible(order: tuple[str, ...]) -> bool:
    """Provisioning needs both servers; services that come last are what every other test has."""
    return order[-1] != "services" and order.index("provision") > max(map(order.index, ("postgres", "rabbitmq")))


def orders() -> list[tuple[str, ...]]:
    chosen: set[tuple[str, ...]] = {("services", "rabbitmq", "postgres", "provision")}
    dice = random.Random(SEED)
    while len(chosen) < ORDERS:
        order = tuple(dice.sample(STEPS, len(STEPS)))
        if is_possible(order):
            chosen.add(order)
    return sorted(chosen)


def forget_everything(servers: Servers) -> None:
    """Stop the broker and take its data away: what starts again at its address is a new one."""
    broker = servers.rabbitmq
    assert broker is not None
    broker.stop()
    shutil.rmtree(broker.home / "data")  # type: ignore[attr-defined]


def launch_all(stack: Stack) -> None:
    stack.logs.mkdir(parents=True, exist_ok=True)
    for process in stack.processes.values():
        process.launch()


def words_of(process: ServiceProcess) -> str:
    """Return what it has logged."""
    return process.log.read_text(encoding="utf-8") if process.log.exists() else ""


def everybody_is_ready(stack: Stack) -> None:
    for process in stack.processes.values():
        process.wait(60)
        assert process.died_with is None


def test_on_the_first_day_services_wait_for_databases_and_users_that_nobody_has_made(stack: Stack) -> None:
    launch_all(stack)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while early := [name for name, process in stack.processes.items() if WAITING not in words_of(process)]:
        assert time.monotonic() < deadline, f"{early} did not say what they wait for"
        time.sleep(0.1)
    stack.provision()
    everybody_is_ready(stack)


@pytest.mark.parametrize("order", orders(), ids="-".join)
def test_servers_services_and_provisioning_may_come_in_any_order(
    stack: Stack, two_servers: Servers, order: tuple[str, ...]
) -> None:
    assert two_servers.postgres is not None
    assert two_servers.rabbitmq is not None
    stack.stop()
    two_servers.postgres.stop()
    forget_everything(two_servers)
    steps: dict[str, Callable[[], object]] = {
        "postgres": two_servers.postgres.start,
        "rabbitmq": two_servers.rabbitmq.start,
        "services": lambda: launch_all(stack),
        "provision": stack.provision,
    }
    for step in order:
        steps[step]()
    everybody_is_ready(stack)


async def unserved(url: str) -> list[str]:
    """Return the queues that nobody reads."""
    found = []
    async with await aio_pika.connect(url) as connection:
        for name in [queue.name for service in THE_FIVE for queue in queues_of(service)]:
            channel = await connection.channel()
            try:
                queue = await channel.declare_queue(name, passive=True)
            except aiormq.exceptions.ChannelNotFoundEntity:
                found.append(name)
            else:
                if not queue.declaration_result.consumer_count:
                    found.append(name)
    return found


@pytest.fixture
def background() -> Iterator[Background]:
    """A loop in a thread of its own: the browser of other stories has taken this one's."""
    made = Background()
    yield made
    made.close()


def test_a_broker_that_loses_everything_under_a_running_house_is_served_again_without_a_restart(
    stack: Stack, two_servers: Servers, background: Background
) -> None:
    assert two_servers.rabbitmq is not None
    launch_all(stack)
    stack.provision()
    everybody_is_ready(stack)
    pids = {name: process.pid for name, process in stack.processes.items()}
    forget_everything(two_servers)
    two_servers.rabbitmq.start()
    # Not even its users are there: the services are turned away until somebody provisions.
    stack.provision()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := background.run(unserved(two_servers.rabbitmq_url)):
        assert time.monotonic() < deadline, f"nobody reads {left}"
        time.sleep(0.3)
    assert {name: process.pid for name, process in stack.processes.items()} == pids
    assert all(process.running for process in stack.processes.values())
