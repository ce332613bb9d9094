"""Publishing with confirms, on a connection that nothing consumes from."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import aio_pika
import aio_pika.exceptions
from contracts import Envelope, Message
from contracts.topology import EXCHANGE
from uuid6 import uuid7

from servicekit.clock import HouseClock
from servicekit.errors import BROKER_AWAY, BrokerAwayError
from servicekit.messages import wire_message

PUBLISH_LIMIT_SECONDS = 15.0
_CONNECT_LIMIT_SECONDS = 5.0


class Link:
    """One AMQP connection and channel with confirms, made when needed and made anew after a failure."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: aio_pika.abc.AbstractConnection | None = None
        self._channel: aio_pika.abc.AbstractChannel | None = None
        self._exchanges: dict[str, aio_pika.abc.AbstractExchange] = {}
        self._lock = asyncio.Lock()

    @property
    def is_open(self) -> bool:
        return self._channel is not None and not self._channel.is_closed

    async def exchange(self, name: str) -> aio_pika.abc.AbstractExchange:
        """Return an exchange to publish to, connecting first if need be; raises one of `BROKER_AWAY`."""
        async with self._lock:
            if not self.is_open:
                await self._connect()
            assert self._channel is not None
            found = self._exchanges.get(name)
            if found is None:
                found = self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
            return found

    async def _connect(self) -> None:
        await self._drop()
        async with asyncio.timeout(_CONNECT_LIMIT_SECONDS):
            self._connection = await aio_pika.connect(self._url, timeout=_CONNECT_LIMIT_SECONDS)
            self._channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)

    async def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges.clear()
        if connection is not None and not connection.is_closed:
            await connection.close()

    async def close(self) -> None:
        async with self._lock:
            await self._drop()


class Publisher:
    """Publishes single messages that are no part of a transaction: presence, commands, delayed messages."""

    def __init__(self, url: str, *, app_id: str, clock: HouseClock) -> None:
        self._link = Link(url)
        self._app_id = app_id
        self._clock = clock

    @property
    def is_connected(self) -> bool:
        return self._link.is_open

    async def publish(self, event: Message, *, correlation_id: str | None = None) -> None:
        """Publish `event` and wait for the confirmation, at most 15 s; raises `BrokerAwayError`."""
        message_id = UUID(bytes=uuid7().bytes)
        webinar_id = getattr(event, "webinar_id", None)
        await self.send(
            EXCHANGE,
            event.topic,
            event.to_json(),
            self.envelope(
                event.topic, message_id=message_id, correlation_id=correlation_id or str(webinar_id or message_id)
            ),
            mandatory=False,
        )

    def envelope(
        self,
        type_: str,
        *,
        message_id: UUID,
        correlation_id: str,
        deadline: datetime | None = None,
        authorization: str | None = None,
        reply_to: str | None = None,
        traceparent: str | None = None,
        causation_id: UUID | None = None,
    ) -> Envelope:
        """Return an envelope that names this service as the emitter, now."""
        return Envelope(
            message_id=message_id,
            type=type_,
            app_id=self._app_id,
            timestamp=self._clock.now(),
            correlation_id=correlation_id,
            deadline=deadline,
            authorization=authorization,
            reply_to=reply_to,
            traceparent=traceparent,
            causation_id=causation_id,
        )

    async def send(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        envelope: Envelope,
        *,
        mandatory: bool = True,
        persistent: bool = True,
        headers: Mapping[str, Any] | None = None,
        expiration_seconds: float | None = None,
    ) -> None:
        """Publish and wait for the confirmation; raises `BrokerAwayError` when it is not known to have arrived.

        A message that was returned, because no queue takes it, raises it too.
        """
        message = wire_message(
            body, envelope, headers=headers, persistent=persistent, expiration_seconds=expiration_seconds
        )
        try:
            async with asyncio.timeout(PUBLISH_LIMIT_SECONDS):
                target = await self._link.exchange(exchange)
                await target.publish(message, routing_key, mandatory=mandatory)
        except BROKER_AWAY as error:
            raise BrokerAwayError(f"{envelope.type} {envelope.message_id} to {exchange}: {error!r}") from error

    async def close(self) -> None:
        await self._link.close()
