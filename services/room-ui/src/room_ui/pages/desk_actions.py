"""The desk's buttons: start, stop, the call to action, the messages after the webinar; each one command."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from contracts import (
    Capability,
    Command,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    DeliveryState,
    PostWebinarFollowupControl,
    StatusContext,
    WebinarEvent,
    WebinarStatus,
)
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from room_ui import domain
from room_ui.i18n import mark as _
from room_ui.pages import queries
from room_ui.pages.asking import ask, is_confirmed
from room_ui.pages.commanding import send
from room_ui.pages.desk import webinar_page
from room_ui.pages.forms import command_id, form_id, uuid_or_none
from room_ui.pages.health import ask_core
from room_ui.pages.known import known_room, take_in
from room_ui.pages.rendering import language_of, now_of
from room_ui.pages.words import delivery_words
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()
EARLY = timedelta(minutes=15)
"""A start that comes more than this before its time is asked about first."""

BEFORE_RESENDING: Mapping[str, str] = {
    DeliveryState.UNCERTAIN: _(
        "We handed it to Telegram, and no answer came back: it may have arrived already. Then the person gets it "
        "twice. Ask them first, if you can."
    ),
    DeliveryState.BLOCKED: _("The person has blocked our bot. It can only arrive after they have let it write again."),
    DeliveryState.NOT_LINKED: _("The person has no Telegram linked. It can only arrive after they have linked it."),
}
"""What a host should know before a message is sent again, by its state."""

Running = Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE_STATUS))]
Showing = Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE_CTA))]
Managing = Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE))]


def _context(viewer: Viewer) -> StatusContext:
    return StatusContext(source="desk", actor_id=viewer.account_id)


async def _press(request: Request, webinar_id: UUID, command: Command, done: str) -> Response:
    """Send a button's command; go back to the desk when it was done, else say at once why not."""
    message_id = command_id(form_id(await request.form()), command.topic, command.model_dump(mode="json"))
    hand_over = send if isinstance(command, PostWebinarFollowupControl) else ask_core
    outcome = await hand_over(request, command, message_id)
    if outcome.reply is not None:
        await take_in(request, outcome.reply.webinar)
        return RedirectResponse(f"/admin_webinar/{webinar_id}?done={done}", 303)
    if outcome.unanswered:
        return RedirectResponse(f"/admin_webinar/{webinar_id}?done=unknown", 303)
    room = await known_room(request, webinar_id)
    return await webinar_page(request, room, notice=outcome.notice(language_of(request)), status=outcome.status)


def is_early(webinar: WebinarEvent, request: Request) -> bool:
    """Whether a start now would come long before its time."""
    return (
        webinar.status is WebinarStatus.SCHEDULED
        and not webinar.cancelled
        and webinar.scheduled_at is not None
        and webinar.scheduled_at - now_of(request) > EARLY
    )


@router.post("/admin_webinar/{webinar_id}/start")
async def start(request: Request, webinar_id: UUID, viewer: Running) -> Response:
    """Go on air; long before the time only after a second question."""
    webinar = (await known_room(request, webinar_id)).webinar
    if is_early(webinar, request) and not await is_confirmed(request):
        return ask(
            request,
            webinar,
            _("Start before the time?"),
            _("It is planned for later. Who is in the room now will see it begin; the others will come at the time."),
            _("Yes, start now"),
        )
    command = CoreWebinarSetStatus(webinar_id=webinar_id, status="start", context=_context(viewer))
    return await _press(request, webinar_id, command, "start")


@router.post("/admin_webinar/{webinar_id}/stop")
async def stop(request: Request, webinar_id: UUID, viewer: Running) -> Response:
    """End the webinar, after a second question."""
    webinar = (await known_room(request, webinar_id)).webinar
    if webinar.status in domain.ON_AIR and not await is_confirmed(request):
        return ask(
            request,
            webinar,
            _("Stop the webinar?"),
            _("It ends for everybody and cannot be started again. Then the messages are planned."),
            _("Yes, stop"),
            is_final=True,
        )
    command = CoreWebinarSetStatus(webinar_id=webinar_id, status="stop", context=_context(viewer))
    return await _press(request, webinar_id, command, "stop")


@router.post("/admin_webinar/{webinar_id}/cta/{wish}")
async def set_cta(request: Request, webinar_id: UUID, wish: Literal["show", "hide"], viewer: Showing) -> Response:
    """Show or hide the call to action."""
    command = CoreWebinarSetCtaVisibility(webinar_id=webinar_id, visible=wish == "show", context=_context(viewer))
    return await _press(request, webinar_id, command, f"cta-{wish}")


@router.post("/admin_webinar/{webinar_id}/overrun")
async def put_off(request: Request, webinar_id: UUID, viewer: Managing) -> Response:
    """Put the automatic stop off; the form says to how many minutes past the planned end."""
    form = await request.form()
    given, version = str(form.get("overrun_minutes", "")), str(form.get("expected_version", ""))
    command = CoreWebinarUpsert(
        webinar_id=webinar_id,
        expected_version=int(version) if version.isdecimal() and len(version) < 19 else None,
        action=None,
        overrun_minutes=int(given) if given.isdecimal() and len(given) < 9 else given,
    )
    return await _press(request, webinar_id, command, "overrun")


@router.post("/admin_webinar/{webinar_id}/followups/resend")
async def resend(request: Request, webinar_id: UUID, viewer: Managing) -> Response:
    """Send one message once more, after a second question; what is not known here is left to post-webinar."""
    delivery_id = uuid_or_none((await request.form()).get("delivery_id"))
    known = await queries.delivery(parts_of(request).database.pool, delivery_id) if delivery_id else None
    if known is not None and not await is_confirmed(request):
        line, language = known.delivery, language_of(request)
        return ask(
            request,
            (await known_room(request, webinar_id)).webinar,
            _("Send this message again?"),
            BEFORE_RESENDING.get(line.state, _("It was not delivered. It will be sent once more, now.")),
            _("Yes, send it again"),
            about=f"{known.name or '–'} – {delivery_words(language, line.recipient, line.step, line.state)}",
            hidden={"delivery_id": str(line.delivery_id)},
        )
    command = PostWebinarFollowupControl(action="resend", delivery_id=delivery_id)
    return await _press(request, webinar_id, command, "resend")


@router.post("/admin_webinar/{webinar_id}/followups/{action}")
async def control_followups(
    request: Request, webinar_id: UUID, action: Literal["hold", "release", "cancel"], viewer: Managing
) -> Response:
    """Hold, release or cancel the messages of a webinar; cancel only after a second question."""
    if action == "cancel" and not await is_confirmed(request):
        return ask(
            request,
            (await known_room(request, webinar_id)).webinar,
            _("Cancel the messages?"),
            _("Nobody who has not got theirs yet will get one, neither candidates nor partners. It is for good."),
            _("Yes, cancel them"),
            is_final=True,
        )
    command = PostWebinarFollowupControl(webinar_id=webinar_id, action=action)
    return await _press(request, webinar_id, command, "cancel-messages" if action == "cancel" else action)
