"""Commands at their sender: a token, a deadline, one reply."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import UUID

from contracts import Command, CommandReply, Envelope
from contracts.topology import EXCHANGE, REPLY_EXCHANGE, TOPIC_OF
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from servicekit import metrics, traced_messages, tracing
from servicekit.clock import HouseClock
from servicekit.errors import BrokerAwayError, CommandNotSent, CommandUnanswered, NotPublishedError
from servicekit.logs import get_logger
from servicekit.messages import Actor
from servicekit.publisher import Publisher
from servicekit.receiving import as_it_is
from servicekit.tokens import TokenMaker
from servicekit.work import new_traceparent

log = get_logger(__name__)

_OUTCOMES = ("answered", "unanswered", "not_sent", "failed")
S = TypeVar("S", bound=Callable[..., Coroutine[Any, Any, CommandReply]])


def _counted(send: S) -> S:
    """Count how commands end for who sends them."""

    @wraps(send)
    async def counting(client: "CommandClient", command: Command, **named: Any) -> CommandReply:
        outcome = "failed"
        try:
            reply = await send(client, command, **named)
            outcome = "answered"
        except CommandNotSent:
            outcome = "not_sent"
            raise
        except CommandUnanswered:
            outcome = "unanswered"
            raise
        finally:
            metrics.COMMANDS_SENT.labels(command.topic, outcome).inc()
        return reply

    return cast(S, counting)


class CommandClient:
    """Sends commands and waits for their replies on `reply.<instance>`."""

    def __init__(self, publisher: Publisher, tokens: TokenMaker, clock: HouseClock, *, instance_id: str) -> None:
        self._publisher = publisher
        self._tokens = tokens
        self._clock = clock
        self._reply_to = f"reply.{instance_id}"
        # A double click is one command sent twice, and both wait for the one outcome.
        self._waiting: dict[str, set[asyncio.Future[CommandReply]]] = {}
        self.listening = False
        for topic in TOPIC_OF.values():
            for outcome in _OUTCOMES if topic.is_command else ():
                metrics.COMMANDS_SENT.labels(topic.name, outcome)

    def listen(self, broker: RabbitBroker) -> None:
        """Register the reply queue of this instance."""
        broker.subscriber(
            RabbitQueue(
                self._reply_to,
                queue_type=QueueType.CLASSIC,
                durable=False,
                exclusive=True,
                auto_delete=True,
                routing_key=self._reply_to,
            ),
            RabbitExchange(REPLY_EXCHANGE, type=ExchangeType.TOPIC, durable=True, declare=False),
            channel=Channel(prefetch_count=100),
            ack_policy=AckPolicy.ACK,
            decoder=as_it_is,
            no_reply=True,
        )(self._take_reply)

    async def _take_reply(self, message: RabbitMessage) -> None:
        waiting = [one for one in self._waiting.get(str(message.raw_message.correlation_id), ()) if not one.done()]
        if not waiting:
            return
        try:
            reply = CommandReply.model_validate_json(message.raw_message.body)
        except ValidationError as error:
            log.warning("command.reply_invalid", error=str(error)[:500])
            return
        for one in waiting:
            one.set_result(reply)

    @_counted
    async def send(
        self,
        command: Command,
        *,
        actor: Actor,
        message_id: UUID,
        correlation_id: str | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> CommandReply:
        """Send `command` and return its reply.

        The same `message_id` again gets the first outcome. The `correlation_id` is the message's own id, unless the
        command belongs to something that has one: a webinar that was started. Raises `CommandNotSent` when the
        command never left this process or was given back, and so surely changes nothing, `CommandUnanswered` when its
        outcome is not known after `timeout` seconds.
        """
        if not self.listening:
            raise CommandNotSent(f"{command.topic} {message_id}: this instance does not hear replies yet")
        [receiver] = TOPIC_OF[type(command)].heard_by
        attributes = {
            **traced_messages.call_attributes(command.topic, receiver),
            "messaging.message.id": str(message_id),
            "messaging.message.conversation_id": correlation_id or str(message_id),
        }
        with tracing.beginning(f"{receiver}/{command.topic}", SpanKind.CLIENT, attributes) as span:
            deadline = self._clock.now() + timedelta(seconds=timeout)
            token = self._tokens.make(
                actor=actor, topic=command.topic, audience=receiver, message_id=message_id, deadline=deadline
            )
            envelope = self._publisher.envelope(
                command.topic,
                message_id=message_id,
                correlation_id=correlation_id or str(message_id),
                deadline=deadline,
                authorization=token,
                reply_to=self._reply_to,
                traceparent=tracing.current() or new_traceparent(),
            )
            reply = await self._reply_to_sent(command, envelope, timeout)
            traced_messages.note_reply(span, None if reply.error is None else reply.error.code)
            return reply

    async def _reply_to_sent(self, command: Command, envelope: Envelope, seconds: float) -> CommandReply:
        message_id = str(envelope.message_id)
        reply: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(message_id, set()).add(reply)
        underway = asyncio.Event()
        body = command.to_json()
        sending = asyncio.create_task(
            self._publisher.send(EXCHANGE, command.topic, body, envelope, expiration_seconds=seconds, underway=underway)
        )
        either: list[asyncio.Future[Any]] = [sending, reply]
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not reply.done():
                    _raise_when_not_published(sending)
                return await reply
        except TimeoutError:
            if not underway.is_set():
                raise CommandNotSent(f"{command.topic} {message_id}: no broker within {seconds} s") from None
            # Not confirmed is not unknown to the broker: it may be slow alone in saying that it has the command.
            raise CommandUnanswered(f"{command.topic} {message_id}: no reply within {seconds} s") from None
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            self._forget(message_id, reply)

    def _forget(self, message_id: str, reply: asyncio.Future[CommandReply]) -> None:
        waiting = self._waiting.get(message_id, set())
        waiting.discard(reply)
        if not waiting:
            self._waiting.pop(message_id, None)


def _raise_when_not_published(sending: asyncio.Task[None]) -> None:
    error = sending.exception()
    if isinstance(error, NotPublishedError):
        raise CommandNotSent(str(error)) from error
    if isinstance(error, BrokerAwayError):
        # Lost on its way or just behind it: the reply, over another connection, may still come and tell.
        log.warning("command.not_confirmed", error=str(error))
    elif error is not None:
        raise error
