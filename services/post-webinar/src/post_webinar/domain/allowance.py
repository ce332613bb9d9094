"""How fast messages may go: at most 30 a second in all and one a second per chat, as Telegram allows."""

from collections.abc import Hashable

SPACING_SECONDS = 1 / 28
"""Evenly, and a little under 30 a second, so that the network's jitter does not make it more at the other end."""
CHAT_SPACING_SECONDS = 1.05


class Allowance:
    """When the next message may go. Times are seconds of a monotonic clock, handed in by the caller.

    It starts empty: what a predecessor sent in the last second is not known.
    """

    def __init__(self, now: float) -> None:
        self._ready_at = now + CHAT_SPACING_SECONDS
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
        self._ready_at = max(self._ready_at, now) + SPACING_SECONDS
        self._chats[chat] = now + CHAT_SPACING_SECONDS

    def pause(self, seconds: float, now: float) -> None:
        """Nothing may be sent for so long."""
        self._ready_at = max(self._ready_at, now + seconds)
