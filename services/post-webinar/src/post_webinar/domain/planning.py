"""Which route a lead goes, and which messages are due to whom and when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from contracts import CAPABILITIES, Capability, DeliveryState, Recipient, Role, Route, Step

RECORDING_WITHIN = timedelta(days=7)
"""A recording link that is saved later than this after the end is sent to nobody."""
LINKED_WITHIN = timedelta(hours=48)
"""Who links a chat so long after the message could have gone still gets it."""
NOTICE_WINDOW = timedelta(minutes=1)
"""Notices to one partner that fall due within it are one message, which goes when the last of them is due."""
NOTICE_GATHER = timedelta(seconds=5)
"""A notice is never due sooner than this after it was planned, so that its fellows can join it."""
UNCERTAIN_AFTER = timedelta(minutes=1)
"""A message that has been `sending` for so long is `uncertain`."""

RESENDABLE = frozenset(
    {
        DeliveryState.UNCERTAIN,
        DeliveryState.FAILED,
        DeliveryState.BLOCKED,
        DeliveryState.NOT_LINKED,
        DeliveryState.SUPPRESSED,
        DeliveryState.CANCELLED,
    }
)
"""From these a person may send once more."""


class LeadState(StrEnum):
    """How far the routing of one lead has come."""

    WAITING_FOR_WEBINAR = "waiting_for_webinar"
    WAITING_FOR_ACCOUNT = "waiting_for_account"
    NOT_PARTICIPATING = "not_participating"
    ROUTED = "routed"


class Control(StrEnum):
    """What the desk has said about the follow-ups of a webinar."""

    OPEN = "open"
    HELD = "held"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why a delivery is in its state, where no outside words say so."""

    ACCOUNT_INACTIVE = "account_inactive"
    NO_CHAT = "no_chat_linked"
    CHAT_BLOCKED = "chat_blocked"
    CANCELLED_AT_DESK = "cancelled_at_desk"
    NO_RECORDING = "no_recording_link"
    NO_ANSWER = "no_answer_in_time"
    SENT_AGAIN = "sent_again"
    ARRIVED_AFTER_ALL = "arrived_after_all"
    RESTORED = "restored_from_backup"
    TOO_LONG = "text_too_long"
    CONNECTION = "telegram_not_reached"
    TOO_MANY = "too_many_requests"


def lead_state(*, finished: bool, role: Role | None) -> LeadState:
    """Return what a classified lead waits for; `role` is None while the account is not known."""
    if not finished:
        return LeadState.WAITING_FOR_WEBINAR
    if role is None:
        return LeadState.WAITING_FOR_ACCOUNT
    if Capability.WEBINAR_PARTICIPATE not in CAPABILITIES[role]:
        return LeadState.NOT_PARTICIPATING
    return LeadState.ROUTED


def route_of(attended: bool) -> Route:
    """Return the route that follows from the verdict."""
    return Route.ATTENDED if attended else Route.NOT_ATTENDED


@dataclass(frozen=True, slots=True)
class Ending:
    """How a webinar ended, as far as messages depend on it."""

    finished_at: datetime
    recording_at: datetime | None
    """Since when a recording link has been there; None: there is none."""
    control: Control

    @property
    def has_recording(self) -> bool:
        """Whether the step `recording` is due: a link is there, and was saved in time."""
        return self.recording_at is not None and self.recording_at <= self.finished_at + RECORDING_WITHIN


@dataclass(frozen=True, slots=True)
class RoutedLead:
    """A lead whose route was heard, with what is known of the people."""

    webinar_id: UUID
    lead_id: str
    route: Route
    role: Role
    active: bool
    partner_id: str | None
    partner_active: bool
    """True also while the partner's account is not known: the message then waits for a chat."""
    planned: bool
    """Whether the follow-up and the notice were planned before."""
    followup_due_at: datetime | None
    """When the follow-up is due, while it is still to be sent."""
    has_recording: bool
    """Whether the step `recording` was planned before."""


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message to be written into the ledger."""

    webinar_id: UUID
    lead_id: str
    account_id: str
    recipient: Recipient
    step: Step
    state: DeliveryState
    reason: Reason | None
    due_at: datetime


def due_deliveries(
    leads: Iterable[RoutedLead],
    endings: dict[UUID, Ending],
    *,
    now: datetime,
    delay: timedelta,
) -> Iterator[NewDelivery]:
    """Yield what is due to these leads and their partners and was not planned yet."""
    for lead in leads:
        ending = endings[lead.webinar_id]
        due_at = ending.finished_at + delay
        if not lead.planned:
            yield _to_lead(lead, ending, Step(lead.route.value), due_at)
            if lead.role is Role.CANDIDATE and lead.partner_id not in {None, lead.lead_id}:
                yield _to_partner(lead, ending, max(due_at, now + NOTICE_GATHER))
        if lead.route is Route.NOT_ATTENDED and ending.has_recording and not lead.has_recording:
            # With the follow-up when that is still to be sent, so that the two are one message.
            together = due_at if not lead.planned else lead.followup_due_at
            yield _to_lead(lead, ending, Step.RECORDING, together or max(due_at, now))


def _to_lead(lead: RoutedLead, ending: Ending, step: Step, due_at: datetime) -> NewDelivery:
    state, reason = first_state(ending.control, active=lead.active)
    return NewDelivery(lead.webinar_id, lead.lead_id, lead.lead_id, Recipient.CANDIDATE, step, state, reason, due_at)


def _to_partner(lead: RoutedLead, ending: Ending, due_at: datetime) -> NewDelivery:
    partner_id = lead.partner_id or ""
    state, reason = first_state(ending.control, active=lead.partner_active)
    return NewDelivery(
        lead.webinar_id, lead.lead_id, partner_id, Recipient.PARTNER, Step.PARTNER_NOTICE, state, reason, due_at
    )


def first_state(control: Control, *, active: bool) -> tuple[DeliveryState, Reason | None]:
    """Return the state in which a new delivery begins, and why when it is not to be sent."""
    if control is Control.CANCELLED:
        return DeliveryState.CANCELLED, Reason.CANCELLED_AT_DESK
    if not active:
        return DeliveryState.SUPPRESSED, Reason.ACCOUNT_INACTIVE
    if control is Control.HELD:
        return DeliveryState.HELD, None
    return DeliveryState.PLANNED, None
