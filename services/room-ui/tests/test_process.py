"""The process that an operator starts, on a real broker: shows what it hears, tells who is here, stops by a signal."""

import asyncio
import signal
from collections.abc import AsyncIterator

import aio_pika
import pytest
from contracts import PresenceEntry, RoomPresence, WebinarEvent, WebinarStatus
from contracts.topology import ROOM_UI
from room_ui.live_testing import RoomUi, Wire, process
from room_ui.testing import NOON, later, webinar_event
from servicekit.provision import provision_topology
from servicekit.testing import eventually


@pytest.fixture
async def wire(fresh_vhost: str) -> AsyncIterator[Wire]:
    await provision_topology(fresh_vhost, services=(ROOM_UI,))
    async with await aio_pika.connect(fresh_vhost) as connection:
        wire = Wire(await connection.channel())
        await wire.listen()
        yield wire


def told_elsewhere(webinar: WebinarEvent, account_id: str) -> RoomPresence:
    """Return the report of another instance, with one account."""
    return RoomPresence(
        webinar_id=webinar.webinar_id,
        instance_id="elsewhere",
        round=1,
        part=0,
        parts=1,
        at=NOON,
        interval_seconds=5,
        webinar_version=webinar.version,
        entries=(PresenceEntry(account_id=account_id, since=NOON),),
    )


@pytest.fixture
async def room_ui(fresh_database: str, fresh_vhost: str) -> AsyncIterator[RoomUi]:
    room_ui = RoomUi(fresh_database, fresh_vhost)
    await room_ui.add_anna()
    yield room_ui
    await room_ui.browser.aclose()


async def test_it_shows_what_it_hears_tells_who_is_here_and_stops(wire: Wire, room_ui: RoomUi) -> None:
    webinar: WebinarEvent = webinar_event(version=10)
    loop = asyncio.get_running_loop()
    async with process("-m", "room_ui", **room_ui.environment) as running:
        account_id = (await wire.heard("account_event"))["account_id"]
        await wire.heard("snapshot_requested", topic="webinar_event")
        await eventually(room_ui.answers, seconds=20, what="the HTTP port")
        await room_ui.sign_in()
        await wire.say(webinar)
        room = f"/account/webinar_room/{webinar.webinar_id}"
        await eventually(lambda: room_ui.answers(room), what="the room")

        stream = f"/webinar/v1/state/stream?visible=1&webinar_id={webinar.webinar_id}"
        reading = asyncio.create_task(room_ui.read(stream))
        await room_ui.state("scheduled")
        here = await wire.presence(gone=False, account_id=account_id, seen=True)
        assert not here["host"]
        await wire.say(told_elsewhere(webinar, "boris"))
        await room_ui.viewers(2)

        told = loop.time()
        live = later(webinar, status=WebinarStatus.LIVE, started_at=NOON)
        await wire.say(live)
        assert await room_ui.state("live") - told < 1

        for action in ("seen", "finish"):
            await room_ui.post(action, webinar.webinar_id)
        await wire.heard("room_finish", lead_id=account_id, webinar_id=str(webinar.webinar_id))
        shown = later(live, cta_visibility="visible")
        await wire.say(shown)
        await wire.heard("cta_shown", lead_id=account_id)

        ended = later(shown, status=WebinarStatus.FINISHED, finished_at=NOON)
        await wire.say(ended)
        await wire.heard("room_presence", webinar_version=ended.version)

        told = loop.time()
        running.send_signal(signal.SIGTERM)
        assert any(line.startswith("retry: ") for line in (await asyncio.wait_for(reading, 10))[-4:])
        await wire.presence(gone=True, account_id=account_id, since=here["since"])
        _, errors = await asyncio.wait_for(running.communicate(), 10)
        assert (running.returncode, loop.time() - told < 10) == (0, True)
        assert b'"level": "error"' not in errors, errors.decode()
