"""`python -m room_ui`."""

from servicekit import run

from room_ui.main import create_service
from room_ui.settings import RoomUiSettings

if __name__ == "__main__":
    run(create_service(RoomUiSettings()))
