"""What core-webinar does with what it hears: commands, accounts, its own clock."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from contracts import (
    AccountEvent,
    Capability,
    CommandReply,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    ErrorCode,
    WebinarEvent,
)
from servicekit import Heard, Obeyed, Refused, Router, Work

from core_webinar import domain, repository
from core_webinar.domain import Authorship
from core_webinar.recording import record
from core_webinar.settings import CoreWebinarSettings

router = Router("core-webinar")
router.needs_snapshots(AccountEvent, "account")

_AT_ONCE = 100


@contextmanager
def telling_why() -> Iterator[None]:
    """Tell the asker of a command why the domain refuses it."""
    try:
        yield
    except domain.Refusal as refusal:
        raise Refused(refusal.code, refusal.message, field=refusal.field) from refusal


async def refuse_deactivated(command: Obeyed[Any], work: Work) -> None:
    """Refuse the token of an account that is known to be deactivated; one not heard of yet is let in by its token."""
    actor = await repository.account(work, command.actor.account_id)
    if actor is not None and not actor.active:
        raise Refused(ErrorCode.UNAUTHENTICATED, "This account has been deactivated.")


@router.obeys(CoreWebinarUpsert, requires=Capability.WEBINAR_MANAGE)
async def create_or_change(
    command: Obeyed[CoreWebinarUpsert], work: Work, *, settings: CoreWebinarSettings
) -> CommandReply:
    """Create a webinar, or change its fields, publish, cancel or restore it."""
    await refuse_deactivated(command, work)
    event = command.event
    webinar_id = event.webinar_id or uuid4()
    wish = domain.Upsert(
        webinar_id=webinar_id,
        actor_id=command.actor.account_id,
        may_configure=Capability.WEBINAR_CONFIGURE in command.actor.capabilities,
        changes=event.changes,
        expected_version=event.expected_version,
        action=event.action,
        is_named=event.webinar_id is not None,
    )
    present = await repository.webinar_to_change_or_create(work, webinar_id)
    with telling_why():
        decision = domain.upsert(present, wish, await surroundings(work, present, wish, settings))
    by = Authorship("desk", command.actor.account_id, command.message_id)
    await record(work, [decision], by, cause=command)
    return CommandReply(ok=True, webinar=decision.after.as_event())


async def surroundings(
    work: Work, present: domain.Webinar | None, wish: domain.Upsert, settings: CoreWebinarSettings
) -> domain.Surroundings:
    """Read what an upsert is decided on beside the webinar."""
    speaker_id = wish.changes.get("speaker_id")
    named = isinstance(speaker_id, str) and 0 < len(speaker_id.strip()) <= 64 and speaker_id.isprintable()
    seen = wish.seen_version
    return domain.Surroundings(
        now=work.now,
        frame_hosts=settings.frame_hosts,
        speaker=await repository.account(work, str(speaker_id).strip()) if named else None,
        former=await repository.former_values(work, present.webinar_id, seen)
        if present and seen and present.changed_since(seen)
        else {},
    )


@router.obeys(CoreWebinarSetStatus, requires=Capability.WEBINAR_MANAGE_STATUS)
async def set_status(command: Obeyed[CoreWebinarSetStatus], work: Work) -> CommandReply:
    """Start or stop a webinar."""
    word = command.event.status
    return await _change(command, work, lambda webinar: domain.set_status(webinar, word, work.now))


@router.obeys(CoreWebinarSetCtaVisibility, requires=Capability.WEBINAR_MANAGE_CTA)
async def set_cta_visibility(command: Obeyed[CoreWebinarSetCtaVisibility], work: Work) -> CommandReply:
    """Show or hide the call to action."""
    visible = command.event.visible
    return await _change(command, work, lambda webinar: domain.set_cta_visibility(webinar, visible, work.now))


async def _change(
    command: Obeyed[CoreWebinarSetStatus] | Obeyed[CoreWebinarSetCtaVisibility],
    work: Work,
    decide: Callable[[domain.Webinar], domain.Decision],
) -> CommandReply:
    await refuse_deactivated(command, work)
    webinar = await repository.webinar_to_change(work, command.event.webinar_id)
    if webinar is None:
        raise Refused(ErrorCode.NOT_FOUND, f"There is no webinar {command.event.webinar_id}.")
    with telling_why():
        decision = decide(webinar)
        reason = domain.reason(command.event.context)
    by = Authorship("desk", command.actor.account_id, command.message_id, reason)
    await record(work, [decision], by, cause=command)
    return CommandReply(ok=True, webinar=decision.after.as_event())


@router.hears(AccountEvent)
async def remember_accounts(events: Sequence[Heard[AccountEvent]], work: Work) -> None:
    """Remember who may speak."""
    accounts = [
        domain.Account(event.account_id, event.version, event.role, event.display_name, event.active)
        for event in (heard.event for heard in events)
    ]
    await repository.keep_accounts(work, accounts)


@router.every(1.0)
async def stop_overrun(work: Work) -> bool:
    """Stop what was left running past its planned end."""
    webinars = await repository.webinars_to_stop(work, _AT_ONCE)
    await record(
        work, [domain.stop(webinar, work.now) for webinar in webinars], Authorship("system", reason="automatic")
    )
    return len(webinars) == _AT_ONCE


@router.every(60.0)
async def archive_old(work: Work) -> bool:
    """Archive what has finished long ago."""
    webinars = await repository.webinars_to_archive(work, _AT_ONCE)
    decisions = [domain.archive(webinar, work.now) for webinar in webinars]
    await record(work, decisions, Authorship("system", reason="automatic"))
    return len(webinars) == _AT_ONCE


@router.owns_snapshots(WebinarEvent)
async def present_webinars(work: Work, after: str, limit: int) -> Sequence[tuple[str, WebinarEvent]]:
    """Return the present snapshots in the order of the webinars' ids."""
    webinars = await repository.webinars_after(work, after, limit)
    return [(str(webinar.webinar_id), webinar.as_event()) for webinar in webinars]
