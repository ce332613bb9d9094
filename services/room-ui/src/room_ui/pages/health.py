"""What the desk says of the connections behind it: whether Core answers, whether messages flow."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts import Command
from fastapi import Request

from room_ui.pages.commanding import Outcome, send
from room_ui.pages.rendering import now_of
from room_ui.web import parts_of


@dataclass(frozen=True, slots=True)
class CoreAnswer:
    """What became of the last command that this instance sent to Core, and when."""

    answered: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """The connections behind the desk, as this instance knows them."""

    broker: bool
    """Whether messages to the other services leave at once."""
    core: CoreAnswer | None
    """None: nothing has been asked yet since this instance began."""


async def ask_core(request: Request, command: Command, message_id: UUID) -> Outcome:
    """Send a command to Core, and remember whether it answered."""
    outcome = await send(request, command, message_id)
    has_answered = not (outcome.not_sent or outcome.unanswered)
    request.app.state.core_answer = CoreAnswer(has_answered, now_of(request))
    return outcome


def health(request: Request) -> Health:
    """Return how the connections are now."""
    return Health(parts_of(request).is_broker_connected(), getattr(request.app.state, "core_answer", None))
