"""`webinarctl` of the kit: dead letters, parked announcements, keys."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from uuid import uuid4

import pytest
from contracts import ClientWebinarEntered, SnapshotRequested
from servicekit import Database, HouseClock
from servicekit.cli import app
from servicekit.live_testing import Delivery
from servicekit.setting_aside import SettingAside
from servicekit.tokens import TokenChecker, TokenMaker
from typer.testing import CliRunner, Result

QUEUE = "attendance.client_webinar_entered"
Webinarctl = Callable[..., Awaitable[Result]]


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=2)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def webinarctl(kit_database: str) -> Webinarctl:
    async def call(*words: str, **environment: str) -> Result:
        # The command runs an event loop of its own.
        settings = {"SERVICE_DATABASE_URL": kit_database} | environment
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=settings))

    return call


async def test_dead_letters_are_listed_shown_replayed_and_dropped(database: Database, webinarctl: Webinarctl) -> None:
    aside = SettingAside(database, SimpleNamespace())  # type: ignore[arg-type]
    ids = [str(uuid4()), str(uuid4())]
    for message_id in ids:
        raw = Delivery(b'{"lead_id": "a"}', type=ClientWebinarEntered.topic, message_id=message_id)
        await aside.bury(QUEUE, raw, reason="failed", error="Traceback …\nValueError: no")  # type: ignore[arg-type]
    listed = (await webinarctl("dead", "list")).stdout.splitlines()
    assert len(listed) == 2
    assert all(QUEUE in line and "failed: ValueError: no" in line for line in listed)
    newest, oldest = (line.split()[0] for line in listed)
    shown = await webinarctl("dead", "show", oldest)
    assert ids[0] in shown.stdout
    assert '{"lead_id": "a"}' in shown.stdout
    assert "Traceback …" in shown.stdout
    assert "1 given back" in (await webinarctl("dead", "replay", QUEUE, oldest)).stdout
    assert str(await database.pool.fetchval("select message_id from outbox")) == ids[0]
    assert "1 dropped" in (await webinarctl("dead", "drop", QUEUE, newest)).stdout
    assert (await webinarctl("dead", "list")).stdout == ""
    missing = await webinarctl("dead", "show", "4711")
    assert (missing.exit_code, missing.stdout) == (1, "")


async def test_what_cannot_be_replayed_is_said_in_words(database: Database, webinarctl: Webinarctl) -> None:
    aside = SettingAside(database, SimpleNamespace())  # type: ignore[arg-type]
    await aside.bury(QUEUE, Delivery(b"{", message_id="7"), reason="invalid", error="")  # type: ignore[arg-type]
    number = (await webinarctl("dead", "list")).stdout.split()[0]
    refused = await webinarctl("dead", "replay", QUEUE, number)
    assert refused.exit_code == 1
    assert "it can only be dropped" in refused.stderr


async def test_parked_announcements_are_listed_and_released(database: Database, webinarctl: Webinarctl) -> None:
    async with database.work() as work:
        work.announce(SnapshotRequested(topic_name="webinar_event"))
    await database.pool.execute("update outbox set parked_at = now(), last_error = 'NO_ROUTE'")
    [line] = (await webinarctl("outbox", "parked")).stdout.splitlines()
    assert "snapshot_requested" in line
    assert "NO_ROUTE" in line
    assert "1 released" in (await webinarctl("outbox", "release", line.split()[0])).stdout
    assert (await webinarctl("outbox", "parked")).stdout == ""


async def test_an_operator_asks_for_snapshots(database: Database, webinarctl: Webinarctl) -> None:
    assert (await webinarctl("snapshots", "ask", "webinar_event")).exit_code == 0
    assert json.loads(await database.pool.fetchval("select body from outbox")) == {"topic": "webinar_event"}
    unknown = await webinarctl("snapshots", "ask", "room_finish")
    assert unknown.exit_code == 1
    assert "webinar_event" in unknown.stderr


async def test_without_its_settings_it_says_what_is_missing(webinarctl: Webinarctl) -> None:
    for words in (("dead", "list"), ("outbox", "parked"), ("provision",)):
        missing = await webinarctl(*words, SERVICE_DATABASE_URL="")
        assert missing.exit_code != 0
        assert "is not set" in missing.stderr
    away = await webinarctl("dead", "list", SERVICE_DATABASE_URL="postgresql://x:hush@127.0.0.1:1/x")
    assert away.exit_code == 1
    assert "hush" not in away.output


async def test_keys_come_in_pairs_that_fit(webinarctl: Webinarctl) -> None:
    lines = dict(line.split("=", 1) for line in (await webinarctl("keys", "--kid", "2")).stdout.splitlines())
    assert TokenMaker.from_setting(lines["COMMAND_SIGNING_KEY"], issuer="room-ui").kid == "2"
    assert TokenChecker.from_setting(lines["COMMAND_VERIFY_KEYS"], audience="core-webinar").knows_keys
