"""How fast messages may go: at most 30 a second in all and one a second per chat, as Telegram allows."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """How many seconds there are between two messages: of all, and of one chat."""

    spacing: float
    chat_spacing: float


TELEGRAMS_PACE = Pace(spacing=1 / 28, chat_spacing=1.05)
"""Evenly, and a little slower than is allowed, so that the network's jitter does not make it more at the other end."""


class Allowance:
    """When the next message may go. Times are seconds of a monotonic clock, handed in by the caller.

    It starts empty: what a predecessor sent in the last second is not known.
    """

    def __init__(self, now: float, pace: Pace) -> None:
        self._pace = pace
        self._ready_at = now + pace.chat_spacing
        self._chats: dict[Hashable, float] = {}

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing may be sent."""
        return max(0.0, self._ready_at - now)

    def wait_for(self, chat: Hashable, now: float) -> float:
        """Return for how many seconds nothing may be sent to this chat."""
        return max(self.wait(now), self._chats.get(chat, now) - now, 0.0)

    def busy(self, now: float) -> list[Hashable]:
        """Return the chats that must still wait."""
        self._chats = {chat: free_at for chat, free_at in self._chats.items() if free_at > now}
        return list(self._chats)

    def take(self, chat: Hashable, now: float) -> None:
        """A message goes to this chat now."""
        # Counted from now and not from the slot that was missed: nothing is made up for in a burst.
        self._ready_at = max(self._ready_at, now) + self._pace.spacing
        self._chats[chat] = now + self._pace.chat_spacing

    def pause(self, seconds: float, now: float) -> None:
        """Nothing may be sent for so long."""
        self._ready_at = max(self._ready_at, now + seconds)
