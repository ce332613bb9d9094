"""Where Alembic begins."""

from attendance.tables import AttendanceTable
from servicekit.migrations import run_env

run_env(AttendanceTable.metadata)
