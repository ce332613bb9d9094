"""`make up` and `make down` as a person uses them, on servers that somebody named."""

import asyncio
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from local_stack.environments import with_login
from local_stack.servers import Servers, private_servers


@pytest.fixture
def named_servers() -> Iterator[Servers]:
    with private_servers() as found:
        yield found


def local_stack(word: str, run: Path, servers: Servers) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "LOCAL_STACK_RUN": str(run),
        "DATABASE_URL": servers.database_url,
        "RABBITMQ_URL": servers.rabbitmq_url,
        "RABBITMQ_MANAGEMENT_URL": servers.rabbitmq_management_url,
    }
    return subprocess.run(
        [sys.executable, "-m", "local_stack", word],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def our_processes(run: Path) -> list[str]:
    """Return the names of processes that have a file below `run` open for their output."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(run) in str((folder / "fd/2").readlink()):
                found.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            # Gone meanwhile, or somebody else's.
            continue
    return found


def accounts(servers: Servers) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(with_login(servers.database_url, "postgres", password, path="/room_ui"))
        try:
            return int(await connection.fetchval("SELECT count(*) FROM account"))
        finally:
            await connection.close()

    [password] = re.findall(r"//postgres:([^@]+)@", servers.database_url)
    return asyncio.run(count())


@pytest.mark.timeout(240)
def test_a_stack_on_named_servers_comes_up_unseeded_and_goes_without_a_trace(
    named_servers: Servers, another_run: Path
) -> None:
    run = another_run

    up = local_stack("up", run, named_servers)

    assert up.returncode == 0, up.stderr
    env = dict(line.split("=", 1) for line in shlex.split((run / "env").read_text()))
    assert env["DATABASE_URL"] == named_servers.database_url
    assert env["RABBITMQ_URL"] == named_servers.rabbitmq_url
    assert httpx.get(f"{env['BASE_URL']}/webinars/").status_code == 200
    assert env["BASE_URL"] in up.stderr
    assert accounts(named_servers) == 0
    assert "webinars-demo" not in up.stderr
    assert not any("telegram_sandbox" in command for command in our_processes(run))

    again, status, demo = (local_stack(word, run, named_servers) for word in ("up", "status", "demo"))

    assert (again.returncode, status.returncode, demo.returncode) == (0, 0, 1)
    assert "running already" in again.stderr
    assert env["BASE_URL"] in again.stderr
    assert env["BASE_URL"] in status.stdout
    assert "running already" in demo.stderr

    down = local_stack("down", run, named_servers)

    assert down.returncode == 0, down.stderr
    # Who gives the lock back has stopped everything, and needs a moment more to end itself.
    deadline = time.monotonic() + 5
    while left := our_processes(run):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)
    assert not (run / "env").exists()
    assert accounts(named_servers) == 0, "the named servers were stopped or changed"
    assert local_stack("down", run, named_servers).returncode == 0
    assert local_stack("status", run, named_servers).returncode == 1
