"""The link to a broker that is not well."""

import asyncio
import socket
import threading

import aio_pika
import pytest
import uvloop
from servicekit.errors import BROKER_AWAY
from servicekit.publisher import Link, open_channel


def test_a_broker_that_hangs_up_before_its_first_word_is_away() -> None:
    def hang_up() -> None:
        while True:
            try:
                listener.accept()[0].close()
            except OSError:
                return

    async def try_again_and_again() -> None:
        link = Link(f"amqp://guest@127.0.0.1:{listener.getsockname()[1]}/")
        # Whether the end is seen before or while waiting for the first word is a matter of microseconds.
        for _ in range(200):
            with pytest.raises(BROKER_AWAY):
                await link.exchange("webinars")
        await link.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=hang_up, daemon=True).start()
        # The loop that services run on: on it the end may be seen first.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(try_again_and_again())


async def test_a_connection_that_has_gone_gives_no_channel_and_is_no_bug(fresh_vhost: str) -> None:
    connection = await aio_pika.connect(fresh_vhost)
    assert connection.transport is not None
    # What a cut does, in the moment before aio-pika has heard of it.
    await connection.transport.connection.close()

    with pytest.raises(BROKER_AWAY):
        await open_channel(connection)
