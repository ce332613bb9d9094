"""A service as a process: ready when everything is there, stopped within ten seconds in whatever it does."""

import asyncio
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import aiohttp
import asyncpg
import pytest
from contracts import ClientWebinarEntered
from contracts.examples import example
from contracts.topology import ATTENDANCE
from servicekit import Database, Router, Service, ServiceSettings, http, stopping
from servicekit.live_testing import Door, Outside, running
from servicekit.migrations import KIT_VERSION_TABLE, migrate
from servicekit.testing import eventually
from starlette.applications import Starlette


def make(database: str, broker: str, router: Router | None = None, **options: Any) -> Service:
    settings = ServiceSettings(
        service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
    )
    return Service(ATTENDANCE, settings=settings, router=router or Router(ATTENDANCE), migrations=None, **options)


NOWHERE = "amqp://nobody:nothing@127.0.0.1:1/"


async def test_it_is_ready_only_when_database_topology_and_relay_are_there(
    kit_database: str, fresh_vhost: str, topology: str
) -> None:
    async with Door(kit_database) as database, Door(topology) as broker:
        await database.shut()
        await broker.shut()
        service = make(database.url, broker.url)
        async with running(service, ready=False):
            assert await service.readiness() == {"staying": True, "database": False, "topology": False, "relay": False}
            await database.open()

            async def has_database() -> bool:
                return await service.readiness() == {
                    "staying": True,
                    "database": True,
                    "topology": False,
                    "relay": True,
                }

            await eventually(has_database, what="the database")
            await broker.open()

            async def is_ready() -> bool:
                return all((await service.readiness()).values())

            await eventually(is_ready, what="readiness")
            await broker.shut()
            await asyncio.sleep(0.3)
            assert await is_ready(), "a broker that goes away later makes nobody unready"
            await database.shut()
            assert not await is_ready()
    unprovisioned = make(kit_database, fresh_vhost)
    async with running(unprovisioned, ready=False):
        await asyncio.sleep(1)
        assert not (await unprovisioned.readiness())["topology"]


async def test_it_stops_at_once_while_it_waits_for_anything(kit_database: str, fresh_vhost: str, topology: str) -> None:
    async with Door(kit_database) as silent_database, Door(topology) as silent_broker:
        silent_database.hold_up()
        silent_broker.hold_up()
        for database, broker in (
            ("postgresql://nobody@127.0.0.1:1/x", NOWHERE),
            (kit_database, NOWHERE),
            (kit_database, fresh_vhost),
            (silent_database.url, topology),
            (kit_database, silent_broker.url),
        ):
            service = make(database, broker)
            task = asyncio.create_task(service.run())
            await asyncio.sleep(0.5)
            assert not task.done()
            service.stop()
            async with asyncio.timeout(4):
                await task


async def test_it_stops_while_another_instance_migrates(kit_database: str, topology: str) -> None:
    blocker = await asyncpg.connect(kit_database)
    await blocker.execute("select pg_advisory_lock(7113060114)")
    service = make(kit_database, topology)
    task = asyncio.create_task(service.run())
    await asyncio.sleep(0.5)
    service.stop()
    async with asyncio.timeout(5):
        await task
    await blocker.close()


async def test_it_stops_when_its_servers_have_gone_silent(kit_database: str, topology: str) -> None:
    async with Door(kit_database) as database, Door(topology) as broker, running(make(database.url, broker.url)):
        database.hold_up()
        broker.hold_up()
        await asyncio.sleep(0.3)


async def test_a_role_has_time_to_write_down_what_it_waits_for_when_it_is_stopped(
    kit_database: str, topology: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.jobs._FENCE_SECONDS", 0.0)
    monkeypatch.setattr("servicekit.service._CANCEL_SECONDS", 0.1)
    begun = asyncio.Event()
    written: list[int] = []
    router = Router(ATTENDANCE)

    @router.role("sender")
    async def send(*, database: Database) -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(1)  # an answer from outside that is still under way
            written.append(await database.pool.fetchval("select 1"))

    async with running(make(kit_database, topology, router)):
        await begun.wait()
    assert written == [1]


async def test_it_is_unready_as_soon_as_it_is_to_stop_while_it_still_serves(kit_database: str, topology: str) -> None:
    leaving, left = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow(_: Service) -> AsyncIterator[None]:
        yield
        leaving.set()
        await left.wait()

    async with running(make(kit_database, topology, companions=[slow])) as service:
        service.stop()
        await leaving.wait()
        assert await service.readiness() == {"staying": False, "database": True, "topology": True, "relay": True}
        left.set()


async def test_a_companion_that_does_not_end_is_left_in_time_for_all_else_to_close(
    kit_database: str, topology: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("servicekit.stopping.STOP_SECONDS", 4.0)

    @asynccontextmanager
    async def stuck(_: Service) -> AsyncIterator[None]:
        yield
        await asyncio.Event().wait()

    service = make(kit_database, topology, companions=[stuck])
    async with running(service):
        service.stop()
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 4.5
    assert not service.database.is_open


async def test_a_background_task_that_breaks_ends_the_process_with_its_error(kit_database: str, topology: str) -> None:
    service = make(kit_database, topology)

    async def broken() -> None:
        raise LookupError("a bug")

    async def ended() -> None:
        return

    for task, error in ((broken, LookupError), (ended, RuntimeError)):
        service = make(kit_database, topology)
        service.relay.run = task  # type: ignore[method-assign]
        with pytest.raises(error):
            async with asyncio.timeout(10):
                await service.run()


class Dying(http.EmbeddedServer):
    """A server that breaks down when it is told to."""

    def __init__(self) -> None:
        super().__init__(http.embedded(Starlette()).config)
        self.dies = asyncio.Event()

    async def main_loop(self) -> None:
        await self.dies.wait()
        raise OSError("the server broke down")


async def test_a_door_that_breaks_down_takes_the_process_with_it(kit_database: str, topology: str) -> None:
    server = Dying()

    @asynccontextmanager
    async def door(_: Service) -> AsyncIterator[None]:
        async with http.serving(server, http.listening_socket("127.0.0.1", 0)):
            yield

    task = asyncio.create_task(make(kit_database, topology, companions=[door]).run())

    async def serves() -> bool:
        return server.started

    await eventually(serves)
    server.dies.set()
    done, _ = await asyncio.wait([task], timeout=8)
    assert done, "it lives on without its door"
    with pytest.raises(OSError, match="broke down"):
        await task


async def test_a_wrong_statement_in_a_migration_ends_the_process(
    kit_database: str, topology: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "broken_service"
    versions = package / "migrations" / "versions"
    versions.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    env = "from servicekit.migrations import run_env\nfrom sqlalchemy import MetaData\nrun_env(MetaData())\n"
    (package / "migrations" / "env.py").write_text(env)
    script = "from alembic import op\nrevision = 'b1'\ndown_revision = None\ndef upgrade(): op.execute('creat table')\n"
    (versions / "0001_broken.py").write_text(script)
    monkeypatch.syspath_prepend(tmp_path)
    service = make(kit_database, topology)
    service.package = "broken_service"
    with pytest.raises(Exception, match="syntax error"):
        async with asyncio.timeout(10):
            await service.run()


@pytest.mark.parametrize("extra", ["sslmode=prefer", "application_name=kit&sslmode=disable&target_session_attrs=any"])
async def test_it_migrates_by_every_url_that_its_pool_takes(kit_database: str, extra: str) -> None:
    parts = urlsplit(kit_database)
    login, _, address = parts.netloc.rpartition("@")
    several = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:1,{address}", query=extra))
    connection = await asyncpg.connect(kit_database)
    await connection.execute("drop schema public cascade; create schema public")
    await migrate(several, None)
    assert await connection.fetchval(f"select version_num from {KIT_VERSION_TABLE}")
    await connection.close()


async def test_an_older_release_works_on_a_newer_schema(kit_database: str, topology: str) -> None:
    connection = await asyncpg.connect(kit_database)
    await connection.execute(f"update {KIT_VERSION_TABLE} set version_num = 'kit9999'")
    async with running(make(kit_database, topology)):
        assert await connection.fetchval(f"select version_num from {KIT_VERSION_TABLE}") == "kit9999"
    await connection.close()


PROGRAM = """
import asyncio, os, resource
from collections.abc import Sequence
from contracts import ClientWebinarEntered
from servicekit import Heard, Router, Service, ServiceSettings, Work, run, stopping
from servicekit.logs import get_logger

router = Router("attendance")

@router.hears(ClientWebinarEntered)
async def remember(entered: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
    get_logger("attendance").info("attendance.remembered")
    if os.environ.get("HANGS"):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                get_logger("attendance").info("attendance.holds_out")

_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
stopping.LAST_RESORT_SECONDS = float(os.environ.get("STOP_SECONDS", stopping.LAST_RESORT_SECONDS))
run(Service("attendance", settings=ServiceSettings(), router=router, migrations=None))
"""


class Process:
    """A service as an operator starts it."""

    def __init__(self, database: str, broker: str, **more: str) -> None:
        self._environment = {
            **os.environ,
            "SERVICE_DATABASE_URL": database,
            "SERVICE_RABBITMQ_URL": broker,
            "OPS_PORT": "0",
            **more,
        }
        self.lines: list[dict[str, Any]] = []
        self.raw = ""

    async def __aenter__(self) -> "Process":
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, env=self._environment, stderr=asyncio.subprocess.PIPE
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def until(self, event: str) -> dict[str, Any]:
        assert self._process.stderr is not None
        async with asyncio.timeout(30):
            while line := (await self._process.stderr.readline()).decode():
                self.raw += line
                self.lines.append(json.loads(line))
                if self.lines[-1]["event"] == event:
                    return self.lines[-1]
        raise AssertionError(f"no {event} in {self.raw}")

    async def stop(self) -> tuple[int, float]:
        """Send SIGTERM; returns the exit code and the seconds it took."""
        began = asyncio.get_running_loop().time()
        self._process.send_signal(signal.SIGTERM)
        _, rest = await asyncio.wait_for(self._process.communicate(), 15)
        self.raw += rest.decode()
        return self._process.returncode or 0, asyncio.get_running_loop().time() - began


async def test_a_process_logs_ids_answers_for_its_health_and_stops_on_a_signal(
    kit_database: str, outside: Outside
) -> None:
    async with Process(kit_database, outside.url) as process:
        limited = await process.until("process.open_files")
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        assert (limited["before"], limited["limit"]) == (256, most)
        assert resource.prlimit(process.pid, resource.RLIMIT_NOFILE)[0] == most
        started = await process.until("service.started")
        await process.until("consuming.begun")
        await outside.say(ClientWebinarEntered.from_json(example("client_webinar_entered")), message_id=str(uuid4()))
        line = await process.until("attendance.remembered")
        assert (line["correlation_id"], line["queue"]) == ("story", "attendance.client_webinar_entered")
        assert line["message_id"] == outside.listener.of("client_webinar_entered")[0].message_id
        async with aiohttp.ClientSession(f"http://127.0.0.1:{started['ops_port']}") as session:
            for path, expected in (
                ("/health/live", "attendance"),
                ("/health/ready", '"ready":true'),
                ("/metrics", "webinars_"),
            ):
                async with session.get(path) as answer:
                    assert answer.status == 200
                    assert expected in await answer.text()
        code, seconds = await process.stop()
    assert code == 0
    assert seconds < 5
    assert '"level": "error"' not in process.raw
    for url in (kit_database, outside.url):
        assert url.split(":")[2].split("@")[0] not in process.raw


async def test_a_process_that_cannot_stop_stops_itself(kit_database: str, outside: Outside) -> None:
    assert stopping.STOP_SECONDS < stopping.LAST_RESORT_SECONDS < 10
    async with Process(kit_database, outside.url, HANGS="1", STOP_SECONDS="3") as process:
        await process.until("consuming.begun")
        await outside.say(ClientWebinarEntered.from_json(example("client_webinar_entered")), message_id=str(uuid4()))
        await process.until("attendance.remembered")
        code, seconds = await process.stop()
    assert code != 0
    assert seconds < 5
    assert "service.killed_itself" in process.raw
