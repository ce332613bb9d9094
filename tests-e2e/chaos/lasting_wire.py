"""The wire, heard on a queue that outlives the broker's crashes: what is missing there was never said."""

import asyncio

import aio_pika
from aio_pika.abc import AbstractRobustConnection
from contracts.topology import EXCHANGE
from servicekit.errors import BROKER_AWAY
from world.wire import Wire

QUEUE = "chaos.wire"
PREFETCHED = 500
AGAIN_SECONDS = 0.3


class LastingWire(Wire):
    """Hears all topics, each message at least once; a repetition has the same message id."""

    _hearing: "asyncio.Task[None]"

    async def _listen(self, url: str) -> AbstractRobustConnection:
        connection = await aio_pika.connect_robust(url, reconnect_interval=0.5)
        async with connection.channel() as channel:
            queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
            await queue.bind(EXCHANGE, "#")
        self._hearing = asyncio.create_task(self._hear_for_ever(url))
        return connection

    async def _hear_for_ever(self, url: str) -> None:
        """Connect anew by hand: a robust consumer does not always survive a broker that is killed twice."""
        while True:
            try:
                await self._hear(url)
            except BROKER_AWAY:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hear(self, url: str) -> None:
        async with await aio_pika.connect(url, timeout=5) as connection:
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=PREFETCHED)
            queue = await channel.get_queue(QUEUE)
            async with queue.iterator() as messages:
                async for message in messages:
                    await self._keep(message)
                    await message.ack()

    def close(self) -> None:
        """Stop listening."""
        self._background.loop.call_soon_threadsafe(self._hearing.cancel)
        super().close()
