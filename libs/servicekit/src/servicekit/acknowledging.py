"""Which deliveries of a channel are done with, so that many can be acknowledged by one frame and none by mistake."""

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from aiormq.exceptions import ChannelInvalidStateError

from servicekit.errors import BROKER_AWAY
from servicekit.logs import get_logger

log = get_logger(__name__)


class _Tags:
    """The delivery tags of one channel that are settled: all up to `low`, and some above it."""

    def __init__(self) -> None:
        self.low = 0
        self._above: set[int] = set()

    def add(self, tags: Iterable[int]) -> None:
        self._above.update(tags)
        while self.low + 1 in self._above:
            self.low += 1
            self._above.remove(self.low)


class Acknowledging:
    """Acknowledges and rejects; together only where everything up to that tag is settled, else singly."""

    def __init__(self) -> None:
        self._tags: WeakKeyDictionary[Any, _Tags] = WeakKeyDictionary()

    async def acknowledge(self, raws: Sequence[Any]) -> None:
        """Acknowledge deliveries; those whose channel is gone come again, and their effects are there already."""
        for channel, of_channel in self._by_channel(raws).items():
            tags = self._tags.setdefault(channel, _Tags())
            tags.add(raw.delivery_tag for raw in of_channel)
            covered = [raw for raw in of_channel if raw.delivery_tag <= tags.low]
            try:
                if covered:
                    await max(covered, key=lambda raw: raw.delivery_tag).ack(multiple=True)
                for raw in of_channel:
                    if raw.delivery_tag > tags.low:
                        await raw.ack()
            except BROKER_AWAY as error:
                log.info("receiving.not_acknowledged", error=repr(error))

    async def reject(self, raws: Sequence[Any]) -> None:
        """Give deliveries back to the queue; raises one of `BROKER_AWAY` when the channel is going."""
        for channel, of_channel in self._by_channel(raws).items():
            tags = self._tags.setdefault(channel, _Tags())
            for raw in of_channel:
                # Reject, not nack: every broker version counts it, so that nothing loops for ever.
                await raw.reject(requeue=True)
                tags.add([raw.delivery_tag])

    @staticmethod
    def _by_channel(raws: Sequence[Any]) -> dict[Any, list[Any]]:
        found: dict[Any, list[Any]] = {}
        for raw in raws:
            if not is_stale(raw):
                found.setdefault(raw.channel, []).append(raw)
        return found


def is_stale(raw: Any) -> bool:
    """Whether the delivery's channel is gone: the broker hands the message out again, to whomever."""
    try:
        return bool(raw.channel.is_closed)
    except ChannelInvalidStateError:
        return True
