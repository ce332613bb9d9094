"""Facts of participation: from a page that is open to a verdict."""

from enum import StrEnum
from typing import Annotated, ClassVar, Literal
from uuid import uuid5

from pydantic import Field

from contracts.base import (
    UUID,
    AccountId,
    BaseSeconds,
    Fact,
    LeadId,
    SessionId,
    Signal,
    Snapshot,
    UtcTime,
    Value,
    Version,
    WatchedSeconds,
    WebinarId,
)

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


WebinarType = Annotated[Literal["live"], Field(description="always `live`")]


class ClientWebinarEntered(Fact):
    """A participant came in: their page was connected while live and had been visible at least once since the start.

    When: a few seconds after the first such moment.
    Guarantees: once per session, never for hosts, never for a moment after the end.
    """

    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: LeadId
    webinar_id: WebinarId
    session_id: SessionId
    webinar_type: WebinarType = "live"
    timestamp: UtcTime = Field(description="the first moment on air at which they were there")


class _Completion(Fact):
    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: LeadId
    webinar_id: WebinarId
    webinar_type: WebinarType = "live"
    session_id: SessionId
    completed_at: UtcTime = Field(description="when it was complete")
    completed_by: CompletedBy = Field(description="what made it complete")
    watched_seconds: WatchedSeconds
    base_seconds: BaseSeconds
    watched_percent: int | None = Field(
        default=None, ge=0, le=100, description="how much of the base was watched, in whole percent"
    )


class ClientWebinarCompleted(_Completion):
    """A participant saw the webinar through.

    When: while live when "finish" was pressed and enough was watched by then, else within about half a minute after
    the stop.
    Guarantees: once per session, never without `client_webinar_entered`, never beside
    `client_webinar_attendance_evaluate`. The figures are those of that moment; the final ones follow the stop.
    """


class WebinarCompleted(_Completion):
    """The normalised form of `client_webinar_completed`: per participant, not per webinar.

    When: together with `client_webinar_completed`.
    Guarantees: once per session, with the same body.
    """


class ClientWebinarAttendanceEvaluate(Fact):
    """The webinar is over and this lead entered and never completed.

    When: within about half a minute after the stop.
    Guarantees: once per session; every lead who entered gets either this or `webinar_completed`, never both.
    """

    meaning: ClassVar[tuple[str, ...]] = ("session_id",)

    lead_id: LeadId
    webinar_id: WebinarId
    session_id: SessionId
    watched_seconds: WatchedSeconds
    base_seconds: BaseSeconds
    watched_percent: int | None = Field(
        default=None, ge=0, le=100, description="how much of the base was watched, in whole percent"
    )


class ClientWebinarAttendanceClassified(Fact):
    """The one verdict on this lead in this webinar: attended, or entered and did not attend.

    When: right after the participation was completed, or was found incomplete after the stop.
    Guarantees: once per lead and webinar; it never changes. Who never entered gets no verdict.
    """

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    attended: bool = Field(description="the verdict")
    timestamp: UtcTime = Field(description="when the participation was completed, or found incomplete")
    reason: str = Field(max_length=64, description="`finish`, `present_at_stop`, `watched_enough` or `not_completed`")
    watched_seconds: WatchedSeconds
    base_seconds: BaseSeconds
    watched_percent: int = Field(ge=0, le=100, description="the watched part of the base, percent")
    rule_version: int = Field(ge=1, description="which rule decided")


class UserAttended(Fact):
    """The conversion fact: this lead attended this webinar.

    When: together with `client_webinar_attendance_classified` that says `attended: true`.
    Guarantees: once per lead and webinar; it is never taken back.
    """

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    timestamp: UtcTime = Field(description="the timestamp of the verdict")


class WatchedWindow(Value):
    """One stretch of watching, cut to the time on air."""

    from_: UtcTime = Field(alias="from", description="when it began")
    to: UtcTime = Field(description="when it ended, or how far it is known")


class ParticipationEvent(Snapshot):
    """How much one lead has watched so far, and the windows behind the figure.

    When: now and then while live, and once more after the stop with `final: true`.
    Guarantees: the whole participation each time; `version` only grows; nothing follows the final one.
    """

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    version: Version
    watched_seconds: WatchedSeconds
    base_seconds: BaseSeconds
    windows: tuple[WatchedWindow, ...] = Field(default=(), description="when they watched, in order, without overlap")
    completed_by: CompletedBy | None = Field(default=None, description="what made it complete; absent: not complete")
    final: bool = Field(default=False, description="the figures after the stop")


class _CtaFact(Fact):
    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    at: UtcTime = Field(description="when it happened first")


class CtaShown(_CtaFact):
    """The call to action was shown on a page of this lead.

    When: shortly after a page of this lead first got it.
    Guarantees: once per lead and webinar, for participants only.
    """


class CtaClicked(_CtaFact):
    """This lead followed the call to action.

    When: at the first click.
    Guarantees: once per lead and webinar, for participants only.
    """


class PresenceEntry(Value):
    """One account on one room-ui instance: connected since when without a break, until when (absent: still)."""

    account_id: AccountId
    host: bool = Field(default=False, description="does not participate; the tracker passes it by")
    since: UtcTime = Field(description="connected since, without a break")
    until: UtcTime | None = Field(default=None, description="connected until; absent: still at `at`")
    seen: bool = Field(default=False, description="the page was visible at least once since the start (or the opening)")


class RoomPresence(Signal):
    """Who is in a room, as one room-ui instance knows it: facts about the past; absence from them means nothing.

    When: every `interval_seconds` from each instance, soon after somebody joins, and at once when a webinar finishes.
    Guarantees: none for a single report: one may be late, lost or repeated. It expires after a day.
    """

    meaning: ClassVar[tuple[str, ...]] = ("instance_id", "webinar_id", "round", "part")

    webinar_id: WebinarId
    instance_id: str = Field(min_length=1, max_length=128, description="the reporting room-ui instance")
    round: int = Field(ge=0, description="the number of this report of the instance; its parts share it")
    part: int = Field(ge=0, description="counted from 0")
    parts: int = Field(ge=1, description="how many messages this report has")
    at: UtcTime = Field(description="the moment that the report tells of")
    interval_seconds: int = Field(ge=1, description="how often this instance reports")
    webinar_version: int = Field(ge=0, description="the version of the webinar that the instance had heard of")
    entries: tuple[PresenceEntry, ...] = Field(default=(), max_length=1000, description="who, since when, until when")


class RoomFinish(Fact):
    """A participant pressed "finish" in the room.

    When: before the page says that it was noted.
    Guarantees: the first press counts; pressed too early it is remembered and counts once enough was watched.
    """

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    at: UtcTime = Field(description="when it was pressed")
