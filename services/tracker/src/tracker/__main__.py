"""`python -m tracker`."""

from servicekit import run

from tracker.main import create_service
from tracker.settings import TrackerSettings

run(create_service(TrackerSettings()))
