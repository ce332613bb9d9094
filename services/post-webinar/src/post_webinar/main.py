"""The one place where the parts of post-webinar meet."""

from servicekit import Service

from post_webinar.domain.allowance import TELEGRAMS_PACE, Pace
from post_webinar.handlers import router
from post_webinar.settings import PostWebinarSettings


def create_service(settings: PostWebinarSettings, *, pace: Pace = TELEGRAMS_PACE) -> Service:
    """Return the service; it does nothing until it is run. `pace`: how fast it may write to people."""
    return Service(
        "post-webinar",
        settings=settings,
        router=router,
        parts=(settings, pace),
        migrations="post_webinar",
        command_keys=settings.command_verify_keys,
    )
