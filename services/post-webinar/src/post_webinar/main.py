"""The one place where the parts of post-webinar meet."""

from servicekit import Service

from post_webinar.handlers import router
from post_webinar.settings import PostWebinarSettings


def create_service(settings: PostWebinarSettings) -> Service:
    """Return the service; it does nothing until it is run."""
    return Service(
        "post-webinar",
        settings=settings,
        router=router,
        parts=(settings,),
        migrations="post_webinar",
        command_keys=settings.command_verify_keys,
    )
