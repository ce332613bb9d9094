"""When a webinar was to be on air, and when it was."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache

from contracts import WebinarEvent

from tracker.domain.windows import FAR, Window, common


@dataclass(frozen=True, slots=True)
class Versions:
    """Between which versions of a webinar something happened: the highest heard `without` it, the lowest `with_` it.

    Snapshots may be passed over (only the newest of those in hand is read), so the version that brought the change is
    not always among those heard.
    """

    without: int = 0
    with_: int | None = None

    def hearing(self, version: int, *, happened: bool) -> "Versions":
        """Return what is known after a snapshot of `version` that says whether it had happened."""
        if not happened:
            return Versions(max(self.without, version), self.with_)
        return Versions(self.without, version if self.with_ is None else min(self.with_, version))

    def first(self, moment: datetime) -> int | None:
        """Return the lowest version that can know of what happened at `moment`; `None` while it has not.

        A version is never below the milliseconds since 1970 at which it was made, so one from `moment` on knows of it.
        """
        if self.with_ is None:
            return None
        return max(self.without + 1, min(self.with_, int(moment.timestamp() * 1000)))


@dataclass(frozen=True, slots=True)
class Airing:
    """The plan of a webinar and what became of it, as the newest snapshot says; `on_air` holds `[from, to]` pairs."""

    scheduled_at: datetime | None
    duration: timedelta
    completion_percent: int
    started_at: datetime | None = None
    finished_at: datetime | None = None
    on_air: tuple[tuple[datetime, datetime | None], ...] = ()
    start_versions: Versions = Versions()
    finish_versions: Versions = Versions()

    @property
    def is_live_or_paused(self) -> bool:
        return self.started_at is not None and self.finished_at is None

    def windows(self, now: datetime = FAR) -> tuple[Window, ...]:
        """Return the time on air, that which lasts still until `now`; nothing of it lies after the finish."""
        return _windows(self.on_air, now if self.finished_at is None else self.finished_at)

    def base(self, now: datetime = FAR) -> tuple[Window, ...]:
        """Return the time on air that a participant is measured by.

        It begins with the later of start and plan and lasts for the planned length, so that an early sound check, an
        overrun or a late stop makes nobody absent; where none of it was on air, the whole time on air counts.
        """
        on_air = self.windows(now)
        if self.started_at is None:
            return on_air
        begin = max(self.started_at, self.scheduled_at or self.started_at)
        return common(on_air, (Window(begin, begin + self.duration),)) or on_air

    def first_moment_on_air(self, connected: Window) -> datetime | None:
        """Return the first moment on air within `connected`, which may be a mere point; `None` if there is none."""
        for window in self.windows():
            if connected.start < window.end and connected.end >= window.start:
                return max(connected.start, window.start)
        return None

    def is_on_air(self, moment: datetime) -> bool:
        """Whether `moment` lies on air, its last moment included."""
        return any(window.start <= moment <= window.end for window in self.windows())


# The same for each of a crowd.
@lru_cache(maxsize=64)
def _windows(on_air: tuple[tuple[datetime, datetime | None], ...], end_of_all: datetime) -> tuple[Window, ...]:
    return tuple(Window(start, end) for start, to in on_air if start < (end := min(to or end_of_all, end_of_all)))


@dataclass(frozen=True, slots=True)
class Known:
    """A webinar as far as its snapshots were heard: `airing` is that of the highest version."""

    version: int
    airing: Airing


def after_hearing(known: Known | None, event: WebinarEvent) -> Known:
    """Return what is known after a snapshot, whether it is newer than those before or older."""
    start_versions, finish_versions = Versions(), Versions()
    if known is not None:
        start_versions, finish_versions = known.airing.start_versions, known.airing.finish_versions
    start_versions = start_versions.hearing(event.version, happened=event.started_at is not None)
    finish_versions = finish_versions.hearing(event.version, happened=event.finished_at is not None)
    if known is not None and known.version >= event.version:
        airing = replace(known.airing, start_versions=start_versions, finish_versions=finish_versions)
        return Known(known.version, airing)
    airing = Airing(
        scheduled_at=event.scheduled_at,
        duration=timedelta(minutes=event.duration_minutes),
        completion_percent=event.completion_percent,
        started_at=event.started_at,
        finished_at=event.finished_at,
        on_air=tuple((window.from_, window.to) for window in event.on_air),
        start_versions=start_versions,
        finish_versions=finish_versions,
    )
    return Known(event.version, airing)


def closing(airing: Airing, finished_at: datetime, *, margin: timedelta) -> Window:
    """Return the time before the stop in which one has to be there: `margin`, at most a tenth of the time on air."""
    tenth = sum((w.end - w.start for w in airing.windows()), timedelta()) / 10
    return Window(finished_at - min(margin, tenth), finished_at)


def bridge_of(intervals: Sequence[timedelta]) -> timedelta:
    """Return the longest silence that is no gap: three of the longest presence interval in use."""
    return 3 * max(intervals, default=timedelta(seconds=5))
