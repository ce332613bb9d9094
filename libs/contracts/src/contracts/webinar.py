"""The webinar: its states, its fields, and the snapshot that Core announces."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.base import Fact, OpaqueId, Snapshot, UtcTime, Value, Version, WebinarId


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

    from_: UtcTime = Field(alias="from", description="when it went on air")
    to: UtcTime | None = Field(default=None, description="when it left the air; absent while it lasts")


class CtaWindow(Value):
    """One stretch of time in which the call to action was shown; `to` is absent while it is shown still."""

    from_: UtcTime = Field(alias="from", description="when it was shown")
    to: UtcTime | None = Field(default=None, description="when it was hidden; absent while it is shown still")


class StatusContext(Value):
    """Who asked for a change of status or of the CTA, and why."""

    source: Literal["desk", "system"] = Field(description="a person at the desk, or Core itself or an operator")
    actor_id: OpaqueId | None = Field(default=None, description="the account of that person")
    reason: str | None = Field(default=None, max_length=500, description="words for the audit trail")


class WebinarFields(Value):
    """The fields that a person sets, with their defaults (`contracts.md`, "The webinar")."""

    title: str = Field(default="", max_length=200, description="1 to 200 characters once published")
    description: str = Field(default="", max_length=5000, description="plain text")
    speaker_id: OpaqueId | None = Field(default=None, description="an account with `webinar_manage`")
    scheduled_at: UtcTime | None = Field(default=None, description="when it is to begin; set once published")
    time_zone: str = Field(default="UTC", max_length=64, description="the IANA zone it was planned in")
    duration_minutes: Annotated[int, Field(ge=5, le=600, description="the planned length, minutes")] = 60
    poster_url: str | None = Field(default=None, max_length=2000, description="https")
    recording_url: str | None = Field(default=None, max_length=2000, description="https")
    player_src: str | None = Field(default=None, max_length=2000, description="https on the list of frame hosts")
    chat_src: str | None = Field(default=None, max_length=2000, description="https on the list of frame hosts")
    stream_type: StreamType = Field(default=StreamType.EMBED, description="frames of the room, or an outside platform")
    cta_text: str = Field(default="", max_length=80, description="the words on the call to action")
    cta_link: str = Field(default="", max_length=2000, description="https or a path; empty leads to the partner")
    completion_percent: Annotated[
        int, Field(ge=1, le=100, description="how much of the base must be watched to complete, percent")
    ] = 70
    overrun_minutes: Annotated[int, Field(ge=5, le=720)] = Field(
        default=60, description="minutes past the planned end after which Core stops by itself"
    )


class WebinarEvent(WebinarFields, Snapshot):
    """The whole webinar: the only source of its status, its times and its schedule.

    When: after every change of a webinar, and again when `snapshot_requested` asks for it. Drafts are announced too.
    Guarantees: the whole webinar each time; `version` only grows; `started_at` and `finished_at` never change once set;
    `on_air` and `cta_windows` hold every window so far. `player_src` and `chat_src` are for those who may join: do not
    pass them on.
    """

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: WebinarId
    version: Version
    status: WebinarStatus = Field(description="`draft` → `scheduled` → `live` ⇄ `paused` → `finished` → `archived`")
    cta_visibility: CtaVisibility = Field(
        default=CtaVisibility.HIDDEN, description="whether the call to action is shown in the room"
    )
    cancelled: bool = Field(default=False, description="called off; it cannot start unless restored")
    created_at: UtcTime = Field(description="when it was first saved")
    owner_id: OpaqueId = Field(description="the account that created it")
    started_at: UtcTime | None = Field(default=None, description="when it first went on air")
    finished_at: UtcTime | None = Field(default=None, description="when it ended for good")
    on_air: tuple[OnAirWindow, ...] = Field(default=(), description="every window on air so far; pauses are the holes")
    cta_windows: tuple[CtaWindow, ...] = Field(
        default=(), description="every window so far in which the call to action was shown, on air or not"
    )
    automatic_stop_at: UtcTime | None = Field(
        default=None, description="while live or paused: when Core stops it by itself"
    )


class WebinarStarted(Fact):
    """A webinar went on air for the first time.

    When: at the start, together with the `webinar_event` that says `live`. A pause and its end are not told here.
    Guarantees: once per webinar; `started_at` is the one in `webinar_event`.
    """

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: WebinarId
    started_at: UtcTime = Field(description="when it first went on air")
    context: StatusContext = Field(description="who started it")


class WebinarFinished(Fact):
    """A webinar has ended for good.

    When: at the stop, by a person or by Core itself, together with the `webinar_event` that says `finished`.
    Guarantees: once per webinar; `finished_at` never changes. The outcomes of its participants follow within about
    half a minute.
    """

    meaning: ClassVar[tuple[str, ...]] = ("webinar_id",)

    webinar_id: WebinarId
    finished_at: UtcTime = Field(description="when it ended")
    context: StatusContext = Field(description="who stopped it")
