"""The wire, heard on a queue that outlives the broker's crashes: what is missing there was never said."""

from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustConnection
from contracts.topology import EXCHANGE
from world.wire import Wire

QUEUE = "chaos.wire"


class LastingWire(Wire):
    """Hears all topics, each message at least once; a repetition has the same message id."""

    async def _listen(self, url: str) -> AbstractRobustConnection:
        connection = await aio_pika.connect_robust(url, reconnect_interval=0.5)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=500)
        queue = await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(EXCHANGE, "#")
        await queue.consume(self._keep_and_acknowledge)
        return connection

    async def _keep_and_acknowledge(self, message: AbstractIncomingMessage) -> None:
        await self._keep(message)
        try:
            await message.ack()
        except (aio_pika.exceptions.AMQPError, RuntimeError, ConnectionError):
            # The channel has gone; it comes again.
            return

    def read_everything(self, wait: Any) -> None:
        """Return when nothing waits in the queue any more; `wait` is called with whether that is so."""
        wait(lambda: self.depth(QUEUE) == 0)
