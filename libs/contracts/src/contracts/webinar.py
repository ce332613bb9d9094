"""The webinar: its states, its fields, and the snapshot that Core announces."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.base import UUID, Fact, OpaqueId, Snapshot, UtcTime, Value


class WebinarStatus(StrEnum):
    """`draft` → `scheduled` → `live` ⇄ `paused` → `finished` → `archived`."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    LIVE = "live"
    PAUSED = "paused"
    FINISHED = "finished"
    ARCHIVED = "archived"


class CtaVisibility(StrEnum):
    """Whether the call to action is shown; `hidden` at first."""

    HIDDEN = "hidden"
    VISIBLE = "visible"


class StreamType(StrEnum):
    """Where the stream runs: in frames of the room, or on an outside platform in a tab of its own."""

    EMBED = "embed"
    ZOOM = "zoom"
    TELEGRAM = "telegram"


class OnAirWindow(Value):
    """One stretch of time on air; `to` is absent while it lasts."""

    from_: UtcTime = Field(alias="from")
    to: UtcTime | None = None


class StatusContext(Value):
    """Who asked for a change of status or of the CTA, and why."""

    source: Literal["desk", "system"]
    actor_id: OpaqueId | None = None
    reason: str | None = Field(default=None, max_length=500)


class WebinarFields(Value):
    """The fields that a person sets, with their defaults (`contracts.md`, "The webinar")."""

    title: str = Field(default="", max_length=200, description="1 to 200 characters once published")
    description: str = Field(default="", max_length=5000, description="plain text")
    speaker_id: OpaqueId | None = Field(default=None, description="an account with `webinar_manage`")
    scheduled_at: UtcTime | None = Field(default=None, description="when it is to begin; set once published")
    time_zone: str = Field(default="UTC", max_length=64, description="the IANA zone it was planned in")
    duration_minutes: Annotated[int, Field(ge=5, le=600)] = 60
    poster_url: str | None = Field(default=None, max_length=2000, description="https")
    recording_url: str | None = Field(default=None, max_length=2000, description="https")
    player_src: str | None = Field(default=None, max_length=2000, description="https on the list of frame hosts")
    chat_src: str | None = Field(default=None, max_length=2000, description="https on the list of frame hosts")
    stream_type: StreamType = StreamType.EMBED
    cta_text: str = Field(default="", max_length=80)
    cta_link: str = Field(default="", max_length=2000, description="https or a path; empty leads to the partner")
    completion_percent: Annotated[int, Field(ge=1, le=100)] = 70
    overrun_minutes: Annotated[int, Field(ge=5, le=720)] = Field(
        default=60, description="minutes past the planned end after which Core stops by itself"
    )


class WebinarEvent(WebinarFields, Snapshot):
    """The whole webinar, announced after every change: the only source of status and schedule."""

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: UUID
    version: int = Field(description="only grows")
    status: WebinarStatus
    cta_visibility: CtaVisibility = CtaVisibility.HIDDEN
    cancelled: bool = False
    created_at: UtcTime
    owner_id: OpaqueId
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None
    on_air: tuple[OnAirWindow, ...] = Field(default=(), description="every window on air so far; pauses are the holes")
    automatic_stop_at: UtcTime | None = Field(
        default=None, description="while live or paused: when Core stops it by itself"
    )


class WebinarStarted(Fact):
    """A webinar went on air for the first time."""

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: UUID
    started_at: UtcTime
    context: StatusContext


class WebinarFinished(Fact):
    """A webinar has ended for good."""

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: UUID
    finished_at: UtcTime
    context: StatusContext
