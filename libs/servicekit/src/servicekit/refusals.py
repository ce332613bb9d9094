"""What the broker does not take now: how long a row waits, and routing keys that lead to a queue without room."""

from dataclasses import dataclass

import aiormq.exceptions
from pamqp.commands import Basic

from servicekit.logs import get_logger

log = get_logger(__name__)

_LONGEST_WAIT_SECONDS = 5.0

Way = tuple[str, str]
"""An exchange and a routing key."""


@dataclass(frozen=True)
class Refusal:
    """The last time that the broker refused a row."""

    times: int
    until: float
    """Until when, by the loop's time, the row waits."""
    confirmed: int
    """How many rows the broker had confirmed by then."""


def wait_after(times: int) -> float:
    """Return how long to wait after so many refusals: twice as long each time, up to a limit."""
    return min(2.0 ** min(times - 1, 16), _LONGEST_WAIT_SECONDS)


def tells_of_a_full_queue(outcome: BaseException) -> bool:
    """Whether the broker has no room for the message; nothing is wrong with it."""
    return isinstance(outcome, aiormq.exceptions.DeliveryError) and isinstance(outcome.frame, Basic.Nack)


class FullQueues:
    """Ways that end at a queue without room. Each is tried with its oldest row alone until that one is taken."""

    def __init__(self) -> None:
        self._times: dict[Way, int] = {}
        self._until: dict[Way, float] = {}

    def all(self) -> list[Way]:
        """Return the ways on which rows wait."""
        return list(self._until)

    def to_be_tried(self, now: float) -> list[Way]:
        """Return the ways that have waited long enough for a try."""
        return [way for way, until in self._until.items() if until <= now]

    def refused(self, way: Way, now: float) -> None:
        """A row was not taken."""
        times = self._times[way] = self._times.get(way, 0) + 1
        self._until[way] = now + wait_after(times)
        if times & (times - 1) == 0:
            # The first time and ever more seldom: it may last for hours.
            log.warning("relay.queue_full", exchange=way[0], routing_key=way[1], times=times)

    def taken(self, way: Way) -> None:
        """A row was taken."""
        if self._until.pop(way, None) is not None:
            log.info("relay.queue_has_room", exchange=way[0], routing_key=way[1], times=self._times.pop(way))
