"""The one place where attendance's parts meet."""

from servicekit import Service

from attendance.handlers import router
from attendance.settings import AttendanceSettings


def create_service(settings: AttendanceSettings) -> Service:
    """Return the attendance service, ready to run."""
    return Service("attendance", settings=settings, router=router, parts=(settings,), migrations="attendance")
