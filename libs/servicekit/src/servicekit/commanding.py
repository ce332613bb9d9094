"""Commands at their sender: a token, a deadline, one reply."""

import asyncio
from datetime import timedelta
from uuid import UUID

from contracts import Command, CommandReply
from contracts.topology import EXCHANGE, REPLY_EXCHANGE, TOPIC_OF
from faststream import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue
from pydantic import ValidationError

from servicekit.clock import HouseClock
from servicekit.errors import BrokerAwayError, CommandNotSent, CommandUnanswered
from servicekit.logs import get_logger
from servicekit.messages import Actor
from servicekit.publisher import Publisher
from servicekit.receiving import as_it_is
from servicekit.tokens import TokenMaker
from servicekit.work import new_traceparent

log = get_logger(__name__)


class CommandClient:
    """Sends commands and waits for their replies on `reply.<instance>`."""

    def __init__(self, publisher: Publisher, tokens: TokenMaker, clock: HouseClock, *, instance_id: str) -> None:
        self._publisher = publisher
        self._tokens = tokens
        self._clock = clock
        self._reply_to = f"reply.{instance_id}"
        self._waiting: dict[str, asyncio.Future[CommandReply]] = {}
        self.listening = False

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
        waiting = self._waiting.get(str(message.raw_message.correlation_id))
        if waiting is None or waiting.done():
            return
        try:
            waiting.set_result(CommandReply.model_validate_json(message.raw_message.body))
        except ValidationError as error:
            log.warning("command.reply_invalid", error=str(error)[:500])

    async def send(
        self,
        command: Command,
        *,
        actor: Actor,
        message_id: UUID,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> CommandReply:
        """Send `command` and return its reply.

        The same `message_id` again gets the first outcome. Raises `CommandNotSent` when the command surely did not
        arrive, `CommandUnanswered` when its outcome is not known after `timeout` seconds.
        """
        deadline = self._clock.now() + timedelta(seconds=timeout)
        [receiver] = TOPIC_OF[type(command)].heard_by
        token = self._tokens.make(
            actor=actor, topic=command.topic, audience=receiver, message_id=message_id, deadline=deadline
        )
        envelope = self._publisher.envelope(
            command.topic,
            message_id=message_id,
            correlation_id=str(message_id),
            deadline=deadline,
            authorization=token,
            reply_to=self._reply_to,
            traceparent=new_traceparent(),
        )
        reply: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
        self._waiting[str(message_id)] = reply
        try:
            async with asyncio.timeout(timeout):
                try:
                    await self._publisher.send(
                        EXCHANGE, command.topic, command.to_json(), envelope, expiration_seconds=timeout
                    )
                except BrokerAwayError as error:
                    raise CommandNotSent(str(error)) from error
                return await reply
        except TimeoutError as error:
            raise CommandUnanswered(f"{command.topic} {message_id}: no reply within {timeout} s") from error
        finally:
            if self._waiting.get(str(message_id)) is reply:
                del self._waiting[str(message_id)]
