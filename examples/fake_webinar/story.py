"""A whole webinar as the platform tells it in public: every fact, its time, its order; no clock, no network."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from contracts import (
    ClientWebinarAttendanceClassified,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    CompletedBy,
    CtaClicked,
    CtaShown,
    CtaVisibility,
    CtaWindow,
    DeliveryState,
    Fact,
    OnAirWindow,
    PostWebinarDelivery,
    PostWebinarRoute,
    Recipient,
    Route,
    StatusContext,
    Step,
    UserAttended,
    WebinarCompleted,
    WebinarEvent,
    WebinarFinished,
    WebinarStarted,
    WebinarStatus,
    session_id_of,
)
from contracts.topology import TOPIC_OF

MINUTE = timedelta(minutes=1)
SPEAKER = "speaker-1"
DESK = StatusContext(source="desk", actor_id=SPEAKER)


@dataclass(frozen=True)
class Said:
    """A fact and when it was said."""

    fact: Fact
    at: datetime

    @property
    def service(self) -> str:
        """The service that says it."""
        return TOPIC_OF[type(self.fact)].said_by[0]

    def message_id(self, webinar_id: UUID) -> UUID:
        """Return the message's id: of this fact in this webinar always the same."""
        return uuid5(webinar_id, "/".join([self.fact.topic, *self.fact.meaning_key, str(self.fact.order)]))


@dataclass(frozen=True)
class Webinar:
    """A webinar of an hour; the leads are `lead-1` and so on, and every third of them leaves early."""

    webinar_id: UUID
    title: str
    began: datetime
    leads: int

    @property
    def ended(self) -> datetime:
        return self.began + 60 * MINUTE

    def stayed(self, number: int) -> bool:
        """Whether lead `number` (from 1) watched to the end."""
        return number % 3 != 0

    def told(self) -> Iterator[Said]:
        """Yield what is said, in the order in which it happens."""
        numbers = range(1, self.leads + 1)
        yield self._snapshot(self.began - timedelta(days=1), WebinarStatus.SCHEDULED)
        yield self._snapshot(self.began, WebinarStatus.LIVE)
        webinar_id = self.webinar_id
        yield Said(WebinarStarted(webinar_id=webinar_id, started_at=self.began, context=DESK), self.began)
        for number in numbers:
            yield self._entered(number)
        shown = self.began + 40 * MINUTE
        yield self._snapshot(shown, WebinarStatus.LIVE, shown)
        for number in filter(self.stayed, numbers):
            yield Said(CtaShown(lead_id=lead(number), webinar_id=webinar_id, at=shown), shown)
        clicked = shown + MINUTE
        yield Said(CtaClicked(lead_id=lead(1), webinar_id=webinar_id, at=clicked), clicked)
        yield self._snapshot(self.ended, WebinarStatus.FINISHED, shown)
        yield Said(WebinarFinished(webinar_id=webinar_id, finished_at=self.ended, context=DESK), self.ended)
        for number in numbers:
            yield from self._judged(number)
        routed, due = self.ended + timedelta(seconds=6), self.ended + 5 * MINUTE
        for number in numbers:
            yield self._routed(number, routed)
            yield self._delivery(number, routed, DeliveryState.PLANNED, due)
        for number in numbers:
            yield self._delivery(number, due, DeliveryState.SENT, due)

    def _snapshot(self, at: datetime, status: WebinarStatus, shown: datetime | None = None) -> Said:
        over = status is WebinarStatus.FINISHED
        began = None if status is WebinarStatus.SCHEDULED else self.began
        ended = self.ended if over else None
        snapshot = WebinarEvent(
            webinar_id=self.webinar_id,
            version=int(at.timestamp() * 1000),
            title=self.title,
            status=status,
            scheduled_at=self.began,
            created_at=self.began - timedelta(days=2),
            owner_id=SPEAKER,
            speaker_id=SPEAKER,
            started_at=began,
            finished_at=ended,
            on_air=() if began is None else (OnAirWindow.model_validate({"from": began, "to": ended}),),
            cta_visibility=CtaVisibility.HIDDEN if shown is None else CtaVisibility.VISIBLE,
            cta_windows=() if shown is None else (CtaWindow.model_validate({"from": shown}),),
        )
        return Said(snapshot, at)

    def _entered(self, number: int) -> Said:
        at = self.began + timedelta(seconds=number)
        session = session_id_of(lead(number), self.webinar_id)
        fact = ClientWebinarEntered(lead_id=lead(number), webinar_id=self.webinar_id, session_id=session, timestamp=at)
        return Said(fact, at)

    def _judged(self, number: int) -> Iterator[Said]:
        stayed, at = self.stayed(number), self.ended + timedelta(seconds=5)
        watched = 3600 - number if stayed else 1200
        whose = {"lead_id": lead(number), "webinar_id": self.webinar_id}
        figures = {"watched_seconds": watched, "base_seconds": 3600, "watched_percent": watched * 100 // 3600}
        completed = {
            "session_id": session_id_of(lead(number), self.webinar_id),
            "completed_at": self.ended,
            "completed_by": CompletedBy.PRESENT_AT_STOP,
        }
        verdict = {
            "attended": stayed,
            "timestamp": self.ended,
            "reason": CompletedBy.PRESENT_AT_STOP.value if stayed else "not_completed",
            "rule_version": 1,
        }
        if stayed:
            for kind in (ClientWebinarCompleted, WebinarCompleted):
                yield Said(kind.model_validate(whose | figures | completed), at)
        yield Said(ClientWebinarAttendanceClassified.model_validate(whose | figures | verdict), at)
        if stayed:
            yield Said(UserAttended.model_validate(whose | {"timestamp": self.ended}), at)

    def _routed(self, number: int, at: datetime) -> Said:
        stayed = self.stayed(number)
        fact = PostWebinarRoute(
            lead_id=lead(number),
            webinar_id=self.webinar_id,
            attended=stayed,
            timestamp=at,
            route=Route.ATTENDED if stayed else Route.NOT_ATTENDED,
        )
        return Said(fact, at)

    def _delivery(self, number: int, at: datetime, state: DeliveryState, due: datetime) -> Said:
        delivery = PostWebinarDelivery(
            delivery_id=uuid5(self.webinar_id, f"delivery/{lead(number)}"),
            version=int(at.timestamp() * 1000),
            webinar_id=self.webinar_id,
            lead_id=lead(number),
            recipient=Recipient.CANDIDATE,
            step=Step.ATTENDED if self.stayed(number) else Step.NOT_ATTENDED,
            state=state,
            attempts=int(state is DeliveryState.SENT),
            due_at=due,
        )
        return Said(delivery, at)


def lead(number: int) -> str:
    """Return the id of lead `number`."""
    return f"lead-{number}"
