"""The one place where the tracker's parts meet."""

from servicekit import Service

from tracker.handlers import router
from tracker.settings import TrackerSettings


def create_service(settings: TrackerSettings) -> Service:
    """Return the tracker, ready to run."""
    return Service("tracker", settings=settings, router=router, parts=(settings,), migrations="tracker")
