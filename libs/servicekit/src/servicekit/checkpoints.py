"""Named points between two steps of which a process may do the first and die before the second.

Nothing happens there in production. A test watches them, to stop the process exactly there.
"""

from collections.abc import Callable
from enum import StrEnum

Watcher = Callable[["Checkpoint"], None]


class Checkpoint(StrEnum):
    """Where dying hurts most; what is done by then, and what is not."""

    COMMITTED = "committed"
    """A batch is committed, and not acknowledged: all of it comes again."""
    PUBLISHED = "published"
    """Outbox rows are confirmed by the broker, and still there: all of them are published again."""
    SET_ASIDE = "set_aside"
    """A message that failed waits in a delay queue, and is not acknowledged: it comes twice."""
    DECIDED = "decided"
    """A command is decided and committed, and not answered: its sender does not know, and the command comes again."""
    CLAIMED = "claimed"
    """A delivery is claimed, and not handed to Telegram: nobody may say that it was sent, or that it was not."""
    ANSWERED = "answered"
    """Telegram has taken a message, and the ledger does not know: to send it again would be twice."""


_watchers: list[Watcher] = []


def checkpoint(point: Checkpoint) -> None:
    """Pass a point; whoever watches is told."""
    for watcher in _watchers:
        watcher(point)


def watch(watcher: Watcher) -> None:
    """Call `watcher` at each point that this process passes from now on."""
    _watchers.append(watcher)
