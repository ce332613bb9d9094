"""Alembic's door to this service's tables."""

from servicekit.migrations import run_env

from room_ui.tables import RoomUiTable

run_env(RoomUiTable.metadata)
