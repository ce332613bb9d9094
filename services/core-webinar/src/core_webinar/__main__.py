"""`python -m core_webinar`."""

from servicekit import run

from core_webinar.main import create_service
from core_webinar.settings import CoreWebinarSettings

if __name__ == "__main__":
    run(create_service(CoreWebinarSettings()))
