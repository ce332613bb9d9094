"""Sending a command from a page, and what the page says to its outcome."""

from dataclasses import dataclass
from uuid import UUID

from contracts import Command, CommandError, CommandReply, ErrorCode
from fastapi import Request
from servicekit import CommandNotSent, CommandUnanswered

from room_ui.i18n import Texts
from room_ui.pages.words import NOT_SENT, UNANSWERED, Notice, refusal_words
from room_ui.web import parts_of, viewer_of

STATUS_OF = {
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.DELIVERY_NOT_FOUND: 404,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.UNAUTHENTICATED: 403,
    ErrorCode.INVALID_FIELD: 422,
    ErrorCode.EXPIRED: 503,
    ErrorCode.UNAVAILABLE: 503,
}
"""The status of a page that shows a refusal; 409 for all others: the webinar is not in a state for this."""


@dataclass(frozen=True)
class Outcome:
    """What became of a command: exactly one of done (`reply`), refused (`error`), `not_sent`, `unanswered`."""

    reply: CommandReply | None = None
    error: CommandError | None = None
    not_sent: bool = False
    unanswered: bool = False

    @property
    def is_done(self) -> bool:
        return self.reply is not None

    @property
    def status(self) -> int:
        """The status of the page that tells of it."""
        if self.error is not None:
            return STATUS_OF.get(self.error.code, 409)
        return 503 if self.not_sent else 200

    def notice(self, texts: Texts, *, unanswered: str = UNANSWERED) -> Notice | None:
        """Return the words for everything but "done"; `unanswered` where the page says more of that."""
        if self.error is not None:
            return Notice("bad", refusal_words(texts, self.error), self.error.code)
        if self.not_sent:
            return Notice("bad", texts.gettext(NOT_SENT), ErrorCode.UNAVAILABLE)
        return Notice("plain", texts.gettext(unanswered)) if self.unanswered else None


def _story(request: Request, command: Command) -> str | None:
    """Return the id under which the webinar's story is told from its start on; before, a command has its own."""
    webinar_id = getattr(command, "webinar_id", None)
    webinar = parts_of(request).rooms.known(webinar_id) if webinar_id else None
    return str(webinar_id) if webinar is not None and webinar.started_at is not None else None


async def send(request: Request, command: Command, message_id: UUID) -> Outcome:
    """Send a command in the viewer's name and wait for its outcome."""
    try:
        reply = await parts_of(request).commands.send(
            command,
            actor=viewer_of(request).command_actor(),
            message_id=message_id,
            correlation_id=_story(request, command),
        )
    except CommandNotSent:
        return Outcome(not_sent=True)
    except CommandUnanswered:
        return Outcome(unanswered=True)
    if reply.ok:
        return Outcome(reply=reply)
    return Outcome(error=reply.error or CommandError(code=ErrorCode.UNAVAILABLE, message="refused without a reason"))
