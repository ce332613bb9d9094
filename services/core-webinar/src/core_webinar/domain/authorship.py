"""Who changed something, through what, and why."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from contracts import StatusContext


@dataclass(frozen=True, slots=True)
class Authorship:
    """The author of a change: an account at the desk by a message, or the system without either."""

    source: Literal["desk", "system"]
    actor_id: str | None = None
    message_id: UUID | None = None
    reason: str | None = None

    def as_context(self) -> StatusContext:
        """Return what other services are told of it."""
        return StatusContext(source=self.source, actor_id=self.actor_id, reason=self.reason)
