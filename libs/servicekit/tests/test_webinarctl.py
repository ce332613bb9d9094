"""`webinarctl` of the kit: dead letters, parked announcements, keys."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from contracts import ClientWebinarEntered, SnapshotRequested
from servicekit import Database, HouseClock, dead_letters
from servicekit.cli import app
from servicekit.dead_letters import Choice
from servicekit.live_testing import Delivery
from servicekit.migrations import migrate
from servicekit.operator import places as places_module
from servicekit.operator.places import NoPlaceError, places
from servicekit.setting_aside import SettingAside
from servicekit.tokens import TokenChecker, TokenMaker
from typer.testing import CliRunner, Result

QUEUE = "attendance.client_webinar_entered"
NO_SETTINGS = dict.fromkeys(
    ("DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", "SERVICE_RABBITMQ_URL", "TELEGRAM_BOT_TOKEN"), None
)
"""Those of the tests' own servers are not the command's."""
Webinarctl = Callable[..., Awaitable[Result]]


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    database = Database(kit_database, HouseClock(), pool_size=2)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def webinarctl(kit_database: str) -> Webinarctl:
    async def call(*words: str, **environment: str | None) -> Result:
        # The command runs an event loop of its own.
        settings = NO_SETTINGS | {"SERVICE_DATABASE_URL": kit_database} | environment
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
    assert '"lead_id": "a"' in shown.stdout
    assert "Traceback …" in shown.stdout
    assert "1 given back" in (await webinarctl("dead", "replay", QUEUE, oldest)).stdout
    assert str(await database.pool.fetchval("select message_id from outbox")) == ids[0]
    assert "1 dropped" in (await webinarctl("dead", "drop", QUEUE, newest, "--yes")).stdout
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
    assert (await webinarctl("snapshots", "webinar_event")).exit_code == 0
    assert json.loads(await database.pool.fetchval("select body from outbox")) == {"topic": "webinar_event"}
    unknown = await webinarctl("snapshots", "room_finish")
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


async def bury(database: Database, queue: str = QUEUE, **changes: str) -> str:
    """Bury a message with a reason of `failed` unless said otherwise; returns its message id."""
    aside = SettingAside(database, SimpleNamespace())  # type: ignore[arg-type]
    reason = changes.pop("reason", "failed")
    raw = Delivery(b'{"lead_id": "a"}', **({"type": queue.partition(".")[2]} | changes))  # type: ignore[arg-type]
    await aside.bury(queue, raw, reason=reason, error="ValueError: no")  # type: ignore[arg-type]
    return str(raw.message_id)


async def test_all_are_given_back_but_what_never_can_be(database: Database, webinarctl: Webinarctl) -> None:
    given_back = {await bury(database), await bury(database, "attendance.webinar_event")}
    await bury(database, type="core_webinar_set_status")
    await bury(database, message_id="7")
    await bury(database, "attendance.topic_of_last_year")

    result = await webinarctl("dead", "replay", "--all")

    assert result.exit_code == 0
    assert result.stdout.startswith("2 given back.\n")
    for why in ("a command is never replayed", "is no message id", "there is no queue attendance.topic_of_last_year"):
        assert f"1 left where they are: {why}" in result.stdout.replace("'7' ", "")
    assert {str(row["message_id"]) for row in await database.pool.fetch("select * from outbox")} == given_back
    assert len((await webinarctl("dead", "list")).stdout.splitlines()) == 3


async def test_all_can_be_narrowed_by_queue_reason_and_topic(database: Database, webinarctl: Webinarctl) -> None:
    for words, meant in (
        (("--all", QUEUE), {"queue": QUEUE}),
        (("--all", "--reason", "invalid"), {"reason": "invalid"}),
        (("--all", "--type", "webinar_event"), {"queue": "attendance.webinar_event"}),
    ):
        wanted = await bury(database, **({"queue": QUEUE, "reason": "delivery_limit"} | meant))
        others = [await bury(database, "attendance.webinar_completed") for _ in range(2)]
        assert "1 given back" in (await webinarctl("dead", "replay", *words)).stdout
        assert str(await database.pool.fetchval("delete from outbox returning message_id")) == wanted
        again = await bury(database, **({"queue": QUEUE, "reason": "delivery_limit"} | meant))
        assert again in (await webinarctl("dead", "list")).stdout
        assert "1 dropped" in (await webinarctl("dead", "drop", *words, "--yes")).stdout
        left = (await webinarctl("dead", "list", "--json")).stdout
        assert {row["message_id"] for row in json.loads(left)} == set(others)
        await webinarctl("dead", "drop", "--all", "--yes")


async def test_nothing_is_dropped_before_somebody_says_yes(database: Database, webinarctl: Webinarctl) -> None:
    await bury(database)
    number = (await webinarctl("dead", "list")).stdout.split()[0]
    for words in (("--all",), (QUEUE, number)):
        refused = await webinarctl("dead", "drop", *words)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "1 dead letter of" in refused.stderr
    assert len((await webinarctl("dead", "list")).stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [(), (QUEUE,), (QUEUE, "1", "--all"), (QUEUE, "1", "--reason", "failed"), ("--all", "--service", "crm")]
)
async def test_what_is_not_clearly_said_is_not_done(
    database: Database, webinarctl: Webinarctl, words: tuple[str, ...]
) -> None:
    await bury(database)
    for command in ("replay", "drop"):
        assert (await webinarctl("dead", command, *words)).exit_code == 2
    assert await database.pool.fetchval("select count(*) from dead_letter") == 1


async def test_what_dies_again_meanwhile_does_not_go_round_for_ever(database: Database) -> None:
    await bury(database)
    choice = Choice()
    total, newest = await dead_letters.count(database, choice)
    await bury(database)
    first = await dead_letters.replay_slice(database, choice, after=0, newest=newest)
    second = await dead_letters.replay_slice(database, choice, after=first.last or 0, newest=newest)
    assert (total, first.given_back, second.given_back, second.last) == (1, 1, 0, None)


async def test_many_are_given_back_slice_by_slice(database: Database, webinarctl: Webinarctl) -> None:
    await database.pool.execute(
        "insert into dead_letter (queue, type, message_id, correlation_id, app_id, headers, body, reason, error, "
        "attempts, dead_at) select $1, 'client_webinar_entered', gen_random_uuid()::text, 's', 'tracker', '{}', '{}', "
        "'failed', '', 1, now() from generate_series(1, $2)",
        QUEUE,
        2 * dead_letters.SLICE + 1,
    )
    assert (await webinarctl("dead", "replay", "--all")).stdout == "1,001 given back.\n"
    assert await database.pool.fetchval("select count(distinct message_id) from outbox") == 1001


async def test_a_control_character_in_an_error_reaches_no_terminal(database: Database, webinarctl: Webinarctl) -> None:
    await bury(database, message_id="\x1b[2J\x07")
    listed = await webinarctl("dead", "list")
    shown = await webinarctl("dead", "show", listed.stdout.split()[0])
    # Typer itself takes escape sequences out where no terminal is; it leaves the bell.
    assert not {"\x1b", "\x07"} & set(listed.stdout + shown.stdout)


@pytest.fixture
async def named_databases(servers: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[dict[str, Database]]:
    """Databases and roles of two services, under names of this test's own on servers that many share."""
    suffix = secrets.token_hex(4)
    names = {service: f"{service}_{suffix}" for service in ("tracker", "attendance")}
    monkeypatch.setattr(places_module, "SERVICES", tuple(names))
    monkeypatch.setattr(places_module, "role_of", names.__getitem__)
    connection = await asyncpg.connect(servers.database_url)
    found = {}
    for service, name in names.items():
        await connection.execute(f'create role "{name}" login')
        await connection.execute(f'create database "{name}" owner "{name}"')
        url = f"{servers.database_url.rpartition('/')[0]}/{name}?role={name}"
        await migrate(url, None)
        found[service] = Database(url, HouseClock(), pool_size=2)
        await found[service].open()
    yield found
    for service, database in found.items():
        owners = await database.pool.fetch("select distinct tableowner from pg_tables where schemaname = 'public'")
        assert [row["tableowner"] for row in owners] == [names[service]]
        await database.close()
        await connection.execute(f'drop database "{names[service]}" with (force)')
        await connection.execute(f'drop role "{names[service]}"')
    await connection.close()


async def test_administrators_see_every_service_and_act_as_its_role(
    servers: Any, named_databases: dict[str, Database], webinarctl: Webinarctl
) -> None:
    administrator = {"SERVICE_DATABASE_URL": None, "DATABASE_URL": servers.database_url}
    for service, database in named_databases.items():
        await bury(database, f"{service}.webinar_event")
    listed = json.loads((await webinarctl("dead", "list", "--json", **administrator)).stdout)
    one = await webinarctl("dead", "list", "--service", "tracker", **administrator)
    for words in (("show", "1"), ("replay", "x.y", "1")):
        assert "say whi" in (await webinarctl("dead", *words, **administrator)).stderr.replace("say whose", "say which")
    by_queue = await webinarctl("dead", "replay", "tracker.webinar_event", "--all", **administrator)
    asked = await webinarctl("snapshots", "webinar_event", "--service", "attendance", **administrator)

    assert {row["service"] for row in listed} == set(named_databases)
    assert [line.split("\t")[2] for line in one.stdout.splitlines()] == ["tracker.webinar_event"]
    assert by_queue.stdout == "1 given back.\n"
    counts = {
        name: await one.pool.fetchval("select count(*) from dead_letter") for name, one in named_databases.items()
    }
    assert counts == {"tracker": 0, "attendance": 1}
    assert asked.exit_code == 0
    assert await named_databases["attendance"].pool.fetchval("select count(*) from outbox") == 1


@pytest.mark.parametrize("own", ["room_ui", "test_of_mine"])
def test_a_service_s_own_settings_lead_to_its_database_alone(monkeypatch: pytest.MonkeyPatch, own: str) -> None:
    monkeypatch.setenv("SERVICE_DATABASE_URL", f"postgresql://u:hush@h/{own}")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert [place.service for place in places()] == [own.replace("room_ui", "room-ui")]
    if own == "room_ui":
        with pytest.raises(NoPlaceError, match=r"database of tracker.*that of room-ui"):
            places("tracker")
        monkeypatch.setenv("DATABASE_URL", "postgresql://a:hush@h/postgres?sslmode=require")
        [place] = places("tracker")
        assert place.url == "postgresql://a:hush@h/tracker?sslmode=require&role=tracker"
        assert "hush" not in repr(place)
