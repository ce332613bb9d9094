"""`webinarctl doctor`: what is away, missing or stuck is a line with what to do, and never keeps anybody waiting."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aio_pika
import pytest
from aiohttp import web
from alembic.script import ScriptDirectory
from contracts import SnapshotRequested
from contracts.topology import ATTENDANCE, queues_of
from local_stack.readiness import management_request
from servicekit import Database, HouseClock
from servicekit.cli import app
from servicekit.live_testing import Delivery, Door, Outside
from servicekit.operator.checks_of_databases import CLOCKS_APART_SECONDS, clock_finding
from servicekit.setting_aside import SettingAside
from typer.testing import CliRunner

NO_SETTINGS = dict.fromkeys(("DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "TELEGRAM_BOT_TOKEN"))
SCRIPTS = ScriptDirectory(str(files("servicekit") / "kit_migrations"))
[OLDEST] = SCRIPTS.get_bases()
Findings = dict[str, dict[str, str]]
Doctor = Callable[..., Awaitable[Findings]]


@pytest.fixture
def doctor(kit_database: str, topology: str) -> Doctor:
    """Ask the doctor with the settings of attendance; checks the exit code, returns the findings by subject."""

    async def ask(**settings: str | None) -> Findings:
        own = {"SERVICE_DATABASE_URL": kit_database, "SERVICE_RABBITMQ_URL": topology}
        words = ["doctor", "--service", ATTENDANCE, "--json"]
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=NO_SETTINGS | own | settings))
        report = json.loads(result.stdout)
        broken = any(finding["state"] == "broken" for finding in report["findings"])
        assert (result.exit_code, report["ok"]) == (int(broken), not broken)
        assert all(bool(finding["advice"]) == (finding["state"] != "ok") for finding in report["findings"])
        return {finding["what"]: finding for finding in report["findings"]}

    return ask


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=2)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def bare_broker(servers: Any) -> Iterator[str]:
    """A virtual host in which nothing was provisioned."""
    name = f"bare-{secrets.token_hex(6)}"
    management_request(servers.rabbitmq_management_url, "PUT", f"/api/vhosts/{name}", b"")
    yield urlunsplit(urlsplit(servers.rabbitmq_url)._replace(path=f"/{name}"))
    management_request(servers.rabbitmq_management_url, "DELETE", f"/api/vhosts/{name}", b"")


@asynccontextmanager
async def read(outside: Outside, *names: str) -> AsyncIterator[None]:
    """Read these queues while the block runs."""

    async def put_back(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await message.reject(requeue=True)

    async with AsyncExitStack() as stack:
        for name in names:
            queue = await outside.channel.get_queue(name, ensure=False)
            tag = await queue.consume(put_back)
            stack.push_async_callback(queue.cancel, tag)
        yield


def all_queues() -> list[str]:
    return [name for queue in queues_of(ATTENDANCE) for name in (queue.name, queue.dead_letter_queue) if name]


async def test_where_all_is_well_every_line_says_so(doctor: Doctor, outside: Outside) -> None:
    async with read(outside, *all_queues()):
        found = await doctor()

    assert {finding["state"] for finding in found.values()} == {"ok"}
    assert set(found) == {"broker", "attendance: queues", "attendance: database", "attendance: outbox", "clocks"}


async def test_a_queue_that_nobody_reads_is_named(doctor: Doctor, outside: Outside) -> None:
    unread, *others = all_queues()

    nobody = (await doctor())["attendance: queues"]
    async with read(outside, *others):
        one = (await doctor())["attendance: queues"]

    assert (nobody["state"], nobody["advice"]) == ("broken", "Start attendance.")
    assert one["state"] == "broken"
    assert unread in one["words"]
    assert others[0] not in one["words"]


async def test_queues_that_are_missing_are_to_be_provisioned(doctor: Doctor, bare_broker: str) -> None:
    found = (await doctor(SERVICE_RABBITMQ_URL=bare_broker))["attendance: queues"]

    assert found["state"] == "broken"
    assert found["words"].startswith(f"{len(all_queues())} are missing: ")
    assert "webinarctl provision" in found["advice"]


async def test_what_waits_is_set_aside_or_dead_is_counted(doctor: Doctor, database: Database) -> None:
    for _ in range(3):
        async with database.work() as work:
            work.announce(SnapshotRequested(topic_name="webinar_event"))
    fresh = await doctor()
    await database.pool.execute("update outbox set created_at = now() - interval '10 minutes'")
    await database.pool.execute("update outbox set parked_at = now() where seq = (select min(seq) from outbox)")
    aside = SettingAside(database, SimpleNamespace())  # type: ignore[arg-type]
    await aside.bury("attendance.webinar_event", Delivery(b"{"), reason="invalid", error="no")  # type: ignore[arg-type]

    stuck = await doctor()

    assert fresh["attendance: outbox"]["state"] == "ok"
    assert "attendance: set aside" not in fresh
    assert stuck["attendance: outbox"]["state"] == "broken"
    assert "2 announcements waiting, the oldest for 10 min" in stuck["attendance: outbox"]["words"]
    assert stuck["attendance: set aside"]["state"] == "attention"
    assert "outbox parked --service attendance" in stuck["attendance: set aside"]["advice"]
    assert stuck["attendance: dead letters"]["words"].startswith("1 message ")
    assert "dead list --service attendance" in stuck["attendance: dead letters"]["advice"]


async def test_a_schema_that_is_older_or_newer_or_not_there_is_told_apart(doctor: Doctor, database: Database) -> None:
    [newest] = [row["version_num"] for row in await database.pool.fetch("select version_num from servicekit_version")]
    seen = []
    for version in (newest, OLDEST, "9999_of_next_year"):
        await database.pool.execute("update servicekit_version set version_num = $1", version)
        seen.append((await doctor())["attendance: database"]["state"])
    await database.pool.execute("drop table servicekit_version")
    empty = (await doctor())["attendance: database"]

    assert seen == ["ok", "broken", "attention"]
    assert (empty["state"], "is empty" in empty["words"]) == ("broken", True)


async def test_servers_that_are_away_are_lines_without_a_password(doctor: Doctor) -> None:
    found = await doctor(
        SERVICE_DATABASE_URL="postgresql://x:hush@127.0.0.1:1/x",
        SERVICE_RABBITMQ_URL="amqp://x:hush@127.0.0.1:1/",
        RABBITMQ_MANAGEMENT_URL="http://x:hush@127.0.0.1:1",
    )

    assert {what: finding["state"] for what, finding in found.items()} == {
        "broker": "broken",
        "broker: alarms": "attention",
        "attendance: database": "broken",
    }
    assert "hush" not in str(found)


async def test_wrong_passwords_are_lines_too(doctor: Doctor, kit_database: str, topology: str) -> None:
    def wrong(url: str) -> str:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=f"nobody:hush@{parts.hostname}:{parts.port}"))

    found = await doctor(SERVICE_DATABASE_URL=wrong(kit_database), SERVICE_RABBITMQ_URL=wrong(topology))

    assert (found["broker"]["state"], found["attendance: database"]["state"]) == ("broken", "broken")
    assert "password" in found["attendance: database"]["advice"]
    assert "hush" not in str(found)


async def test_servers_that_hang_keep_it_waiting_for_seconds_only(
    doctor: Doctor, broker_door: Door, database_door: Door
) -> None:
    broker_door.hold_up()
    database_door.hold_up()
    began = time.monotonic()

    found = await doctor(SERVICE_DATABASE_URL=database_door.url, SERVICE_RABBITMQ_URL=broker_door.url)

    assert time.monotonic() - began < 10
    assert (found["broker"]["state"], found["attendance: database"]["state"]) == ("broken", "broken")


async def test_an_alarm_of_the_broker_is_told_with_what_it_lacks(doctor: Doctor) -> None:
    alarm = {"status": "failed", "reason": "There are alarms", "alarms": [{"resource": "disk", "node": "rabbit@one"}]}
    answers = iter(
        [web.json_response({"status": "ok"}), web.json_response(alarm, status=503), web.Response(status=401)]
    )

    async def answer(_: web.Request) -> web.StreamResponse:
        return next(answers)

    management = web.Application()
    management.router.add_get("/api/health/checks/alarms", answer)
    runner = web.AppRunner(management)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    found = [(await doctor(RABBITMQ_MANAGEMENT_URL=f"http://a:b@127.0.0.1:{port}"))["broker: alarms"] for _ in range(3)]
    await runner.cleanup()

    assert [one["state"] for one in found] == ["ok", "broken", "attention"]
    assert "disk on rabbit@one" in found[1]["words"]


def test_a_host_whose_clock_is_off_is_told_so_and_nothing_is_broken_by_it() -> None:
    near, ahead, behind = (clock_finding(apart, 0.001) for apart in (0.02, CLOCKS_APART_SECONDS + 1, -7200.0))

    assert (near.state, near.advice) == ("ok", "")
    assert "3 s ahead of the database server" in ahead.words
    assert "2 h behind the database server" in behind.words
    assert {ahead.state, behind.state} == {"attention"}
