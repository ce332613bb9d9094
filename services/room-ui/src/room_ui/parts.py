"""What the web side works with; `request.app.state.parts`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from contracts import Command, CommandReply
from servicekit import Actor, Database, HouseClock

from room_ui.accounts.accounts import Accounts
from room_ui.accounts.sessions import Sessions
from room_ui.limits import Limits
from room_ui.rooms.rooms import Rooms
from room_ui.settings import RoomUiSettings


class Commands(Protocol):
    """Sends commands and waits for the reply."""

    async def send(
        self,
        command: Command,
        *,
        actor: Actor,
        message_id: UUID,
        correlation_id: str | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> CommandReply:
        """Raises `CommandNotSent` (nothing was changed) or `CommandUnanswered` (not known yet)."""
        ...


@dataclass(frozen=True)
class Parts:
    """The parts that every page and endpoint may use."""

    settings: RoomUiSettings
    database: Database
    clock: HouseClock
    commands: Commands
    rooms: Rooms
    accounts: Accounts
    sessions: Sessions
    is_broker_connected: Callable[[], bool] = lambda: True
    """Whether what is published leaves at once."""
    limits: Limits = field(default_factory=Limits)
