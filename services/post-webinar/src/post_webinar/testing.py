"""Builders for tests: webinars, people, verdicts, and what is written about them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contracts import (
    CAPABILITIES,
    AccountEvent,
    ClientWebinarAttendanceClassified,
    DeliveryState,
    PostWebinarDelivery,
    PostWebinarRoute,
    Role,
    WebinarEvent,
    WebinarStatus,
)
from servicekit import Actor
from servicekit.testing import ServiceUnderTest

from post_webinar.domain.allowance import Pace
from post_webinar.repository import links

BEGIN = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)
"""When the webinars of the tests begin; they end at the `NOON` at which the clock of a test stands."""
END = BEGIN + timedelta(hours=1)

QUICK = Pace(spacing=0.001, chat_spacing=0.02)
"""For tests of anything but the pace itself: Telegram's own would be most of their time."""

ADMIN = Actor("admin", CAPABILITIES[Role.ADMIN])
SPEAKER = Actor("speaker", CAPABILITIES[Role.SPEAKER])
CANDIDATE = Actor("anna", CAPABILITIES[Role.CANDIDATE])


def webinar(webinar_id: UUID | None = None, **changes: Any) -> WebinarEvent:
    """Return a webinar that has finished, unless `status` says otherwise."""
    status = changes.get("status", WebinarStatus.FINISHED)
    over = status in {WebinarStatus.FINISHED, WebinarStatus.ARCHIVED}
    return WebinarEvent(
        **{
            "webinar_id": webinar_id or uuid4(),
            "version": 5,
            "status": status,
            "title": "How to begin",
            "scheduled_at": BEGIN,
            "time_zone": "Europe/Moscow",
            "created_at": BEGIN - timedelta(days=7),
            "owner_id": "speaker",
            "started_at": BEGIN,
            "finished_at": END if over else None,
        }
        | changes
    )


def person(account_id: str = "anna", role: Role = Role.CANDIDATE, **changes: Any) -> AccountEvent:
    """Return an active account; candidates were invited by `paul`."""
    partner_id = "paul" if role is Role.CANDIDATE else None
    return AccountEvent(
        **{
            "account_id": account_id,
            "version": 1,
            "display_name": account_id.capitalize(),
            "role": role,
            "partner_id": partner_id,
            "locale": "en",
        }
        | changes
    )


PAUL = person("paul", Role.PARTNER)


def verdict(
    webinar_id: UUID,
    lead_id: str = "anna",
    *,
    attended: bool = True,
    watched_seconds: int = 2460,
    reason: str = "watched_enough",
) -> ClientWebinarAttendanceClassified:
    """Return the verdict on a lead."""
    return ClientWebinarAttendanceClassified(
        lead_id=lead_id,
        webinar_id=webinar_id,
        attended=attended,
        timestamp=END + timedelta(seconds=4),
        reason=reason if attended else "not_completed",
        watched_seconds=watched_seconds,
        base_seconds=3600,
        watched_percent=min(100, watched_seconds * 100 // 3600),
        rule_version=1,
    )


async def tell(service: ServiceUnderTest, *events: Any) -> None:
    """Hand over events, and the routes that follow from them."""
    await service.receive(*events)
    if routes := service.said(PostWebinarRoute):
        await service.receive(*routes)


async def link_chat(service: ServiceUnderTest, account_id: str, chat_id: int) -> None:
    """Link a chat, as the conversation does."""
    async with service.database.work() as work:
        await links.link(work, account_id, chat_id)


def newest(deliveries: list[PostWebinarDelivery]) -> dict[tuple[str, str], DeliveryState]:
    """Return the last state told of each delivery, by lead and step."""
    found: dict[tuple[str, str], PostWebinarDelivery] = {}
    for delivery in deliveries:
        key = (delivery.lead_id, delivery.step.value)
        if key not in found or found[key].version < delivery.version:
            found[key] = delivery
    return {key: delivery.state for key, delivery in sorted(found.items())}


async def ledger(service: ServiceUnderTest) -> list[Any]:
    """Return the rows of the ledger by lead, step and copy."""
    rows: list[Any] = await service.database.pool.fetch("select * from delivery order by lead_id, step, copy")
    return rows
