"""What the broker gave up on: from the `.dlq` queues to rows, so that no queue of dead letters is ever browsed."""

from typing import Any

from faststream import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitMessage, RabbitQueue

from servicekit.batches import AWAY
from servicekit.errors import BROKER_AWAY
from servicekit.logs import get_logger
from servicekit.receiving import as_it_is
from servicekit.setting_aside import SettingAside

log = get_logger(__name__)


def move_dead_letters(broker: RabbitBroker, queue: str, dead_letter_queue: str, aside: SettingAside) -> None:
    """Register the consumer that writes the dead letters of `queue` to rows."""

    async def take(message: RabbitMessage) -> None:
        raw: Any = message.raw_message
        deaths = raw.headers.get("x-death")
        reason = str(deaths[0].get("reason", "")) if isinstance(deaths, list) and deaths else "dead-lettered"
        try:
            try:
                await aside.bury(queue, raw, reason=reason, error=f"given up by the broker: {reason}")
            except AWAY as error:
                log.warning("dead_letter.waits", queue=queue, error=repr(error))
                await raw.reject(requeue=True)
                return
            await raw.ack()
        except BROKER_AWAY as error:
            log.info("dead_letter.not_settled", queue=queue, error=repr(error))

    broker.subscriber(
        RabbitQueue(dead_letter_queue, queue_type=QueueType.QUORUM, durable=True, declare=False),
        channel=Channel(prefetch_count=1),
        ack_policy=AckPolicy.MANUAL,
        decoder=as_it_is,
        no_reply=True,
    )(take)
