"""Stopping with a crowd on streams, whatever the servers behind do: everybody is sent on, and it takes ten seconds."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from uuid import UUID

import aio_pika
import pytest
from contracts.topology import ROOM_UI
from room_ui.live_testing import RoomUi, Wire, process
from room_ui.testing import webinar_event
from servicekit.live_testing import Door
from servicekit.provision import provision_topology
from servicekit.testing import eventually

STREAMS = 200
STOP_SECONDS = 10.0


@pytest.fixture
async def wire(fresh_vhost: str) -> AsyncIterator[Wire]:
    await provision_topology(fresh_vhost, services=(ROOM_UI,))
    async with await aio_pika.connect(fresh_vhost) as connection:
        yield Wire(await connection.channel())


class Crowd:
    """Streams of one account's many tabs."""

    def __init__(self, room_ui: RoomUi, webinar_id: UUID) -> None:
        host, _, port = room_ui.address.removeprefix("http://").partition(":")
        self._address = host, int(port)
        cookies = "; ".join(f"{name}={value}" for name, value in room_ui.browser.cookies.items())
        path = f"/webinar/v1/state/stream?visible=1&webinar_id={webinar_id}"
        self._request = f"GET {path} HTTP/1.1\r\nHost: here\r\nCookie: {cookies}\r\n\r\n".encode()
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> asyncio.StreamReader:
        """Open a stream; returns when its first state has come."""
        reader, writer = await asyncio.open_connection(*self._address)
        self._writers.append(writer)
        writer.write(self._request)
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"data: ")
        return reader

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


async def rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError as error:
        return f"cut: {error!r}".encode()


@pytest.mark.parametrize("silent", ["nothing", "broker", "database"])
async def test_two_hundred_streams_are_sent_on_whatever_is_silent(
    fresh_database: str, fresh_vhost: str, wire: Wire, silent: str
) -> None:
    async with Door(fresh_database) as database, Door(fresh_vhost) as broker:
        room_ui = RoomUi(database.url, broker.url)
        await room_ui.add_anna()
        webinar = webinar_event("live")
        async with process("-m", "room_ui", **room_ui.environment) as running:
            await eventually(room_ui.answers, seconds=30, what="the HTTP port")
            await room_ui.sign_in()
            await wire.say(webinar)
            room = f"/account/webinar_room/{webinar.webinar_id}"
            await eventually(lambda: room_ui.answers(room), what="the room")
            crowd = Crowd(room_ui, webinar.webinar_id)
            streams = [await crowd.open() for _ in range(STREAMS)]
            if silent == "broker":
                broker.hold_up()
            if silent == "database":
                database.hold_up()
            in_hand = asyncio.create_task(room_ui.browser.get(room))
            await asyncio.sleep(0)

            began = asyncio.get_running_loop().time()
            running.send_signal(signal.SIGTERM)
            endings = await asyncio.gather(*(rest(stream) for stream in streams))
            _, errors = await asyncio.wait_for(running.communicate(), 20)
            seconds = asyncio.get_running_loop().time() - began
        await crowd.close()
        answer = await in_hand
        await room_ui.browser.aclose()
    said = [json.loads(line) for line in errors.decode().splitlines()]
    assert (running.returncode, [one for one in said if one["level"] == "error"]) == (0, []), errors.decode()
    assert seconds < STOP_SECONDS
    assert answer.status_code == (503 if silent == "database" else 200), "what was in hand was not answered"
    unsaid = [ending for ending in endings if b"retry: " not in ending]
    assert not unsaid, f"{len(unsaid)} streams were not told to come back: {unsaid[:3]}"
