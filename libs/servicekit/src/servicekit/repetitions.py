"""Log lines that an outage repeats every second: a few at its beginning, then one a minute."""

import logging
import time
from collections.abc import Callable

_AT_FIRST = 5
_SECONDS = 60.0
_MOST_KINDS = 1000
_LIBRARIES = ("aio_pika", "aiormq", "opentelemetry")
_OF_AN_OUTAGE = {
    "broker.does_not_confirm",
    "broker.gone",
    "broker.waiting",
    "database.does_not_answer",
    "database.does_not_write",
    "database.waiting",
    "receiving.cancel_failed",
    "receiving.still_away",
    "relay.interrupted",
    "relay.refuses_all",
    "topology.missing",
}


class Repetitions(logging.Filter):
    """Lets through the first lines of a kind, and afterwards one a minute with how many it stands for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[tuple[str, ...], tuple[float, int, int]] = {}
        """By kind of line: when one was last let through, how many were let through, how many not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        kind = _kind_of(record)
        if kind is None:
            return True
        now = self._clock()
        at, said, unsaid = self._said.get(kind, (now, 0, 0))
        if now - at >= 2 * _SECONDS:
            # Nothing of it for long: another outage.
            said = unsaid = 0
        if said >= _AT_FIRST and now - at < _SECONDS:
            self._said[kind] = (at, said, unsaid + 1)
            return False
        if len(self._said) >= _MOST_KINDS:
            self._said.clear()
        self._said[kind] = (now, said + 1, 0)
        if unsaid and isinstance(record.msg, dict):
            record.msg["unsaid"] = unsaid
        return True


def _kind_of(record: logging.LogRecord) -> tuple[str, ...] | None:
    """Return what makes two lines the same for whoever reads them; None for lines that are all to be read."""
    if isinstance(record.msg, dict):
        event = str(record.msg.get("event", ""))
        return (event, str(record.msg.get("queue", ""))) if event in _OF_AN_OUTAGE else None
    # The template, before what differs from time to time is filled in.
    return (record.name, str(record.msg)) if record.name.startswith(_LIBRARIES) else None
