"""The webinar: what is known of it, its windows on air, its versions, and how it is announced."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

from contracts import CtaVisibility, CtaWindow, OnAirWindow, StreamType, WebinarEvent, WebinarStatus

SETTABLE = (
    "title",
    "description",
    "speaker_id",
    "time_zone",
    "scheduled_at",
    "duration_minutes",
    "poster_url",
    "recording_url",
    "stream_type",
    "player_src",
    "chat_src",
    "cta_text",
    "cta_link",
    "completion_percent",
    "overrun_minutes",
)
"""What a person sets, in the order in which it is looked at: a zone before its time."""

CONTESTED = (*SETTABLE, "cancelled")
"""What two people may change at the same time: the version of each one's last change is kept."""

AUDITED = ("owner_id", *CONTESTED, "status", "cta_visibility", "started_at", "finished_at")
"""What the audit trail tells of."""

ON_AIR = frozenset({WebinarStatus.LIVE, WebinarStatus.PAUSED})

ARCHIVED_AFTER = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of time, on air or with the call to action shown; `end` is `None` while it lasts."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class Webinar:
    """A webinar as it is at `version`; times are aware and in UTC."""

    webinar_id: UUID
    version: int
    created_at: datetime
    owner_id: str
    status: WebinarStatus = WebinarStatus.DRAFT
    cta_visibility: CtaVisibility = CtaVisibility.HIDDEN
    cancelled: bool = False
    started_at: datetime | None = None
    finished_at: datetime | None = None
    on_air: tuple[Window, ...] = ()
    cta_windows: tuple[Window, ...] = ()
    title: str = ""
    description: str = ""
    speaker_id: str | None = None
    scheduled_at: datetime | None = None
    time_zone: str = "UTC"
    duration_minutes: int = 60
    poster_url: str | None = None
    recording_url: str | None = None
    player_src: str | None = None
    chat_src: str | None = None
    stream_type: StreamType = StreamType.EMBED
    cta_text: str = ""
    cta_link: str = ""
    completion_percent: int = 70
    overrun_minutes: int = 60
    field_versions: Mapping[str, int] = field(default_factory=dict)
    """For each of `CONTESTED`: the version of its last change."""

    @property
    def planned_end(self) -> datetime | None:
        """When it is to end: its length after the planned time, and never less than its length after the start."""
        begins = [moment for moment in (self.scheduled_at, self.started_at) if moment is not None]
        return max(begins) + timedelta(minutes=self.duration_minutes) if begins else None

    @property
    def automatic_stop_at(self) -> datetime | None:
        """While it is on air or paused: when Core stops it by itself."""
        if self.status not in ON_AIR or self.planned_end is None:
            return None
        return self.planned_end + timedelta(minutes=self.overrun_minutes)

    @property
    def archive_at(self) -> datetime | None:
        """While it is finished: when Core archives it by itself."""
        if self.status is not WebinarStatus.FINISHED or self.finished_at is None:
            return None
        return self.finished_at + ARCHIVED_AFTER

    def not_before(self, now: datetime) -> datetime:
        """Return `now`, or the last border of a window on air where that is later.

        A transaction reads the clock before it waits for the webinar's row, so that the one that comes second
        may hold the earlier time.
        """
        return _not_before(now, self.on_air)

    def cta_not_before(self, now: datetime) -> datetime:
        """Return `now`, or the last border of a window with the call to action where that is later."""
        return _not_before(now, self.cta_windows)

    def changed_since(self, version: int) -> frozenset[str]:
        """Return which of the contested fields were changed after `version`."""
        return frozenset(name for name in CONTESTED if self.field_versions.get(name, self.version) > version)

    def revised(self, now: datetime, **changes: Any) -> Self:
        """Return the webinar with `changes` under its next version, or itself where they change nothing."""
        fresh = replace(self, **changes)
        if fresh == self:
            return self
        version = next_version(self.version, now)
        changed = {name: version for name in CONTESTED if getattr(fresh, name) != getattr(self, name)}
        return replace(fresh, version=version, field_versions={**self.field_versions, **changed})

    def as_event(self) -> WebinarEvent:
        """Return the snapshot that every service hears."""
        told = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "field_versions"}
        told["on_air"] = tuple(OnAirWindow(from_=window.start, to=window.end) for window in self.on_air)
        told["cta_windows"] = tuple(CtaWindow(from_=window.start, to=window.end) for window in self.cta_windows)
        return WebinarEvent(**told, automatic_stop_at=self.automatic_stop_at)


def _not_before(now: datetime, windows: tuple[Window, ...]) -> datetime:
    borders = [moment for window in windows[-1:] for moment in (window.start, window.end) if moment is not None]
    return max([now, *borders])


def next_version(previous: int, now: datetime) -> int:
    """Return a version that is greater than `previous`, even where a restored database has forgotten some."""
    return max(previous + 1, int(now.timestamp() * 1000))


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one webinar, before and after; `before` is `None` when the webinar is new."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Decision:
    """What a granted wish makes of a webinar; `before` is `None` when it creates one."""

    before: Webinar | None
    after: Webinar

    @property
    def is_effective(self) -> bool:
        return self.before is None or self.before.version != self.after.version

    @property
    def started(self) -> bool:
        """Whether the webinar went on air for the first time by this."""
        return self.after.started_at is not None and (self.before is None or self.before.started_at is None)

    @property
    def finished(self) -> bool:
        """Whether the webinar ended by this."""
        return self.after.finished_at is not None and (self.before is None or self.before.finished_at is None)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What is different, field by field; of a new webinar everything that is not left empty."""
        if self.before is None:
            values = ((name, getattr(self.after, name)) for name in AUDITED)
            return tuple(Change(name, None, value) for name, value in values if value not in {None, "", False})
        return tuple(
            Change(name, getattr(self.before, name), getattr(self.after, name))
            for name in AUDITED
            if getattr(self.before, name) != getattr(self.after, name)
        )
