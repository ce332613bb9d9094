"""Where Alembic begins."""

from servicekit.migrations import run_env

from tracker.tables import TrackerTable

run_env(TrackerTable.metadata)
