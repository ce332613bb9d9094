"""The examples, run as processes on a real broker by a team's user: everything once, however late and however often."""

import asyncio
import json
import os
import secrets
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aio_pika
import pytest
from contracts import Snapshot
from contracts.topology import EXCHANGE, TOPICS
from servicekit.history import read_history
from servicekit.management import Management
from servicekit.provision import provision_topology, vhost_of
from servicekit.teams import add_team, address_for, remove_team
from servicekit.testing import NOON, eventually

EXAMPLES = Path(__file__).parent
sys.path.insert(0, str(EXAMPLES / "fake_webinar"))
from story import Webinar  # noqa: E402

PUBLIC = {topic.name for topic in TOPICS if topic.public}
SNAPSHOTS = {topic.name for topic in TOPICS if issubclass(topic.message, Snapshot)}
Key = tuple[str, str]
Runs = Callable[[], AbstractAsyncContextManager[None]]
Play = Callable[..., Awaitable[UUID]]


@pytest.fixture
async def house(fresh_vhost: str) -> str:
    """The administrator's address of a broker that was provisioned, with no service at work."""
    await provision_topology(fresh_vhost, services=())
    return fresh_vhost


@pytest.fixture
async def team(house: str, servers: Any) -> AsyncIterator[str]:
    """The address of another team's user."""
    name, password = f"crm-{secrets.token_hex(4)}", secrets.token_hex(8)
    async with Management(servers.rabbitmq_management_url) as management:
        await add_team(management, vhost_of(house), name, password)
        yield address_for(house, name, password)
        await remove_team(management, vhost_of(house), name)


async def done(*words: str | Path, url: str) -> tuple[int | None, str, str]:
    """Run a program to its end; returns its code, and what it wrote."""
    environment = {"PATH": os.environ["PATH"], "RABBITMQ_URL": url}
    process = await asyncio.create_subprocess_exec(sys.executable, *words, env=environment, stdout=PIPE, stderr=PIPE)
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def play(house: str) -> Play:
    """Play a fake webinar; returns its id."""

    async def played(*words: str, leads: int = 4) -> UUID:
        webinar_id = uuid4()
        options = ["--webinar", str(webinar_id), "--leads", str(leads), *words]
        code, _, err = await done(EXAMPLES / "fake_webinar", *options, url=house)
        assert code == 0, err
        return webinar_id

    return played


class Consumer:
    """One of the consumers: what it keeps, and what it calls news."""

    def __init__(self, script: Path, url: str, folder: Path) -> None:
        self._script = script
        self._url = url
        self._database = folder / "facts.db"
        self._out = folder / "out"

    @asynccontextmanager
    async def runs(self) -> AsyncIterator[None]:
        """Run it while the block does; then it is killed, without a chance to tidy up."""
        environment = {"PATH": os.environ["PATH"], "RABBITMQ_URL": self._url, "DATABASE": str(self._database)}
        with self._out.open("ab") as out:
            process = await asyncio.create_subprocess_exec(sys.executable, self._script, env=environment, stdout=out)
            try:
                yield
                assert process.returncode is None, "it ended by itself"
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    def kept(self) -> dict[Key, dict[str, Any]]:
        """Return the bodies that it keeps, by topic and key."""
        if not self._database.exists():
            return {}
        database = sqlite3.connect(self._database)
        try:
            rows = database.execute("select topic, key, body from fact").fetchall()
        except sqlite3.OperationalError:
            # Just being made.
            return {}
        finally:
            database.close()
        return {(topic, key): json.loads(body) for topic, key, body in rows}

    def news(self) -> Counter[Key]:
        """Return how often it called which fact news."""
        lines = (line.partition(" ") for line in self._out.read_text().splitlines())
        return Counter((topic, key) for topic, _, key in lines)

    async def until_it_has(self, *webinars: UUID, leads: int = 4) -> None:
        """Wait until it has all of these webinars, and check that it has nothing else, and each once."""
        wanted = {fact for webinar in webinars for fact in facts_of(webinar, leads)}

        async def has_all() -> bool:
            kept = self.kept()
            return len(kept) >= len(wanted) and all(is_last(topic, body) for (topic, _), body in kept.items())

        await eventually(has_all, seconds=40, what=f"{len(wanted)} facts")
        assert set(self.kept()) == wanted
        twice = {fact for fact, count in self.news().items() if count > 1 and fact[0] not in SNAPSHOTS}
        assert not twice


def facts_of(webinar: UUID, leads: int) -> set[Key]:
    told = Webinar(webinar, "", NOON, leads).told()
    return {(said.fact.topic, json.dumps(said.fact.meaning_key)) for said in told}


def is_last(topic: str, body: dict[str, Any]) -> bool:
    """Whether of a snapshot it is the last one of the webinar."""
    return {"webinar_event": "finished", "post_webinar_delivery": "sent"}.get(topic) == (
        body.get("status" if topic == "webinar_event" else "state") if topic in SNAPSHOTS else None
    )


@pytest.fixture(params=["consumer-plain", "consumer-kit"])
def consumer(request: pytest.FixtureRequest, team: str, tmp_path: Path) -> Consumer:
    return Consumer(EXAMPLES / request.param / "consumer.py", team, tmp_path)


async def test_who_joins_late_has_everything_once_and_goes_on_with_what_comes(consumer: Consumer, play: Play) -> None:
    before = await play("--days-ago", "30")

    async with consumer.runs():
        await consumer.until_it_has(before)
        live = await play()
        await consumer.until_it_has(before, live)


async def test_who_was_down_for_a_week_has_what_was_said_meanwhile_once(consumer: Consumer, play: Play) -> None:
    first = await play("--days-ago", "8")
    async with consumer.runs():
        await consumer.until_it_has(first)
    missed = [await play("--days-ago", "7"), await play("--days-ago", "1", "--twice", "--shuffle")]

    async with consumer.runs():
        await consumer.until_it_has(first, *missed)


async def test_what_is_said_while_the_history_is_read_comes_once(consumer: Consumer, play: Play) -> None:
    before = [await play("--days-ago", "2", leads=20), await play("--days-ago", "1", leads=20)]

    async with consumer.runs():
        meanwhile = await asyncio.gather(*(play("--twice", leads=20) for _ in range(2)))
        await consumer.until_it_has(*before, *meanwhile, leads=20)


async def test_who_is_killed_again_and_again_has_everything_once(consumer: Consumer, play: Play) -> None:
    webinars = [await play("--days-ago", "3", leads=12)]
    for _ in range(3):
        async with consumer.runs():
            webinars.append(await play("--shuffle", leads=12))

    async with consumer.runs():
        await consumer.until_it_has(*webinars, leads=12)


async def test_what_nobody_can_read_holds_nothing_up(consumer: Consumer, play: Play, house: str) -> None:
    async with await aio_pika.connect(house) as connection:
        exchange = await (await connection.channel()).get_exchange(EXCHANGE)
        for body, kind in (
            (b"{", "user_attended"),
            (b"{}", "user_attended"),
            (b"[]", "cta_shown"),
            (b"{}", "unheard_of"),
        ):
            for _ in range(30):
                await exchange.publish(aio_pika.Message(body, type=kind, message_id=str(uuid4())), "user_attended")
    webinar = await play()

    async with consumer.runs():
        await consumer.until_it_has(webinar)


async def test_a_webinar_is_played_in_the_order_in_which_it_happens(fresh_vhost: str) -> None:
    code, out, err = await done(EXAMPLES / "fake_webinar", "--prepare", "--days-ago", "7", url=fresh_vhost)
    assert (code, err) == (0, "")

    async with await aio_pika.connect(fresh_vhost) as connection:
        told = [message async for message in read_history(connection, "first")]

    moments = [message.timestamp for message in told]
    assert moments == sorted(moment for moment in moments if isinstance(moment, datetime))
    bodies = [json.loads(message.body) for message in told]
    by_topic = [message.routing_key for message in told]
    assert set(by_topic) == PUBLIC
    assert [body["status"] for body in bodies if "status" in body][:2] == ["scheduled", "live"]
    first = [by_topic.index(topic) for topic in (
        "webinar_event", "webinar_started", "client_webinar_entered", "cta_shown", "cta_clicked", "webinar_finished",
        "client_webinar_completed", "webinar_completed", "client_webinar_attendance_classified", "user_attended",
        "post_webinar_route", "post_webinar_delivery",
    )]  # fmt: skip
    assert first == sorted(first)
    assert len({message.message_id for message in told}) == len(told)
    assert f": {len(told)} messages" in out


async def test_a_team_cannot_play_one(team: str) -> None:
    code, out, err = await done(EXAMPLES / "fake_webinar", url=team)

    assert (code, out) == (1, "")
    assert err.startswith("This user may not publish.")
