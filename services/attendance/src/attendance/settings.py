"""What an operator can set."""

from servicekit import ServiceSettings


class AttendanceSettings(ServiceSettings):
    """Attendance has no settings beside those of every service."""
