"""What happens after a webinar: routes, deliveries, chat links, message texts."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from contracts.base import UUID, AccountId, Fact, LeadId, Snapshot, UtcTime, Version, WebinarId


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
    """Which way a lead goes after a finished webinar.

    When: once the webinar has finished and the lead's verdict and account are known, whichever comes last.
    Guarantees: one per lead and webinar, never before the webinar has finished, only for who entered; it never changes.
    """

    meaning: ClassVar[tuple[str, ...]] = ("lead_id", "webinar_id")

    lead_id: LeadId
    webinar_id: WebinarId
    attended: bool = Field(description="the verdict of `client_webinar_attendance_classified`")
    timestamp: UtcTime = Field(description="when the route was chosen")
    route: Route = Field(description="`attended` when `attended` is true, else `not_attended`")


class PostWebinarDelivery(Snapshot):
    """One follow-up message to one person, as the ledger of deliveries has it.

    When: after every change of the delivery: planned, held, being sent, and how it ended.
    Guarantees: the whole delivery each time; `version` only grows. A delivery is sent at most once; `uncertain` means
    that nobody can know whether it arrived, and a resend is a new delivery with an id of its own.
    """

    meaning: ClassVar[tuple[str, ...]] = ("delivery_id",)

    delivery_id: UUID = Field(description="one row of the ledger")
    version: Version
    webinar_id: WebinarId
    lead_id: LeadId
    recipient: Recipient = Field(description="the candidate, or the partner who invited them")
    step: Step = Field(description="which message it is")
    state: DeliveryState = Field(
        description=(
            "`planned` will be sent; `held` by the desk; `sending` begun; `sent`; `failed` refused by Telegram;"
            " `blocked` by the person; `not_linked` no chat yet; `suppressed` the account is not active;"
            " `uncertain` nobody can know; `cancelled` by the desk"
        )
    )
    attempts: int = Field(ge=0, description="how often sending was begun")
    reason: str | None = Field(default=None, max_length=500, description="why it was not delivered, without names")
    due_at: UtcTime | None = Field(default=None, description="not sent before")


class ChatLinkEvent(Snapshot):
    """Whether an account has a Telegram chat linked; never the chat itself.

    When: after a chat was linked, unlinked, or found to block the bot.
    Guarantees: the whole state each time; `version` only grows.
    """

    meaning: ClassVar[tuple[str, ...]] = ("account_id",)

    account_id: AccountId
    version: Version
    linked: bool = Field(description="a chat is linked")
    blocked: bool = Field(default=False, description="the person has blocked the bot")


class MessageTemplateEvent(Snapshot):
    """The text of one step in one language.

    When: after `message_template_set` was obeyed, and for the texts that come with the service at its first start.
    Guarantees: the whole text each time; `version` only grows.
    """

    meaning: ClassVar[tuple[str, ...]] = ("step", "locale")

    step: Step = Field(description="which message it is")
    locale: str = Field(max_length=16, description="`ru` or `en`")
    version: Version
    text: str = Field(max_length=4000, description="the text with its placeholders in braces")
