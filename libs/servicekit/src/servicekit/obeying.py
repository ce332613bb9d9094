"""Commands at their receiver: token, right, deadline, one stored outcome, a reply."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

from contracts import CommandError, CommandReply, Envelope, ErrorCode
from contracts.topology import REPLY_EXCHANGE
from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitMessage, RabbitQueue
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from servicekit import metrics, traced_messages, tracing
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.database import Database
from servicekit.errors import (
    BROKER_AWAY,
    DATABASE_AWAY,
    DATABASE_TROUBLE,
    BrokerAwayError,
    OutcomeUnknownError,
    Refused,
)
from servicekit.logs import bound_fields, get_logger
from servicekit.messages import InvalidMessageError, Obeyed, envelope_of
from servicekit.publisher import Publisher
from servicekit.receiving import as_it_is
from servicekit.router import Handler, Obeying
from servicekit.tokens import InvalidTokenError, TokenChecker
from servicekit.work import Work

log = get_logger(__name__)

_IN_FLIGHT = 8
_ASK_AGAIN_SECONDS = 0.2
_TROUBLING = (ErrorCode.UNAUTHENTICATED.value, ErrorCode.EXPIRED.value, ErrorCode.UNAVAILABLE.value, "unknown")
_CLAIM = """
insert into command_outcome (message_id, topic, actor_id, decided_at) values ($1, $2, $3, $4)
on conflict (message_id) do nothing returning message_id
"""
_STORE = "update command_outcome set reply = $2 where message_id = $1"
_UNCLAIM = "delete from command_outcome where message_id = $1"


def refusal(code: ErrorCode, message: str, *, field: str | None = None) -> CommandReply:
    """Return the reply that refuses."""
    return CommandReply(ok=False, error=CommandError(code=code, message=message, field=field))


class _NotDecidedError(Exception):
    """Rolls a claim back that was only made to see whether there was one."""


class CommandHandling:
    """Decides on commands of one topic: the first decision on a message id is the one for ever.

    Except that a reply with a one-time address is told once and kept nowhere.
    """

    def __init__(self, obeying: Obeying, handler: Handler, database: Database, tokens: TokenChecker) -> None:
        self.obeying = obeying
        self._handler = handler
        self._database = database
        self._tokens = tokens
        for outcome in _TROUBLING:
            metrics.COMMANDS.labels(obeying.message.topic, outcome)

    async def decide(self, envelope: Envelope, body: bytes) -> CommandReply | None:
        """Return the reply to a command; None when it is not known whether it was done, so that nobody says it was not.

        A failure inside is answered `unavailable`, and nothing is changed.
        """
        checked = self._check(envelope, body)
        reply = checked if isinstance(checked, CommandReply) else await self._decide(checked)
        topic, outcome = self.obeying.message.topic, _outcome(reply)
        metrics.COMMANDS.labels(topic, outcome).inc()
        webinar_id = None if isinstance(checked, CommandReply) else getattr(checked.event, "webinar_id", None)
        about = {} if webinar_id is None else {"webinar_id": str(webinar_id)}
        log.info("command.decided", topic=topic, outcome=outcome, **about)
        return reply

    def _check(self, envelope: Envelope, body: bytes) -> Obeyed[Any] | CommandReply:
        """Return the command, or its refusal by who may not or by what it says."""
        topic = self.obeying.message.topic
        try:
            actor, deadline = self._tokens.check(envelope.authorization, topic=topic, message_id=envelope.message_id)
        except InvalidTokenError as error:
            log.info("command.unauthenticated", topic=topic, error=str(error))
            return refusal(ErrorCode.UNAUTHENTICATED, "The command's token is missing, forged or for something else.")
        if self.obeying.requires not in actor.capabilities:
            return refusal(ErrorCode.FORBIDDEN, f"{self.obeying.requires} is needed.")
        try:
            event = self.obeying.message.from_json(body)
        except ValidationError as error:
            return _invalid_field(error)
        return Obeyed(
            event=event,
            actor=actor,
            message_id=envelope.message_id,
            correlation_id=envelope.correlation_id,
            timestamp=envelope.timestamp,
            deadline=deadline,
            traceparent=envelope.traceparent,
        )

    async def _decide(self, command: Obeyed[Any]) -> CommandReply | None:
        topic = command.event.topic
        try:
            return await self._decide_once(command)
        except OutcomeUnknownError as error:
            log.warning("command.outcome_unknown", topic=topic, error=repr(error))
            return await self._decided_already(command)
        except DATABASE_AWAY as error:
            log.warning("command.unavailable", topic=topic, error=repr(error))
        except Exception:
            log.exception("command.failed", topic=topic)
        return _unavailable()

    async def _decide_once(self, command: Obeyed[Any]) -> CommandReply:
        async with self._database.work() as work:
            connection = work.connection
            if await self._claim(command, work) is None:
                return await _first_outcome(connection, command)
            try:
                self._refuse_when_late(command)
                async with connection.transaction():
                    reply: CommandReply = await self._handler(command, work)
                    # Looked at after the handler's locks, so that a command that waited for them is late, too.
                    self._refuse_when_late(command)
            except Refused as refused:
                work.announced.clear()
                work.callbacks.clear()
                reply = refusal(refused.code, refused.message, field=refused.field)
            if reply.address is not None:
                # It holds a one-time token, which stands nowhere but as a hash: the same id again makes a fresh one.
                await connection.execute(_UNCLAIM, command.message_id)
            else:
                stored = reply.model_dump(mode="json", by_alias=True)
                await connection.execute(_STORE, command.message_id, stored)
            return reply

    async def _claim(self, command: Obeyed[Any], work: Work) -> object:
        # A second copy in flight waits here until the first has committed.
        return await work.connection.fetchval(
            _CLAIM, command.message_id, command.event.topic, command.actor.account_id, work.now
        )

    def _refuse_when_late(self, command: Obeyed[Any]) -> None:
        if self._database.clock.now() > command.deadline:
            raise Refused(ErrorCode.EXPIRED, "The command came after its deadline; nothing was changed.")

    async def _decided_already(self, command: Obeyed[Any]) -> CommandReply | None:
        """Return what was decided by a commit whose outcome is unknown; None when that cannot be told in time."""
        while self._database.clock.now() < command.deadline:
            try:
                async with self._database.work() as work:
                    # Waits, should the lost connection still be committing.
                    if await self._claim(command, work) is None:
                        return await _first_outcome(work.connection, command)
                    raise _NotDecidedError
            except _NotDecidedError:
                return _unavailable()
            except DATABASE_TROUBLE as error:
                log.info("command.outcome_still_unknown", error=repr(error))
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
        return None


def _unavailable() -> CommandReply:
    return refusal(ErrorCode.UNAVAILABLE, "The service could not do this now; nothing was changed.")


async def _first_outcome(connection: Any, command: Obeyed[Any]) -> CommandReply:
    stored = await connection.fetchrow(
        "select topic, actor_id, reply from command_outcome where message_id = $1", command.message_id
    )
    if (stored["topic"], stored["actor_id"]) != (command.event.topic, command.actor.account_id):
        return refusal(ErrorCode.FORBIDDEN, "This message id belongs to another command.")
    return CommandReply.model_validate(stored["reply"])


def _invalid_field(error: ValidationError) -> CommandReply:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    return refusal(ErrorCode.INVALID_FIELD, first["msg"], field=field)


class CommandSubscription:
    """One command queue: each command is decided, answered and acknowledged, and never retried by the machine."""

    def __init__(
        self,
        broker: RabbitBroker,
        queue: str,
        handling: CommandHandling,
        publisher: Publisher,
        break_down: Callable[[Exception], None],
    ) -> None:
        self.queue = queue
        self._handling = handling
        self._publisher = publisher
        self._break_down = break_down
        self._subscriber = broker.subscriber(
            RabbitQueue(queue, queue_type=QueueType.QUORUM, durable=True, declare=False),
            channel=Channel(prefetch_count=_IN_FLIGHT),
            ack_policy=AckPolicy.MANUAL,
            decoder=as_it_is,
            no_reply=True,
        )
        self._subscriber(self._take)

    async def _take(self, message: RabbitMessage) -> None:
        try:
            await self._obey(message.raw_message)
        except Exception as error:  # noqa: BLE001 - FastStream would pass over it, and the queue would fill up unseen
            self._break_down(error)

    async def _obey(self, raw: Any) -> None:
        try:
            envelope = envelope_of(raw)
        except InvalidMessageError as error:
            log.warning("command.invalid", queue=self.queue, error=str(error)[:500])
        else:
            with bound_fields(message_id=str(envelope.message_id), correlation_id=envelope.correlation_id):
                await self._decide_and_answer(envelope, raw.body)
        try:
            await raw.ack()
        except BROKER_AWAY as error:
            log.info("command.not_acknowledged", queue=self.queue, error=repr(error))

    async def _decide_and_answer(self, envelope: Envelope, body: bytes) -> None:
        topic, service = self._handling.obeying.message.topic, self.queue.partition(".")[0]
        attributes = {
            **traced_messages.call_attributes(topic, service),
            "messaging.message.id": str(envelope.message_id),
            "messaging.message.conversation_id": envelope.correlation_id,
        }
        with tracing.continuing(
            f"{service}/{topic}", [envelope.traceparent], kind=SpanKind.SERVER, attributes=attributes
        ) as span:
            if span is not None:
                envelope = envelope.model_copy(update={"traceparent": tracing.traceparent_of(span)})
            reply = await self._handling.decide(envelope, body)
            checkpoint(Checkpoint.DECIDED)
            traced_messages.note_reply(span, _outcome(reply))
            if reply is not None:
                await self._answer(envelope, reply)

    async def _answer(self, envelope: Envelope, reply: CommandReply) -> None:
        if not envelope.reply_to:
            return
        answer = self._publisher.envelope(
            "reply",
            message_id=UUID(bytes=envelope.message_id.bytes),
            correlation_id=str(envelope.message_id),
            traceparent=envelope.traceparent,
        )
        body = reply.model_dump_json(by_alias=True, exclude_none=True).encode()
        try:
            await self._publisher.send(
                REPLY_EXCHANGE, envelope.reply_to, body, answer, mandatory=False, persistent=False
            )
        except BrokerAwayError as error:
            log.warning("command.not_answered", error=str(error))

    async def stop(self) -> None:
        """Take no more; FastStream waits for the commands in hand."""
        try:
            await self._subscriber.stop()
        except BROKER_AWAY as error:
            log.info("command.cancel_failed", queue=self.queue, error=repr(error))


def _outcome(reply: CommandReply | None) -> str:
    if reply is None:
        return "unknown"
    return "ok" if reply.error is None else reply.error.code.value
