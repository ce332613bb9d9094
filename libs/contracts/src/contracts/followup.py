"""What happens after a webinar: routes, deliveries, chat links, message texts."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.base import UUID, Fact, OpaqueId, Snapshot, UtcTime


class Route(StrEnum):
    """Which follow-up a lead gets."""

    ATTENDED = "attended"
    NOT_ATTENDED = "not_attended"


class Recipient(StrEnum):
    """Whom a delivery goes to."""

    CANDIDATE = "candidate"
    PARTNER = "partner"


class Step(StrEnum):
    """Which message a delivery carries."""

    ATTENDED = "attended"
    NOT_ATTENDED = "not_attended"
    RECORDING = "recording"
    PARTNER_NOTICE = "partner_notice"


class DeliveryState(StrEnum):
    """The states of the delivery ledger."""

    PLANNED = "planned"
    HELD = "held"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    BLOCKED = "blocked"
    NOT_LINKED = "not_linked"
    SUPPRESSED = "suppressed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"


class PostWebinarRoute(Fact):
    """Which way a lead goes after a finished webinar. One per lead and webinar."""

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: OpaqueId
    webinar_id: UUID
    attended: bool
    timestamp: UtcTime
    route: Route


class PostWebinarDelivery(Snapshot):
    """One message to one person as the delivery ledger has it."""

    meaning: ClassVar[tuple[str, ...]] = ("delivery_id",)

    delivery_id: UUID
    version: int
    webinar_id: UUID
    lead_id: OpaqueId
    recipient: Recipient
    step: Step
    state: DeliveryState
    attempts: int = Field(ge=0)
    reason: str | None = Field(default=None, max_length=500)
    due_at: UtcTime | None = None


class ChatLinkEvent(Snapshot):
    """Whether an account has a Telegram chat linked; never the chat id."""

    meaning: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: OpaqueId
    version: int
    linked: bool
    blocked: bool = False


class MessageTemplateEvent(Snapshot):
    """The text of one step in one language."""

    meaning: ClassVar[tuple[str, ...]] = ("step", "locale")

    step: Step
    locale: str = Field(max_length=16)
    version: int
    text: str = Field(max_length=4000)
