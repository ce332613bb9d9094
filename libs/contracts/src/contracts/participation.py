"""Facts of participation: from a page that is open to a verdict."""

from enum import StrEnum
from typing import ClassVar, Literal
from uuid import uuid5

from pydantic import Field

from contracts.base import UUID, Fact, OpaqueId, Signal, Snapshot, UtcTime, Value

SESSION_NAMESPACE = UUID("0d6bd7c1-6f1f-5c43-9d2c-6a1df4c3b0f5")
"""The namespace of every `session_id`; a constant of the contracts, never to be changed."""


def session_id_of(lead_id: str, webinar_id: UUID) -> UUID:
    """Return the session of this lead in this webinar: UUIDv5 of `<webinar_id>/<lead_id>` in `SESSION_NAMESPACE`.

    Two tabs, a phone beside a laptop and a reconnect are one session, whoever works it out.
    """
    return uuid5(SESSION_NAMESPACE, f"{webinar_id}/{lead_id}")


class CompletedBy(StrEnum):
    """What made a participation complete."""

    FINISH = "finish"
    PRESENT_AT_STOP = "present_at_stop"
    WATCHED_ENOUGH = "watched_enough"


class ClientWebinarEntered(Fact):
    """A participant's page was connected while live and had been visible since the start. Once per session."""

    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: OpaqueId
    webinar_id: UUID
    session_id: UUID
    webinar_type: Literal["live"] = "live"
    timestamp: UtcTime


class _Completion(Fact):
    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: OpaqueId
    webinar_id: UUID
    webinar_type: Literal["live"] = "live"
    session_id: UUID
    completed_at: UtcTime
    completed_by: CompletedBy
    watched_seconds: int = Field(ge=0)
    base_seconds: int = Field(ge=0)


class ClientWebinarCompleted(_Completion):
    """A session was completed. Once per session, never without having entered."""


class WebinarCompleted(_Completion):
    """Per participant: the normalised form of `client_webinar_completed`, announced in the same transaction."""


class ClientWebinarAttendanceEvaluate(Fact):
    """The webinar is over and this lead entered and never completed."""

    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: OpaqueId
    webinar_id: UUID
    session_id: UUID
    watched_seconds: int = Field(ge=0)
    base_seconds: int = Field(ge=0)


class ClientWebinarAttendanceClassified(Fact):
    """The one verdict on this lead in this webinar."""

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    attended: bool
    timestamp: UtcTime
    reason: str = Field(max_length=64, description="`finish`, `present_at_stop`, `watched_enough` or `not_completed`")
    watched_seconds: int = Field(ge=0)
    base_seconds: int = Field(ge=0)
    watched_percent: int = Field(ge=0, le=100)
    rule_version: int = Field(ge=1)


class UserAttended(Fact):
    """The conversion fact beside `attended: true`."""

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    timestamp: UtcTime


class WatchedWindow(Value):
    """One stretch of watching, cut to the time on air."""

    from_: UtcTime = Field(alias="from")
    to: UtcTime


class ParticipationEvent(Snapshot):
    """How much one lead has watched so far, and the windows behind the figure; `final` after the stop."""

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    version: int
    watched_seconds: int = Field(ge=0)
    base_seconds: int = Field(ge=0)
    windows: tuple[WatchedWindow, ...] = ()
    completed_by: CompletedBy | None = None
    final: bool = False


class _CtaFact(Fact):
    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    at: UtcTime


class CtaShown(_CtaFact):
    """The call to action was sent to a page of this lead. Once per lead and webinar."""


class CtaClicked(_CtaFact):
    """This lead followed the call to action. Once per lead and webinar."""


class PresenceEntry(Value):
    """One account on one room-ui instance: connected since when without a break, until when (absent: still)."""

    account_id: OpaqueId
    host: bool = Field(default=False, description="does not participate; the tracker passes it by")
    since: UtcTime
    until: UtcTime | None = None
    seen: bool = Field(default=False, description="the page was visible at least once since the start (or the opening)")


class RoomPresence(Signal):
    """Who is in a room, as one room-ui instance knows it: facts about the past, absence from them means nothing."""

    meaning: ClassVar[tuple[str, ...]] = ("instance_id", "webinar_id", "round", "part")

    webinar_id: UUID
    instance_id: str = Field(min_length=1, max_length=128)
    round: int = Field(ge=0)
    part: int = Field(ge=0, description="counted from 0")
    parts: int = Field(ge=1)
    at: UtcTime
    interval_seconds: int = Field(ge=1, description="how often this instance reports")
    webinar_version: int = Field(ge=0, description="the version of the webinar that the instance had heard of")
    entries: tuple[PresenceEntry, ...] = Field(default=(), max_length=1000)


class RoomFinish(Fact):
    """A participant pressed "finish" in the room."""

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    at: UtcTime
