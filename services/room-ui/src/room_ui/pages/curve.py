"""How many were in the room, moment by moment: exact, from the windows in which each was watching; pure.

The curve changes at every moment at which somebody came or left. Only its drawing is reduced, to what a screen shows.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from itertools import pairwise

WIDTH, HEIGHT = 1000, 100
"""The drawing's own measures; the page stretches it."""
COLUMNS = 500
"""So many places the drawing tells apart from left to right."""
MOST_TICKS = 7

_TICK_MINUTES = (1, 2, 5, 10, 15, 20, 30, 60, 120, 240)
_TOPS = (1, 2, 4, 6, 8)
_MINUTE = timedelta(minutes=1)
_BEFORE = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """The time from `start` to `end`, both aware."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on, until the next step, `present` people were there."""

    at: datetime
    present: int


@dataclass(frozen=True, slots=True)
class Bar:
    """A window on the drawing: where it begins and how wide it is, percent of the width."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Level:
    """A number of people on the upright axis; `y` is percent of the height, from the top."""

    present: int
    y: float


class Mark(StrEnum):
    """What happened at a moment."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    SHOWN = "shown"
    HIDDEN = "hidden"
    PEAK = "peak"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment with its minute since the start, where it stands (percent of the width), and who was there."""

    at: datetime
    minute: int
    x: float
    present: int
    marks: tuple[Mark, ...] = ()


def steps_of(watched: Iterable[Window]) -> tuple[Step, ...]:
    """Return the step function of how many watch, from its first change to its last; empty where nobody watched."""
    changes: defaultdict[datetime, int] = defaultdict(int)
    for window in watched:
        if window.start < window.end:
            changes[window.start] += 1
            changes[window.end] -= 1
    steps: list[Step] = []
    present = 0
    for at in sorted(changes):
        if changes[at]:
            present += changes[at]
            steps.append(Step(at, present))
    return tuple(steps)


def common(first: Iterable[Window], second: Sequence[Window]) -> tuple[Window, ...]:
    """Return the time that is in a window of each, in order; the windows of one list do not overlap."""
    both = (Window(max(a.start, b.start), min(a.end, b.end)) for a in first for b in second)
    return tuple(sorted(window for window in both if window.start < window.end))


def bars(windows: Iterable[Window], begin: datetime, end: datetime) -> tuple[Bar, ...]:
    """Return the windows as they stand between `begin` and `end`; what lies outside is cut off."""
    if begin >= end:
        return ()
    length = end - begin
    return tuple(
        Bar(round((window.start - begin) / length * 100, 2), round((window.end - window.start) / length * 100, 2))
        for window in common(windows, (Window(begin, end),))
    )


def top_of(peak: int) -> int:
    """Return the even number (or 1) that the upright axis ends with: `peak` or a little more."""
    scale = 1
    while True:
        for top in _TOPS:
            if top * scale >= peak:
                return top * scale
        scale *= 10


@dataclass(frozen=True)
class Curve:
    """The curve of one webinar from its start to `end`: its stop, or the present moment while it is not over."""

    begin: datetime
    end: datetime
    is_over: bool
    time_zone: str
    steps: tuple[Step, ...]
    on_air: tuple[Window, ...]
    cta: tuple[Window, ...]
    """When the call to action was shown, cut to the time between start and end."""

    @cached_property
    def _moments(self) -> list[datetime]:
        return [step.at for step in self.steps]

    def present_at(self, moment: datetime) -> int:
        """Return how many were there at a moment."""
        place = bisect_right(self._moments, moment)
        return self.steps[place - 1].present if place else 0

    @cached_property
    def peak(self) -> int:
        return max((step.present for step in self.steps), default=0)

    def work_out(self) -> None:
        """Work out now what is asked for later: all that takes longer the more people there were."""
        for name, value in vars(type(self)).items():
            if isinstance(value, cached_property):
                getattr(self, name)

    @cached_property
    def peak_at(self) -> datetime | None:
        """When the peak was reached first."""
        peak = self.peak
        return next((step.at for step in self.steps if step.present == peak), None)

    @property
    def watched(self) -> timedelta:
        """How long all of them watched together."""
        spans = ((following.at - step.at) * step.present for step, following in pairwise(self.steps))
        return sum(spans, timedelta())

    @cached_property
    def average(self) -> float:
        """How many were there on average while it was on air."""
        length = sum((window.end - window.start for window in self.on_air), timedelta())
        return self.watched / length if length else 0.0

    @property
    def pauses(self) -> tuple[Window, ...]:
        """The time between start and end that was not on air."""
        borders = [self.begin, *(at for window in self.on_air for at in (window.start, window.end)), self.end]
        found = (Window(*borders[place : place + 2]) for place in range(0, len(borders), 2))
        return tuple(window for window in found if window.start < window.end)

    def bars(self, windows: Iterable[Window]) -> tuple[Bar, ...]:
        """Return windows as they stand on the drawing."""
        return bars(windows, self.begin, self.end)

    @cached_property
    def top(self) -> int:
        return top_of(self.peak)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The lines across the drawing, from the top."""
        presents = dict.fromkeys((self.top, self.top // 2, 0))
        return tuple(Level(present, self._y(present)) for present in presents)

    def _x(self, moment: datetime) -> float:
        length = self.end - self.begin
        return min(1.0, max(0.0, (moment - self.begin) / length)) if length else 0.0

    def _y(self, present: int) -> float:
        return round((1 - present / self.top) * 100, 2)

    @property
    def ticks(self) -> tuple[Moment, ...]:
        """The moments that the axis names: every so many whole minutes since the start."""
        minutes = int((self.end - self.begin) / _MINUTE)
        every = next((each for each in _TICK_MINUTES if minutes // each < MOST_TICKS), minutes)
        return tuple(self._moment(self.begin + minute * _MINUTE) for minute in range(0, minutes + 1, every))

    @property
    def moments(self) -> tuple[Moment, ...]:
        """What is to be told in words: the moments of the axis, and those at which something happened."""
        marks: defaultdict[datetime, list[Mark]] = defaultdict(list)
        for mark, at in self._happened():
            marks[at].append(mark)
        for tick in self.ticks:
            marks.setdefault(tick.at, [])
        return tuple(self._moment(at, marks) for at in sorted(marks))

    def _happened(self) -> Iterable[tuple[Mark, datetime]]:
        yield Mark.START, self.begin
        for pause in self.pauses:
            yield Mark.PAUSE, pause.start
            if pause.end < self.end:
                yield Mark.RESUME, pause.end
        for window in self.cta:
            yield Mark.SHOWN, window.start
            if window.end < self.end:
                yield Mark.HIDDEN, window.end
        if self.peak_at is not None:
            yield Mark.PEAK, self.peak_at
        if self.is_over:
            yield Mark.STOP, self.end

    def _moment(self, at: datetime, marks: Mapping[datetime, Sequence[Mark]] | None = None) -> Moment:
        found = tuple((marks or {}).get(at, ()))
        # Everybody's windows end with the time on air; what is asked is who was there until then.
        is_last = at >= self.end or Mark.PAUSE in found
        present = self.present_at(min(at, self.end) - _BEFORE if is_last else at)
        return Moment(at, int((at - self.begin) / _MINUTE), round(self._x(at) * 100, 2), present, found)

    @cached_property
    def line(self) -> str:
        """The curve as the `d` of an SVG path on `WIDTH` by `HEIGHT`."""
        path = [f"M0 {self._height(self.present_at(self.begin))}"]
        for place, present in reduced([(self._x(step.at), step.present) for step in self.steps]):
            path.append(f"H{place * WIDTH:g}V{self._height(present)}")
        return "".join(path) + f"H{WIDTH}"

    @property
    def area(self) -> str:
        """What lies below the curve, as the `d` of an SVG path."""
        return f"{self.line}V{HEIGHT}H0Z"

    def _height(self, present: int) -> str:
        return f"{self._y(present) * HEIGHT / 100:g}"


def reduced(points: Iterable[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Return of the points in each of `COLUMNS` the first, the lowest, the highest and the last, as they follow.

    `points` are in order: how far along (0 to 1), and how many there.
    """
    columns: defaultdict[int, list[int]] = defaultdict(list)
    for place, present in points:
        columns[round(place * COLUMNS)].append(present)
    kept: list[tuple[float, int]] = []
    for column, presents in columns.items():
        lowest, highest = presents.index(min(presents)), presents.index(max(presents))
        chosen = sorted({0, lowest, highest, len(presents) - 1})
        kept += [(column / COLUMNS, presents[place]) for place in chosen]
    return tuple(kept)
