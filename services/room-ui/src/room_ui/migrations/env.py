"""Alembic's door to this service's tables."""

from room_ui.tables import RoomUiTable
from servicekit.migrations import run_env

run_env(RoomUiTable.metadata)
