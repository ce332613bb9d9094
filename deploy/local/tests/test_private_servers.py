"""What a server of our own does on a real machine: survives a crash, keeps its addresses, leaves nothing behind."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from local_stack.errors import DidNotStartError, LocalStackError
from local_stack.paths import ordinary_user, state_dir
from local_stack.postgres import Postgres
from local_stack.private_folder import PrivateFolder
from local_stack.processes import is_free
from local_stack.rabbitmq import RabbitMQ
from local_stack.readiness import management_answers


def processes_that_mention(text: str) -> list[str]:
    """Return the command lines of running processes that contain `text`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in words:
            found.append(words)
    return found


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def rabbitmq() -> Iterator[RabbitMQ]:
    with RabbitMQ() as server:
        yield server


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_what_was_committed_is_there_after_postgres_was_killed(postgres: Postgres) -> None:
    connection = await asyncpg.connect(postgres.url)
    await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    before = postgres.pid

    postgres.kill()
    assert not postgres.running
    postgres.start()

    assert postgres.pid != before
    assert await value(postgres.url, "SELECT n FROM kept") == 7
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await connection.execute("SELECT 1")
    connection.terminate()


async def test_postgres_keeps_its_address_and_data_over_a_restart(postgres: Postgres) -> None:
    await value(postgres.url, "CREATE TABLE kept (n int)")
    url = postgres.url

    postgres.restart()

    assert postgres.url == url
    assert await value(url, "SELECT count(*) FROM kept") == 0


async def test_postgres_refuses_a_wrong_password(postgres: Postgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(postgres.url.replace(postgres.password, "guess"))


def test_closing_postgres_leaves_no_process_and_no_file() -> None:
    with Postgres() as server:
        home, port = server.home, server.port
        assert processes_that_mention(str(home))

    assert not processes_that_mention(str(home))
    assert not home.exists()
    assert is_free(port)


@pytest.mark.parametrize("kind", [Postgres, RabbitMQ])
def test_a_server_that_was_closed_is_not_started_by_who_was_about_to(kind: type[Postgres] | type[RabbitMQ]) -> None:
    server = kind()
    server.close()

    with pytest.raises(LocalStackError, match="was closed"):
        server.start()

    assert not processes_that_mention(str(server.home))
    assert not server.home.exists()


@pytest.mark.parametrize("kind", [Postgres, RabbitMQ])
def test_a_server_that_is_closed_while_it_starts_leaves_nothing(kind: type[Postgres] | type[RabbitMQ]) -> None:
    server = kind()
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(server.start)
        while not processes_that_mention(str(server.home)):
            assert not starting.done()

        server.close()

        with pytest.raises((LocalStackError, FileNotFoundError)):
            starting.result()
    assert not processes_that_mention(str(server.home))
    assert not server.home.exists()


def test_a_port_that_is_taken_is_told_with_postgres_own_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        server = Postgres(port=taken.getsockname()[1])
        with pytest.raises(DidNotStartError, match="Address already in use"):
            server.start()
    server.close()
    assert not processes_that_mention(str(server.home))


@pytest.mark.skipif(ordinary_user() is None, reason="only what root starts runs as somebody else")
@pytest.mark.parametrize("place", ["reachable", "private"])
def test_servers_of_root_start_whatever_its_umask(place: str, another_run: Path) -> None:
    with contextlib.ExitStack() as last:
        run = another_run
        if place == "reachable":
            top = Path(last.enter_context(tempfile.TemporaryDirectory(dir="/var/tmp")))
            top.chmod(0o755)
            run = top / "run"
        script = (
            "import os; os.umask(0o077)\n"
            "from local_stack.paths import make_passable, state_dir\n"
            "from local_stack.postgres import Postgres\n"
            "with Postgres(), Postgres(make_passable(state_dir() / 'stack') / 'postgres') as kept: print(kept.home)\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "LOCAL_STACK_RUN": str(run)},
            capture_output=True,
            text=True,
            check=False,
        )

        assert ran.returncode == 0, ran.stderr
        assert (place == "reachable") == ran.stdout.startswith(str(run))


async def test_a_message_survives_that_rabbitmq_is_killed(rabbitmq: RabbitMQ) -> None:
    async with await aio_pika.connect(rabbitmq.url) as connection:
        await (await connection.channel()).declare_queue("kept", durable=True)
    # The broker writes its list of queues down a little later; that this one is on it is not what is shown here.
    rabbitmq.restart()
    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True, passive=True)
        message = aio_pika.Message(b"still here", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, queue.name)
        # Killing ends this connection for its own reason; what counts is the next one.
        rabbitmq.kill()
    rabbitmq.start()

    async with await aio_pika.connect(rabbitmq.url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("kept", durable=True, passive=True)
        got = await queue.get(timeout=10)
        assert got.body == b"still here"
        await got.ack()


def test_rabbitmq_keeps_its_addresses_over_a_restart(rabbitmq: RabbitMQ) -> None:
    addresses = (rabbitmq.url, rabbitmq.management_url)

    rabbitmq.restart()

    assert (rabbitmq.url, rabbitmq.management_url) == addresses
    assert management_answers(rabbitmq.management_url)


def test_closing_rabbitmq_leaves_no_process_no_epmd_and_no_file() -> None:
    with RabbitMQ() as server:
        home, epmd = server.home, f"epmd -port {server.epmd_port} "
        assert processes_that_mention(str(home))
        assert processes_that_mention(epmd)

    assert not processes_that_mention(str(home))
    assert not processes_that_mention(epmd)
    assert not home.exists()


def test_the_folder_of_a_process_that_was_killed_is_swept_by_the_next() -> None:
    living = PrivateFolder("living")
    dead = state_dir() / "private" / "dead-process"
    dead.mkdir()
    (dead / "owner.lock").touch()

    another = PrivateFolder("another")

    assert not dead.exists()
    assert living.path.exists()
    living.remove()
    another.remove()
    assert not living.path.exists()
