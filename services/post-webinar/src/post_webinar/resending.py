"""Sending once more, by the desk's command and by `webinarctl resend`: one rule, one transaction."""

from typing import Any
from uuid import UUID

from contracts import ErrorCode
from servicekit import Refused, Work

from post_webinar.domain.planning import RESENDABLE
from post_webinar.repository import deliveries


async def send_again(work: Work, delivery_id: UUID, *, cause: Any = None) -> None:
    """Plan a delivery once more, as a new row, and announce it; raises `Refused`."""
    state = await deliveries.state_for_update(work, delivery_id)
    if state is None:
        raise Refused(ErrorCode.DELIVERY_NOT_FOUND, "There is no such message.")
    if state not in RESENDABLE:
        raise Refused(ErrorCode.DELIVERY_STATE_INVALID, f"A message that is {state} is not sent again.")
    copy = await deliveries.copy_delivery(work, delivery_id, traceparent=cause.traceparent if cause else None)
    if copy is None:
        raise Refused(ErrorCode.DELIVERY_STATE_INVALID, "This message was sent again already.")
    replaced = await deliveries.give_way_to_copy(work, delivery_id) if state == "not_linked" else []
    deliveries.announce_changes(work, [*replaced, copy], cause=cause)
