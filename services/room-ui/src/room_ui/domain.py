"""Rules of the schedule and of who sees what: pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from contracts import Capability, WebinarEvent, WebinarStatus

FINISHED_STAYS_CURRENT = timedelta(hours=1)
ON_AIR = frozenset({WebinarStatus.LIVE, WebinarStatus.PAUSED})
ENDED = frozenset({WebinarStatus.FINISHED, WebinarStatus.ARCHIVED})


def planned_end(webinar: WebinarEvent) -> datetime | None:
    """Return when the webinar should be over by its plan; None while it has no time.

    On air that is Core's word: a late start moves it.
    """
    if webinar.automatic_stop_at is not None:
        return webinar.automatic_stop_at - timedelta(minutes=webinar.overrun_minutes)
    if webinar.scheduled_at is None:
        return None
    return webinar.scheduled_at + timedelta(minutes=webinar.duration_minutes)


def is_coming(webinar: WebinarEvent, now: datetime) -> bool:
    """Whether it is planned and may still begin: who never started is gone `duration_minutes` after its time."""
    end = planned_end(webinar)
    return webinar.status is WebinarStatus.SCHEDULED and end is not None and now < end


def current_webinar(webinars: Iterable[WebinarEvent], now: datetime) -> WebinarEvent | None:
    """Return the current webinar, or None.

    The live one (the earliest started), else paused, else finished less than an hour ago, else the next scheduled
    that is not cancelled.
    """
    known = list(webinars)
    far = datetime.max.replace(tzinfo=now.tzinfo)

    def started(webinar: WebinarEvent) -> tuple[datetime, str]:
        return webinar.started_at or far, str(webinar.webinar_id)

    for status in (WebinarStatus.LIVE, WebinarStatus.PAUSED):
        if on_air := [webinar for webinar in known if webinar.status is status]:
            return min(on_air, key=started)
    just_over = [
        (webinar.finished_at, str(webinar.webinar_id), webinar)
        for webinar in known
        if webinar.status is WebinarStatus.FINISHED
        and webinar.finished_at is not None
        and now - webinar.finished_at < FINISHED_STAYS_CURRENT
    ]
    if just_over:
        return max(just_over, key=lambda found: found[:2])[2]
    coming = [webinar for webinar in known if is_coming(webinar, now) and not webinar.cancelled]
    return min(coming, key=lambda webinar: (webinar.scheduled_at or far, str(webinar.webinar_id)), default=None)


def schedule(webinars: Iterable[WebinarEvent], now: datetime) -> list[WebinarEvent]:
    """Return what the public schedule lists: on air first, then the coming ones (cancelled too), soonest first."""
    listed = [webinar for webinar in webinars if webinar.status in ON_AIR or is_coming(webinar, now)]
    far = datetime.max.replace(tzinfo=now.tzinfo)
    return sorted(
        listed,
        key=lambda webinar: (
            webinar.status not in ON_AIR,
            webinar.started_at if webinar.status in ON_AIR else webinar.scheduled_at or far,
            str(webinar.webinar_id),
        ),
    )


def is_visible_to(webinar: WebinarEvent, capabilities: frozenset[Capability]) -> bool:
    """Whether there is such a webinar for who has these rights: nobody but those who manage sees a draft."""
    return webinar.status is not WebinarStatus.DRAFT or Capability.WEBINAR_MANAGE in capabilities


def accepts_finish(webinar: WebinarEvent) -> bool:
    """Whether "finish" means something now."""
    return webinar.status in ON_AIR


def newer_version(previous: int, now: datetime) -> int:
    """Return the version that follows `previous`: a restored database must not fall behind what was told before."""
    return max(previous + 1, int(now.timestamp() * 1000))
