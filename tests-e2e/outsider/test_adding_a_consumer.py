"""docs/adding-a-consumer.md, done word for word: its programs are taken from the page and run."""

import asyncio
import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import asyncpg
import pytest
from contracts.examples import example
from contracts.topology import EXCHANGE
from local_stack.servers import Servers
from servicekit.testing import eventually

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/adding-a-consumer.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`([\w./-]+)`:\n\n```\w+\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL))


@asynccontextmanager
async def running(arguments: list[str], environment: dict[str, str]) -> AsyncIterator[None]:
    """Run a program of the page as a process of its own; fails when it ends by itself."""
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=os.environ | environment)
    try:
        yield
        assert process.returncode is None, f"{arguments} ended by itself: {process.returncode}"
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), 15)


async def say(url: str, *messages: tuple[str, bytes]) -> None:
    """Publish as the platform does, with confirms."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(EXCHANGE)
        for number, (topic, body) in enumerate(messages, start=1):
            message = aio_pika.Message(
                body,
                type=topic,
                message_id=f"01a218cb-3c30-7d51-9f0b-{number:012}",
                app_id="tests",
                correlation_id="a-webinar",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                headers={"schema_version": 1},
            )
            await exchange.publish(message, topic, mandatory=False)


async def until_bound(queue: str, topic: str, url: str) -> None:
    """Wait until a message of `topic` would reach `queue`."""
    connection = await aio_pika.connect(url)
    async with connection:

        async def consumed() -> bool:
            channel = await connection.channel()
            try:
                found = await channel.declare_queue(queue, passive=True)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                return False
            return bool(found.declaration_result.consumer_count)

        await eventually(consumed, seconds=20, what=f"a consumer of {queue} ({topic})")


def older(topic: str) -> bytes:
    body = json.loads(example(topic))
    return json.dumps(body | {"version": body["version"] - 1, "title": "Before"}).encode()


STORY = (
    ("user_attended", example("user_attended")),
    ("webinar_event", example("webinar_event")),
    ("webinar_event", older("webinar_event")),
    ("user_attended", example("user_attended")),
)
WANTED = {
    "attended": [json.loads(example("user_attended"))["lead_id"]],
    "webinar": [json.loads(example("webinar_event"))["title"]],
}


async def test_a_program_of_your_own_keeps_who_attended(outsider: str, fresh_vhost: str, tmp_path: Path) -> None:
    (tmp_path / "attended.py").write_text(FILES["attended.py"], encoding="utf-8")
    environment = {"RABBITMQ_URL": outsider, "DATABASE": str(tmp_path / "attended.db")}

    def read(query: str) -> list[str]:
        with sqlite3.connect(tmp_path / "attended.db") as database:
            found = [row[0] for row in database.execute(query)]
        database.close()
        return found

    async with running([str(tmp_path / "attended.py")], environment):
        await until_bound("team.crm.attended", "user_attended", fresh_vhost)
        await say(fresh_vhost, *STORY, ("user_attended", b"not json"), ("user_attended", b"{}"))
        await eventually(answered(lambda: len(read("select type from unread")) == 2), what="the two unreadable ones")
    await say(fresh_vhost, *STORY, ("user_attended", b"said while it was away"))
    async with running([str(tmp_path / "attended.py")], environment):
        await eventually(answered(lambda: len(read("select type from unread")) == 3), what="the third unreadable one")

    assert read("select lead_id from attended") == WANTED["attended"]
    assert read("select title from webinar") == WANTED["webinar"]


def answered(check: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return check()

    return asked


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folder of the service as the page writes it, and a folder where its wheel is installed."""
    root = tmp_path_factory.mktemp("walk")
    for name, text in FILES.items():
        if name.startswith("services/crm/"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    service, site = root / "services/crm", root / "site"
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(root / "wheels")],
        cwd=service,
        check=True,
        capture_output=True,
    )
    [wheel] = (root / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return service, site


def with_path(site: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH"))))}


def test_the_tests_of_the_sixth_service_pass(installed: tuple[Path, Path], servers: Servers) -> None:
    service, site = installed
    where = {"DATABASE_URL": servers.database_url, "RABBITMQ_URL": servers.rabbitmq_url}
    arguments = [
        "-m",
        "pytest",
        "-q",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-p",
        "no:cacheprovider",
        str(service / "tests"),
    ]

    outcome = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | with_path(site) | where | {"RABBITMQ_MANAGEMENT_URL": servers.rabbitmq_management_url},
        capture_output=True,
        text=True,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "3 passed" in outcome.stdout


@pytest.fixture
def provisioned(installed: tuple[Path, Path], fresh_vhost: str) -> str:
    """Return a virtual host that was provisioned where the sixth service is installed."""
    code = (
        "import asyncio, sys; from servicekit.provision import provision_topology as provision;"
        " asyncio.run(provision(sys.argv[1], services=('crm',)))"
    )
    subprocess.run([sys.executable, "-c", code, fresh_vhost], env=os.environ | with_path(installed[1]), check=True)
    return fresh_vhost


async def test_the_sixth_service_runs(installed: tuple[Path, Path], provisioned: str, fresh_database: str) -> None:
    site = installed[1]
    settings = {"SERVICE_DATABASE_URL": fresh_database, "SERVICE_RABBITMQ_URL": provisioned, "OPS_PORT": "0"}
    await say(provisioned, *STORY)
    database = await asyncpg.connect(fresh_database)
    try:

        async def kept() -> bool:
            if not await database.fetchval("select to_regclass('attended') is not null"):
                return False
            leads = [row[0] for row in await database.fetch("select lead_id from attended")]
            titles = [row[0] for row in await database.fetch("select title from webinar")]
            return leads == WANTED["attended"] and titles == WANTED["webinar"]

        async with running(["-m", "crm"], with_path(site) | settings):
            await eventually(kept, seconds=30, what="the tables of crm")
            await say(provisioned, ("user_attended", b"not json"))

            async def one_dead() -> bool:
                return bool(await database.fetchval("select count(*) = 1 from dead_letter"))

            await eventually(one_dead, seconds=30, what="the dead letter")
    finally:
        await database.close()


def test_the_sixth_service_gets_its_rights_by_being_installed(installed: tuple[Path, Path]) -> None:
    code = (
        "from contracts.topology import SERVICES, queues_of, topics_said_by\n"
        "heard = [queue.name for queue in queues_of('crm')]\n"
        "print(SERVICES[5:], heard, [topic.name for topic in topics_said_by('crm')])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | with_path(installed[1]),
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.strip() == "('crm',) ['crm.webinar_event', 'crm.user_attended'] ['snapshot_requested']"


def test_the_programs_of_the_page_keep_to_the_style(tmp_path: Path) -> None:
    for name, text in FILES.items():
        if name.endswith(".py"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", str(tmp_path)]

    for command in (["check", "-q"], ["format", "-q", "--check"]):
        outcome = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *config], capture_output=True, text=True, check=False
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_the_page_names_files_that_exist() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")

    assert "x-service: &service" in compose
    assert re.search(r"^  provision:$", compose, re.MULTILINE)
    assert "mypy_path" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert "root_packages" in (ROOT / ".importlinter").read_text(encoding="utf-8")
