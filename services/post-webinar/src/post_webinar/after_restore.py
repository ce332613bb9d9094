"""After a restore: what may have been sent after the dump is not sent again by the machine; a person decides."""

from collections.abc import Sequence

from contracts import PostWebinarRoute, Route
from servicekit import Work
from servicekit.after_restore import Finding, version_at

from post_webinar.repository import restoring

_LOOK = "Look at the webinar's page at the desk: send what people have not got."


async def settle(work: Work) -> Sequence[Finding]:
    """Doubt what was due, hold what may have been planned and sent since, say routes again that were not heard."""
    version = version_at(work.now)
    doubted = await restoring.doubt_what_was_due(work)
    held = await restoring.hold_what_may_be_over(work)
    routes = await restoring.routes_not_heard(work)
    for webinar_id, lead_id, route, routed_at in routes:
        work.announce(
            PostWebinarRoute(
                lead_id=lead_id,
                webinar_id=webinar_id,
                attended=route is Route.ATTENDED,
                timestamp=routed_at,
                route=route,
            )
        )
    told = await restoring.outdo_versions(work, version)
    return [
        Finding("messages that were due, perhaps sent already: now uncertain", doubted, _LOOK if doubted else ""),
        *(
            Finding(
                f"held: {title}", waiting, "Messages about it may have been sent: release or cancel them at the desk."
            )
            for title, waiting in held
        ),
        Finding("routes that were not heard back, said once more", len(routes)),
        Finding("messages, chats and texts, as they were, under new versions", told),
    ]
