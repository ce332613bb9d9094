"""`python -m attendance`."""

from servicekit import run

from attendance.main import create_service
from attendance.settings import AttendanceSettings

run(create_service(AttendanceSettings()))
