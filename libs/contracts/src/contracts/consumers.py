"""Services beyond the five: each names its queues in its own packaging, so that joining touches no code of ours.

A distribution with the entry points

    [project.entry-points."webinars.consumers"]
    "crm.user_attended" = "crm.handlers"

gives its service `crm` the queue `crm.user_attended`. The value says where to look; nothing of it is imported.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

GROUP = "webinars.consumers"


class UnknownQueueError(ValueError):
    """An installed distribution asks for a queue that there cannot be."""


def installed_consumers() -> tuple[tuple[str, str], ...]:
    """Return service and topic of every queue that installed distributions ask for, sorted."""
    return consumers_in(entry_points(group=GROUP))


def consumers_in(points: Iterable[EntryPoint]) -> tuple[tuple[str, str], ...]:
    """Return service and topic of each entry point, sorted; raises `UnknownQueueError` for a name of another form."""
    pairs = set()
    for point in points:
        service, dot, topic = point.name.partition(".")
        if not (service and dot and topic):
            raise UnknownQueueError(f"{point.name!r} in {GROUP}: a queue is named <service>.<topic>")
        pairs.add((service, topic))
    return tuple(sorted(pairs))
