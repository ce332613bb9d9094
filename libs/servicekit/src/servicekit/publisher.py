"""Publishing with confirms, on a connection that nothing consumes from."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import aio_pika
import aiormq.exceptions
from contracts import Envelope, Message
from contracts.topology import EXCHANGE, REPLY_EXCHANGE
from uuid6 import uuid7
from yarl import URL

from servicekit import traced_messages
from servicekit.clock import HouseClock
from servicekit.errors import BROKER_AWAY, BrokerAwayError, NotPublishedError, is_broker_away
from servicekit.logs import get_logger
from servicekit.messages import wire_message

log = get_logger(__name__)

PUBLISH_LIMIT_SECONDS = 15.0
_CONNECT_LIMIT_SECONDS = 5.0
_CLOSING_SECONDS = 1.0
_PROBE_SECONDS = 2.0
_HEARTBEAT_SECONDS = 10


def with_heartbeat(url: str) -> str:
    """Return the broker's URL with the heartbeat by which a dead host is noticed, unless it names one."""
    parsed = URL(url)
    return url if "heartbeat" in parsed.query else str(parsed.update_query(heartbeat=_HEARTBEAT_SECONDS))


async def open_channel(connection: aio_pika.abc.AbstractConnection, **options: Any) -> aio_pika.abc.AbstractChannel:
    """Return a channel of a connection; raises one of `BROKER_AWAY` where that has gone meanwhile."""
    try:
        return await connection.channel(**options)
    except RuntimeError as error:
        if not is_broker_away(error):
            raise
        raise ConnectionError(str(error)) from error


class Link:
    """One AMQP connection and channel with confirms, made when needed and made anew after a failure."""

    def __init__(self, url: str) -> None:
        self._url = with_heartbeat(url)
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
            self._channel = await open_channel(self._connection, publisher_confirms=True, on_return_raises=True)

    async def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges.clear()
        if connection is None or connection.is_closed:
            return
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await connection.close()
        except BROKER_AWAY as error:
            log.info("broker.gone", error=repr(error))

    async def close(self) -> None:
        async with self._lock:
            await self._drop()


class Publisher:
    """Publishes single messages that are no part of a transaction: presence, commands, delayed messages."""

    def __init__(self, url: str, *, app_id: str, clock: HouseClock) -> None:
        self._link = Link(url)
        self._app_id = app_id
        self._clock = clock

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
        underway: asyncio.Event | None = None,
    ) -> None:
        """Publish and wait for the confirmation; raises `BrokerAwayError` when it is not known to have arrived.

        `NotPublishedError`, one of these, says that it surely has not: the broker was not reached, or it gave the
        message back because no queue takes it. `underway` is set just before anything of it is written: who stops
        waiting earlier knows that it was never sent.
        """
        message = wire_message(
            body, envelope, headers=headers, persistent=persistent, expiration_seconds=expiration_seconds
        )
        what = f"{envelope.type} {envelope.message_id} to {exchange}"
        with traced_messages.sending(exchange, routing_key, envelope):
            try:
                async with asyncio.timeout(PUBLISH_LIMIT_SECONDS):
                    try:
                        target = await self._link.exchange(exchange)
                    except BROKER_AWAY as error:
                        raise NotPublishedError(f"{what}: {error!r}") from error
                    if underway is not None:
                        underway.set()
                    await target.publish(message, routing_key, mandatory=mandatory)
            except aiormq.exceptions.DeliveryError as error:
                raise NotPublishedError(f"{what}: {error!r}") from error
            except BROKER_AWAY as error:
                raise BrokerAwayError(f"{what}: {error!r}") from error

    async def answers(self) -> bool:
        """Whether the broker confirms a message now; it is one that nobody hears."""
        message_id = UUID(bytes=uuid7().bytes)
        envelope = self.envelope("probe", message_id=message_id, correlation_id=str(message_id))
        try:
            async with asyncio.timeout(_PROBE_SECONDS):
                await self.send(REPLY_EXCHANGE, "reply.nobody", b"", envelope, mandatory=False, persistent=False)
        except (BrokerAwayError, TimeoutError) as error:
            log.info("broker.does_not_confirm", error=repr(error))
            return False
        return True

    async def close(self) -> None:
        await self._link.close()
