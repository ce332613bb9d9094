"""`python -m post_webinar`."""

from servicekit import run

from post_webinar.main import create_service
from post_webinar.settings import PostWebinarSettings

run(create_service(PostWebinarSettings()))
