"""The one place where the parts of core-webinar meet."""

from servicekit import Service

from core_webinar.handlers import router
from core_webinar.settings import CoreWebinarSettings


def create_service(settings: CoreWebinarSettings) -> Service:
    """Return the service; it does nothing until it is run."""
    return Service(
        "core-webinar",
        settings=settings,
        router=router,
        parts=(settings,),
        migrations="core_webinar",
        command_keys=settings.command_verify_keys,
    )
