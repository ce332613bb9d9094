"""What room-ui hears, does by the clock, and owns."""

from collections.abc import Sequence
from functools import partial

from contracts import (
    AccountEvent,
    ChatLinkEvent,
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CtaClicked,
    CtaShown,
    MessageTemplateEvent,
    ParticipationEvent,
    PostWebinarDelivery,
    RoomPresence,
    WebinarEvent,
)
from contracts.topology import ROOM_UI
from servicekit import Heard, Router, Work
from servicekit.retention import is_alone

from room_ui import facts, projections
from room_ui.accounts import repository as accounts_repository
from room_ui.accounts import session_repository
from room_ui.rooms.rooms import Rooms

router = Router(ROOM_UI)

_CTA_BATCH = 1_000


@router.hears(WebinarEvent)
async def project_webinars(webinars: Sequence[Heard[WebinarEvent]], work: Work) -> None:
    """Keep each webinar as Core last told it."""
    await projections.keep_webinars(work, [heard.event for heard in webinars])


@router.overhears(WebinarEvent)
async def refresh_room(heard: Heard[WebinarEvent], *, rooms: Rooms) -> None:
    """Show a change in this instance's rooms before the projection has it."""
    rooms.apply(heard.event)


@router.overhears(RoomPresence)
async def count_others(heard: Heard[RoomPresence], *, rooms: Rooms) -> None:
    """Know who is in the rooms on the other instances."""
    rooms.hear_others(heard.event)


@router.hears(ClientWebinarEntered)
async def project_entered(entered: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
    """Keep who entered, for the report."""
    await projections.keep_entered(work, [heard.event for heard in entered])


@router.hears(ClientWebinarAttendanceClassified)
async def project_verdicts(verdicts: Sequence[Heard[ClientWebinarAttendanceClassified]], work: Work) -> None:
    """Keep the verdicts, for the report."""
    await projections.keep_classifications(work, [heard.event for heard in verdicts])


@router.hears(ParticipationEvent)
async def project_participations(participations: Sequence[Heard[ParticipationEvent]], work: Work) -> None:
    """Keep how much each lead has watched, for the report."""
    await projections.keep_participations(work, [heard.event for heard in participations])


@router.hears(PostWebinarDelivery)
async def project_deliveries(deliveries: Sequence[Heard[PostWebinarDelivery]], work: Work) -> None:
    """Keep what became of each message, for the report."""
    await projections.keep_deliveries(work, [heard.event for heard in deliveries])


@router.hears(ChatLinkEvent)
async def project_chat_links(links: Sequence[Heard[ChatLinkEvent]], work: Work) -> None:
    """Keep whether an account's Telegram chat is linked, for the account page."""
    await projections.keep_chat_links(work, [heard.event for heard in links])


@router.hears(MessageTemplateEvent)
async def project_templates(templates: Sequence[Heard[MessageTemplateEvent]], work: Work) -> None:
    """Keep the texts of messages, for the administrator's page."""
    await projections.keep_templates(work, [heard.event for heard in templates])


@router.hears(CtaShown)
async def project_cta_shown(shown: Sequence[Heard[CtaShown]], work: Work) -> None:
    """Keep whose page was sent the call to action."""
    await projections.keep_cta(work, "shown", [heard.event for heard in shown])


@router.hears(CtaClicked)
async def project_cta_clicked(clicked: Sequence[Heard[CtaClicked]], work: Work) -> None:
    """Keep who followed the call to action."""
    await projections.keep_cta(work, "clicked", [heard.event for heard in clicked])


router.needs_snapshots(WebinarEvent, "webinar")
router.needs_snapshots(ChatLinkEvent, "chat_link")
router.needs_snapshots(MessageTemplateEvent, "message_template")
router.needs_snapshots(ParticipationEvent, "participation")
router.needs_snapshots(PostWebinarDelivery, "delivery")


@router.owns_snapshots(AccountEvent)
async def present_accounts(work: Work, after: str, limit: int) -> Sequence[tuple[str, AccountEvent]]:
    """Return the accounts after the id `after`, for who asks."""
    found = await accounts_repository.account_snapshots(work, after, limit)
    return [(account.account_id, account) for account in found]


@router.every(1.0)
async def announce_cta_shown(work: Work, *, rooms: Rooms) -> bool:
    """Announce to whose pages this instance has sent the call to action."""
    for room in rooms.all():
        told = sorted(room.cta_waiting)[:_CTA_BATCH]
        if told:
            await facts.announce_cta_shown(work, told, room.webinar.webinar_id)
            work.after_commit(partial(room.forget_cta_waiting, told))
            return True
    return False


@router.every(600.0)
async def sweep_accounts(work: Work) -> bool:
    """Delete old sign-in attempts, sessions and one-time links."""
    return await is_alone(work, "sweep_accounts") and await session_repository.sweep(work)
