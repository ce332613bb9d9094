"""What post-webinar hears, obeys, and does by itself."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from contracts import (
    AccountEvent,
    Capability,
    ChatLinkEvent,
    ChatLinkRequested,
    ClientWebinarAttendanceClassified,
    CommandReply,
    DeliveryState,
    ErrorCode,
    MessageTemplateEvent,
    MessageTemplateSet,
    PostWebinarDelivery,
    PostWebinarFollowupControl,
    PostWebinarRoute,
    Step,
    WebinarEvent,
)
from contracts.message_texts import LOCALES, TemplateError, check_template
from servicekit import Database, Heard, Obeyed, Refused, Router, Work
from servicekit.retention import is_alone
from uuid6 import uuid7

from post_webinar.domain.allowance import Pace
from post_webinar.domain.chat_tokens import TOKEN_BYTES, TOKEN_LIVES, token_hash
from post_webinar.domain.planning import Control
from post_webinar.measures import DELIVERIES, DUE, DUE_OLDEST, UNCERTAIN
from post_webinar.planning import plan
from post_webinar.repository import deliveries, links, locks, measuring, projections, routing, templates
from post_webinar.resending import send_again
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.role import hold_the_bot

router = Router("post-webinar")
router.needs_snapshots(WebinarEvent, "webinar")
router.needs_snapshots(AccountEvent, "account")
router.owns_snapshots(PostWebinarDelivery)(deliveries.present_deliveries)
router.owns_snapshots(ChatLinkEvent)(links.present_links)
router.owns_snapshots(MessageTemplateEvent)(templates.present_templates)

_CONTROLS = {"hold": deliveries.hold, "release": deliveries.release, "cancel": deliveries.cancel}


@router.hears(WebinarEvent)
async def follow_webinars(
    webinars: Sequence[Heard[WebinarEvent]], work: Work, *, settings: PostWebinarSettings
) -> None:
    """Keep the newest snapshot of each webinar; one that has finished lets its leads go their ways."""
    causes = {heard.event.webinar_id: heard for heard in webinars}
    controls = await locks.lock_followups(work, causes)
    await projections.store_webinars(work, webinars)
    await plan(work, controls, causes, delay=settings.delay)
    for row in await deliveries.plan_what_lacked_recording(work, causes):
        deliveries.announce_changes(work, [row], cause=causes[row["webinar_id"]])


@router.hears(AccountEvent)
async def follow_accounts(
    accounts: Sequence[Heard[AccountEvent]], work: Work, *, settings: PostWebinarSettings
) -> None:
    """Keep the newest snapshot of each account; who waited for it goes on, who is deactivated gets nothing more."""
    causes = {heard.event.account_id: heard for heard in accounts}
    await locks.lock_leads(work, causes)
    inactive = await projections.store_accounts(work, [heard.event for heard in accounts])
    controls = await locks.lock_followups(work, await routing.webinars_waiting_for(work, sorted(causes)))
    await plan(work, controls, causes, delay=settings.delay, leads=sorted(causes))
    if inactive:
        deliveries.announce_changes(work, await deliveries.suppress(work, inactive))


@router.hears(ClientWebinarAttendanceClassified)
async def route_classified(
    verdicts: Sequence[Heard[ClientWebinarAttendanceClassified]], work: Work, *, settings: PostWebinarSettings
) -> None:
    """Keep the verdict on each lead; it goes its way once the webinar has finished and the account is known."""
    causes = {(heard.event.webinar_id, heard.event.lead_id): heard for heard in verdicts}
    leads = sorted({lead_id for _, lead_id in causes})
    await locks.lock_leads(work, leads)
    controls = await locks.lock_followups(work, {webinar_id for webinar_id, _ in causes})
    await routing.add_verdicts(work, verdicts)
    await plan(work, controls, causes, delay=settings.delay, leads=leads)


@router.hears(PostWebinarRoute)
async def plan_followups(
    routes: Sequence[Heard[PostWebinarRoute]], work: Work, *, settings: PostWebinarSettings
) -> None:
    """Plan the messages of each route: to the lead, and to the partner of a candidate."""
    causes = {(heard.event.webinar_id, heard.event.lead_id): heard for heard in routes}
    leads = sorted({lead_id for _, lead_id in causes})
    await locks.lock_leads(work, leads)
    controls = await locks.lock_followups(work, {webinar_id for webinar_id, _ in causes})
    await routing.hear_routes(work, [heard.event for heard in routes])
    await plan(work, controls, causes, delay=settings.delay, leads=leads)


@router.obeys(PostWebinarFollowupControl, requires=Capability.WEBINAR_MANAGE)
async def control_followups(command: Obeyed[PostWebinarFollowupControl], work: Work) -> CommandReply:
    """Hold, release or cancel the messages of a webinar, or send one once more."""
    event = command.event
    if event.action == "resend":
        return await _resend(command, work)
    if event.action not in _CONTROLS:
        raise Refused(ErrorCode.INVALID_FIELD, f"{event.action!r} is no action.", field="action")
    if event.webinar_id is None:
        raise Refused(ErrorCode.INVALID_FIELD, "A webinar is needed.", field="webinar_id")
    if not await projections.webinar_is_known(work, event.webinar_id):
        raise Refused(ErrorCode.NOT_FOUND, "There is no such webinar.")
    controls = await locks.lock_followups(work, [event.webinar_id])
    if controls[event.webinar_id] is Control.CANCELLED and event.action != "cancel":
        raise Refused(ErrorCode.DELIVERY_STATE_INVALID, "The messages of this webinar were cancelled.")
    rows = await _CONTROLS[event.action](work, event.webinar_id)
    deliveries.announce_changes(work, rows, cause=command)
    return CommandReply(ok=True, affected=len(rows))


async def _resend(command: Obeyed[PostWebinarFollowupControl], work: Work) -> CommandReply:
    if command.event.delivery_id is None:
        raise Refused(ErrorCode.INVALID_FIELD, "A delivery is needed.", field="delivery_id")
    await send_again(work, command.event.delivery_id, cause=command)
    return CommandReply(ok=True, affected=1)


@router.obeys(MessageTemplateSet, requires=Capability.TEMPLATE_MANAGE)
async def set_message_template(command: Obeyed[MessageTemplateSet], work: Work) -> CommandReply:
    """Set the text of one step in one language."""
    event = command.event
    if event.step not in set(Step):
        raise Refused(ErrorCode.INVALID_FIELD, f"{event.step!r} is no step.", field="step")
    locale = next((known for known in LOCALES if known == event.locale), None)
    if locale is None:
        raise Refused(ErrorCode.INVALID_FIELD, f"{event.locale!r} is none of {', '.join(LOCALES)}.", field="locale")
    step, text = Step(event.step), event.text.replace("\r\n", "\n").strip()
    try:
        check_template(step, text)
    except TemplateError as error:
        raise Refused(ErrorCode.INVALID_FIELD, str(error), field="text") from error
    work.announce(await templates.set_template(work, step, locale, text, command.actor.account_id), cause=command)
    return CommandReply(ok=True)


@router.obeys(ChatLinkRequested, requires=Capability.WEBINAR_JOIN)
async def offer_chat_link(command: Obeyed[ChatLinkRequested], work: Work) -> CommandReply:
    """Give an account, for itself, the address that links its Telegram chat: once, and within 15 minutes."""
    account_id = command.event.account_id
    if account_id != command.actor.account_id:
        raise Refused(ErrorCode.FORBIDDEN, "A chat is linked by the account itself.", field="account_id")
    username = await links.bot_username(work)
    if username is None:
        raise Refused(ErrorCode.UNAVAILABLE, "There is no Telegram bot at work now.")
    if not await projections.account_is_active(work, account_id):
        raise Refused(ErrorCode.UNAVAILABLE, "The account is not known here yet, or not active.")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    expires_at = work.now + TOKEN_LIVES
    await links.add_token(work, UUID(bytes=uuid7().bytes), token_hash(token), account_id, expires_at)
    return CommandReply(ok=True, address=f"https://t.me/{username}?start={token}", expires_at=expires_at)


@router.every(1.0)
async def settle_due_deliveries(work: Work) -> bool:
    """Tell of what is due and cannot be sent why: no chat, blocked, deactivated, no recording any more."""
    missed = await deliveries.plan_what_missed_its_chat(work)
    settled = await deliveries.settle(work)
    deliveries.announce_changes(work, [*missed, *settled])
    return deliveries.SLICE in {len(missed), len(settled)}


@router.every(2.0)
async def doubt_long_sending(work: Work) -> bool:
    """Make uncertain what has been on its way for more than a minute."""
    rows = await deliveries.doubt(work)
    deliveries.announce_changes(work, rows)
    return len(rows) == deliveries.SLICE


@router.every(15.0)
async def measure_ledger(work: Work) -> None:
    """Measure the ledger for the metrics: one look for all of it, never one a message."""
    ledger = await measuring.measure(work)
    for state in DeliveryState:
        DELIVERIES.labels(state.value).set(ledger.states.get(state, 0))
    UNCERTAIN.set(ledger.uncertain)
    DUE.set(ledger.due)
    DUE_OLDEST.set(ledger.oldest_due_seconds)


@router.every(3600.0)
async def keep_templates_complete(work: Work) -> None:
    """Insert and announce the default texts that are missing: all of them at the first start."""
    for event in await templates.add_missing_templates(work):
        work.announce(event)


@router.every(3600.0)
async def forget_old_tokens(work: Work) -> bool:
    """Delete one-time tokens a day after they expired."""
    return await is_alone(work, "link_token") and await links.forget_tokens(work, work.now - timedelta(days=1))


@router.role("telegram")
async def run_telegram(*, database: Database, settings: PostWebinarSettings, pace: Pace) -> None:
    """Send what is due and listen to people, as the one instance that does."""
    await hold_the_bot(database, settings, pace)
