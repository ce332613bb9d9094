"""Stretches of time and what can be done with them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FAR = datetime.max.replace(tzinfo=UTC)
"""The end of what has not ended."""

NOTHING = timedelta()


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The time from `start` to `end`, both aware; `start <= end`."""

    start: datetime
    end: datetime


def united(windows: Iterable[Window], *, bridge: timedelta = NOTHING) -> tuple[Window, ...]:
    """Return the windows in order, overlapping ones as one, and so those with a gap of at most `bridge` between."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start - result[-1].end <= bridge:
            if window.end > result[-1].end:
                result[-1] = Window(result[-1].start, window.end)
        else:
            result.append(window)
    return tuple(result)


def common(first: Sequence[Window], second: Sequence[Window]) -> tuple[Window, ...]:
    """Return the time that is in both; each is in order and without overlaps, as `united` returns it."""
    result: list[Window] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start = max(first[i].start, second[j].start)
        end = min(first[i].end, second[j].end)
        if start < end:
            result.append(Window(start, end))
        if first[i].end < second[j].end:
            i += 1
        else:
            j += 1
    return tuple(result)


def length(windows: Iterable[Window]) -> timedelta:
    """Return how long the windows are together."""
    return sum((window.end - window.start for window in windows), NOTHING)


def until(windows: Sequence[Window], moment: datetime) -> tuple[Window, ...]:
    """Return what of the windows lies before `moment`."""
    return tuple(Window(w.start, min(w.end, moment)) for w in windows if w.start < moment)


def moment_reached(windows: Iterable[Window], span: timedelta) -> datetime | None:
    """Return when the windows have lasted for `span` together; `None` if they never do."""
    for window in windows:
        lasted = window.end - window.start
        if lasted >= span:
            return window.start + span
        span -= lasted
    return None
