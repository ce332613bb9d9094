"""What an outage repeats: said at first, then once a minute; everything else is said always."""

import logging

from servicekit.repetitions import Repetitions


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def said(repetitions: Repetitions, event: str, times: int = 1) -> list[logging.LogRecord]:
    """Return the lines that are let through of so many."""
    fields = [{"event": event} for _ in range(times)]
    records = [logging.LogRecord("servicekit", logging.WARNING, "", 0, one, None, None) for one in fields]
    return [record for record in records if repetitions.filter(record)]


def test_what_an_outage_repeats_is_said_five_times_and_then_once_a_minute_with_how_often() -> None:
    clock = Clock()
    repetitions = Repetitions(clock)
    assert len(said(repetitions, "relay.interrupted", 100)) == 5
    assert len(said(repetitions, "broker.waiting", 100)) == 5, "each kind by itself"
    clock.now = 61
    [line] = said(repetitions, "relay.interrupted", 50)
    assert line.msg == {"event": "relay.interrupted", "unsaid": 95}
    clock.now = 181
    assert len(said(repetitions, "relay.interrupted", 50)) == 5, "after a quiet time it is another outage"


def test_what_tells_of_messages_is_always_said() -> None:
    repetitions = Repetitions(Clock())
    for event in ("message.delayed", "message.dead", "batch.committed", "relay.refused"):
        assert len(said(repetitions, event, 100)) == 100
