"""Which topics there are, who says them, who hears them; the only list, from which queues and rights follow."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from contracts.accounts import AccountEvent
from contracts.base import Command, Message, Signal, Snapshot
from contracts.commands import (
    ChatLinkRequested,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    MessageTemplateSet,
    PostWebinarFollowupControl,
    SnapshotRequested,
)
from contracts.consumers import UnknownQueueError, installed_consumers
from contracts.followup import ChatLinkEvent, MessageTemplateEvent, PostWebinarDelivery, PostWebinarRoute
from contracts.participation import (
    ClientWebinarAttendanceClassified,
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    CtaClicked,
    CtaShown,
    ParticipationEvent,
    RoomFinish,
    RoomPresence,
    UserAttended,
    WebinarCompleted,
)
from contracts.webinar import WebinarEvent, WebinarFinished, WebinarStarted

CORE_WEBINAR = "core-webinar"
ROOM_UI = "room-ui"
TRACKER = "tracker"
ATTENDANCE = "attendance"
POST_WEBINAR = "post-webinar"
THE_FIVE = (CORE_WEBINAR, ROOM_UI, TRACKER, ATTENDANCE, POST_WEBINAR)
_JOINED = installed_consumers()
SERVICES = (*THE_FIVE, *sorted({service for service, _ in _JOINED}))
"""The five, and after them the services that have joined (`contracts.consumers`)."""

EXCHANGE = "webinars"
DEAD_EXCHANGE = "webinars.dead"
"""Where a queue hands what was delivered too often; routing key: the queue's name."""
RETURN_EXCHANGE = "webinars.return"
"""Gives a delayed message back to the one queue that its routing key names."""
REPLY_EXCHANGE = "webinars.reply"
HISTORY = "webinars.history"
"""The stream queue that keeps every public fact: it may be read again and again, from any moment."""
DELAY_SECONDS = (1, 10, 60, 600)
DELIVERY_LIMIT = 100
PRESENCE_TTL_SECONDS = 24 * 3600


def delay_exchange(level: int) -> str:
    """Return the exchange and queue of delay `level` (1 to 4)."""
    return f"webinars.delay.{level}"


@dataclass(frozen=True)
class Topic:
    """One topic: its message, who says it, which services own a queue for it, and who else hears it."""

    message: type[Message]
    said_by: tuple[str, ...]
    heard_by: tuple[str, ...]
    public: bool
    heard_by_instances_of: tuple[str, ...] = ()
    """Services whose every instance hears it on a queue of its own (classic, exclusive, short)."""

    @property
    def name(self) -> str:
        return self.message.topic

    @property
    def is_command(self) -> bool:
        return issubclass(self.message, Command)

    @property
    def needs_a_queue(self) -> bool:
        """Whether it is published `mandatory`: a queue of the house must take it. Presence is told again anyway."""
        return bool(self.heard_by) and self.message is not RoomPresence

    @property
    def has_dead_letters(self) -> bool:
        """Commands and `room_presence` have none: what expires there is gone."""
        return not self.is_command and self.message is not RoomPresence

    @property
    def kind(self) -> str:
        """`command`, `snapshot`, `signal` or `fact`."""
        for base, word in ((Command, "command"), (Snapshot, "snapshot"), (Signal, "signal")):
            if issubclass(self.message, base):
                return word
        return "fact"


OWN_TOPICS: tuple[Topic, ...] = (
    Topic(CoreWebinarUpsert, (ROOM_UI,), (CORE_WEBINAR,), public=False),
    Topic(CoreWebinarSetStatus, (ROOM_UI,), (CORE_WEBINAR,), public=False),
    Topic(CoreWebinarSetCtaVisibility, (ROOM_UI,), (CORE_WEBINAR,), public=False),
    Topic(MessageTemplateSet, (ROOM_UI,), (POST_WEBINAR,), public=False),
    Topic(ChatLinkRequested, (ROOM_UI,), (POST_WEBINAR,), public=False),
    Topic(PostWebinarFollowupControl, (ROOM_UI,), (POST_WEBINAR,), public=False),
    Topic(
        WebinarEvent,
        (CORE_WEBINAR,),
        (ROOM_UI, TRACKER, ATTENDANCE, POST_WEBINAR),
        public=True,
        heard_by_instances_of=(ROOM_UI,),
    ),
    Topic(WebinarStarted, (CORE_WEBINAR,), (), public=True),
    Topic(WebinarFinished, (CORE_WEBINAR,), (), public=True),
    Topic(AccountEvent, (ROOM_UI,), (CORE_WEBINAR, POST_WEBINAR), public=False),
    Topic(ClientWebinarEntered, (TRACKER,), (ATTENDANCE, ROOM_UI), public=True),
    Topic(ClientWebinarCompleted, (TRACKER,), (), public=True),
    Topic(WebinarCompleted, (TRACKER,), (ATTENDANCE,), public=True),
    Topic(ClientWebinarAttendanceEvaluate, (TRACKER,), (ATTENDANCE,), public=False),
    Topic(ClientWebinarAttendanceClassified, (ATTENDANCE,), (POST_WEBINAR, ROOM_UI), public=True),
    Topic(UserAttended, (ATTENDANCE,), (), public=True),
    Topic(PostWebinarRoute, (POST_WEBINAR,), (POST_WEBINAR,), public=True),
    Topic(PostWebinarDelivery, (POST_WEBINAR,), (ROOM_UI,), public=True),
    Topic(ChatLinkEvent, (POST_WEBINAR,), (ROOM_UI,), public=False),
    Topic(MessageTemplateEvent, (POST_WEBINAR,), (ROOM_UI,), public=False),
    Topic(ParticipationEvent, (TRACKER,), (ROOM_UI,), public=False),
    Topic(CtaShown, (ROOM_UI,), (ROOM_UI,), public=True),
    Topic(CtaClicked, (ROOM_UI,), (ROOM_UI,), public=True),
    Topic(RoomPresence, (ROOM_UI,), (TRACKER,), public=False, heard_by_instances_of=(ROOM_UI,)),
    Topic(RoomFinish, (ROOM_UI,), (TRACKER,), public=False),
    Topic(SnapshotRequested, THE_FIVE, (CORE_WEBINAR, ROOM_UI, TRACKER, POST_WEBINAR), public=False),
)
"""The table: what the five say and hear among themselves."""


def with_consumers(topics: Iterable[Topic], joined: Iterable[tuple[str, str]]) -> tuple[Topic, ...]:
    """Return `topics` with the queues of services that have joined; only facts can be heard by them.

    Who has joined may ask for snapshots, too.

    Raises `UnknownQueueError` for a service that is one of the five, and for a topic that is no fact of the table.
    """
    known = {topic.name: topic for topic in topics}
    for service, name in joined:
        topic = known.get(name)
        if service in THE_FIVE or topic is None or topic.kind not in {"fact", "snapshot"}:
            raise UnknownQueueError(f"{service}.{name}: a service that joins hears facts; docs/events.md lists them")
        known[name] = replace(topic, heard_by=(*topic.heard_by, service))
        asking = known.get(SnapshotRequested.topic)
        if asking is not None and service not in asking.said_by:
            known[asking.name] = replace(asking, said_by=(*asking.said_by, service))
    return tuple(known.values())


TOPICS = with_consumers(OWN_TOPICS, _JOINED)
TOPIC_OF: dict[type[Message], Topic] = {topic.message: topic for topic in TOPICS}


@dataclass(frozen=True)
class Queue:
    """A durable quorum queue that one service owns for one topic."""

    service: str
    topic: Topic

    @property
    def name(self) -> str:
        return f"{self.service}.{self.topic.name}"

    @property
    def dead_letter_queue(self) -> str | None:
        return f"{self.name}.dlq" if self.topic.has_dead_letters else None


def public_topics() -> Iterator[Topic]:
    """Yield the facts that other teams may hear, and that the history keeps."""
    return (topic for topic in TOPICS if topic.public)


def queues_of(service: str) -> Iterator[Queue]:
    """Yield the queues that `service` owns."""
    return (Queue(service, topic) for topic in TOPICS if service in topic.heard_by)


def topics_said_by(service: str) -> Iterator[Topic]:
    """Yield the topics that `service` may publish."""
    return (topic for topic in TOPICS if service in topic.said_by)


def instance_topics_of(service: str) -> Iterator[Topic]:
    """Yield the topics that every instance of `service` hears on a queue of its own."""
    return (topic for topic in TOPICS if service in topic.heard_by_instances_of)
