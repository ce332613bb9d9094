import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from local_stack.chromium import libraries_named
from local_stack.docker_servers import engine_answers
from local_stack.errors import DidNotStartError, LocalStackError
from local_stack.paths import open_to_others
from local_stack.processes import free_ports
from local_stack.servers import Servers, default_management_url, named_servers, servers_for_tests, start_together
from local_stack.session import EXIT_INTERRUPTED


def test_servers_that_somebody_named_are_used() -> None:
    found = named_servers({"DATABASE_URL": "postgresql://a:b@db/x", "RABBITMQ_URL": "amqp://c:d@mq:5673/v"})

    assert found is not None
    assert found.kind == "named"
    assert found.rabbitmq_management_url == "http://c:d@mq:15672"


def test_no_name_means_no_named_servers() -> None:
    assert named_servers({}) is None


@pytest.mark.parametrize("one", ["DATABASE_URL", "RABBITMQ_URL"])
def test_half_a_pair_of_servers_is_refused(one: str) -> None:
    with pytest.raises(LocalStackError, match="set both, or neither"):
        named_servers({one: "x://y"})


def test_an_unknown_kind_of_test_servers_is_refused() -> None:
    with pytest.raises(LocalStackError, match="native or docker"):
        servers_for_tests({"TEST_SERVERS": "podman"})


def test_the_management_address_keeps_user_password_and_an_ipv6_host() -> None:
    assert default_management_url("amqps://u:p%40ss@[::1]:5671/v") == "http://u:p%40ss@[::1]:15672"


def test_no_docker_engine_answers_where_nothing_listens(tmp_path: Path) -> None:
    assert not engine_answers(f"unix://{tmp_path}/docker.sock")
    assert not engine_answers(f"tcp://127.0.0.1:{free_ports(1)[0]}")


class Starting:
    """A server whose start lasts until it is closed, or fails at once."""

    url = ""
    running = False

    def __init__(self, problem: Exception | None = None) -> None:
        self.closed = threading.Event()
        self._problem = problem

    def start(self) -> None:
        if self._problem is not None:
            raise self._problem
        self.closed.wait(60)

    def close(self) -> None:
        self.closed.set()

    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


def test_a_server_that_cannot_start_keeps_nobody_waiting_for_its_fellow() -> None:
    fellow = Starting()

    with pytest.raises(DidNotStartError, match="no way"):
        start_together(fellow, Starting(DidNotStartError("no way")))

    assert fellow.closed.is_set()


def test_ctrl_c_ends_the_download_of_packages_and_what_waits_for_it(tmp_path: Path, another_run: Path) -> None:
    calls, programs = tmp_path / "calls", tmp_path / "bin"
    os.mkfifo(calls)
    programs.mkdir()
    (programs / "apt-get").write_text(f"#!/bin/sh\necho $$ > {calls}\nexec sleep 60\n")
    (programs / "apt-get").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "LOCAL_STACK_UNPACKED": "1",
        "LOCAL_STACK_RUN": str(another_run),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "local_stack", "servers"], env=environment, stderr=subprocess.PIPE
    ) as process:
        apt_get = os.pidfd_open(int(calls.read_text()))

        process.send_signal(signal.SIGINT)

        assert process.wait(20) == EXIT_INTERRUPTED
    ended, _, _ = select.select([apt_get], [], [], 10)
    os.close(apt_get)
    assert ended, "the download goes on"


async def test_each_test_has_an_empty_database_of_its_own(fresh_database: str, servers: Servers) -> None:
    connection = await asyncpg.connect(fresh_database)
    name = await connection.fetchval("SELECT current_database()")
    tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    await connection.close()

    assert tables == 0
    assert name not in servers.database_url


async def test_each_test_has_a_virtual_host_of_its_own(fresh_vhost: str) -> None:
    async with await aio_pika.connect(fresh_vhost) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("only-here", durable=True, arguments={"x-queue-type": "quorum"})
        assert queue.declaration_result.message_count == 0


def test_databases_and_virtual_hosts_are_gone_after_the_test(tmp_path: Path) -> None:
    inner = tmp_path / "test_inner.py"
    inner.write_text(
        "from pathlib import Path\n"
        "def test_a(fresh_database, fresh_vhost): Path('named').write_text(f'{fresh_database} {fresh_vhost}')\n"
        "def test_b(servers):\n"
        "    import asyncio, asyncpg\n"
        "    from local_stack.readiness import management_request\n"
        "    database, vhost = (url.rpartition('/')[2] for url in Path('named').read_text().split())\n"
        "    async def count():\n"
        "        connection = await asyncpg.connect(servers.database_url)\n"
        "        found = await connection.fetchval('SELECT count(*) FROM pg_database WHERE datname = $1', database)\n"
        "        await connection.close()\n"
        "        return found\n"
        "    assert asyncio.run(count()) == 0\n"
        "    assert management_request(servers.rabbitmq_management_url, 'GET', f'/api/vhosts/{vhost}') == 404\n"
    )
    environment = {**os.environ, "TEST_SERVERS": "native"}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "local_stack.pytest_plugin", "-p", "no:cacheprovider", str(inner)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout[-3000:]


def test_a_file_below_a_private_folder_is_not_open_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "inner").mkdir(mode=0o700)
    file = tmp_path / "inner" / "file"
    file.touch(mode=0o644)

    assert not open_to_others(file)


def test_the_libraries_that_playwright_would_install_are_understood() -> None:
    dry_run = 'sudo -- sh -c "apt-get update&& apt-get install -y --no-install-recommends libnss3 libgbm1"\n'

    assert libraries_named(dry_run) == ["libnss3", "libgbm1"]
