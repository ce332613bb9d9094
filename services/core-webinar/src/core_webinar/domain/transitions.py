"""The states of a webinar: start, stop, pause, resume, archive, and its call to action.

Each takes the webinar as it is and the time, and returns a `Decision` or raises a `Refusal`. Archived comes before
everything else: nothing of an archived webinar changes.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from contracts import CtaVisibility, ErrorCode, WebinarStatus

from core_webinar.domain.refusal import Refusal, invalid
from core_webinar.domain.webinar import ON_AIR, Decision, Webinar, Window


def refuse_archived(webinar: Webinar) -> None:
    """Raise a `Refusal` where the webinar is archived."""
    if webinar.status is WebinarStatus.ARCHIVED:
        raise Refusal(ErrorCode.LOCKED, "An archived webinar cannot be changed.")


def set_status(webinar: Webinar, word: object, now: datetime) -> Decision:
    """Start or stop, as `word` says."""
    refuse_archived(webinar)
    if word == "start":
        return start(webinar, now)
    if word == "stop":
        return stop(webinar, now)
    raise Refusal(ErrorCode.STATUS_UNKNOWN, f"The status can be set to start or stop, not to {str(word)[:40]!r}.")


def start(webinar: Webinar, now: datetime) -> Decision:
    """Go on air; before the planned time too. Of a live webinar: nothing changes."""
    refuse_archived(webinar)
    match webinar.status:
        case WebinarStatus.LIVE:
            return Decision(webinar, webinar)
        case WebinarStatus.FINISHED:
            raise Refusal(ErrorCode.INVALID_RESTART, "The webinar has finished; it cannot start again.")
        case WebinarStatus.PAUSED:
            raise Refusal(ErrorCode.INVALID_START, "The webinar has started already and is paused; it can be resumed.")
        case WebinarStatus.DRAFT:
            raise Refusal(ErrorCode.INVALID_START, "A draft cannot start; publish it first.")
    if webinar.cancelled:
        raise Refusal(ErrorCode.INVALID_START, "A cancelled webinar cannot start; restore it first.")
    return _moved(webinar, now, WebinarStatus.LIVE, started_at=now, on_air=(Window(now),))


def stop(webinar: Webinar, now: datetime) -> Decision:
    """End for good, from live or paused. Of a finished webinar: nothing changes, least of all `finished_at`."""
    refuse_archived(webinar)
    if webinar.status is WebinarStatus.FINISHED:
        return Decision(webinar, webinar)
    if webinar.status not in ON_AIR:
        raise Refusal(ErrorCode.INVALID_STOP, "The webinar is not on air.")
    moment = webinar.not_before(now)
    return _moved(webinar, now, WebinarStatus.FINISHED, finished_at=moment, on_air=_closed(webinar.on_air, moment))


def pause(webinar: Webinar, now: datetime) -> Decision:
    """Stop the watching time. Of a paused webinar: nothing changes."""
    refuse_archived(webinar)
    if webinar.status is WebinarStatus.PAUSED:
        return Decision(webinar, webinar)
    if webinar.status is not WebinarStatus.LIVE:
        raise Refusal(ErrorCode.INVALID_STOP, "The webinar is not on air.")
    return _moved(webinar, now, WebinarStatus.PAUSED, on_air=_closed(webinar.on_air, webinar.not_before(now)))


def resume(webinar: Webinar, now: datetime) -> Decision:
    """Go on after a pause. Of a live webinar: nothing changes."""
    refuse_archived(webinar)
    match webinar.status:
        case WebinarStatus.LIVE:
            return Decision(webinar, webinar)
        case WebinarStatus.FINISHED:
            raise Refusal(ErrorCode.INVALID_RESTART, "The webinar has finished; it cannot go on.")
        case WebinarStatus.DRAFT | WebinarStatus.SCHEDULED:
            raise Refusal(ErrorCode.INVALID_START, "The webinar has not started; only a paused one can go on.")
    opened = (*webinar.on_air, Window(webinar.not_before(now)))
    return _moved(webinar, now, WebinarStatus.LIVE, on_air=opened)


def archive(webinar: Webinar, now: datetime) -> Decision:
    """Lock a finished webinar for ever."""
    refuse_archived(webinar)
    if webinar.status is not WebinarStatus.FINISHED:
        raise Refusal(ErrorCode.INVALID_ARCHIVE, "Only a finished webinar can be archived.")
    return _moved(webinar, now, WebinarStatus.ARCHIVED)


def set_cta_visibility(webinar: Webinar, visible: object, now: datetime) -> Decision:
    """Show or hide the call to action; after the end too."""
    refuse_archived(webinar)
    if not isinstance(visible, bool):
        raise invalid("visible", "This has to be true or false.")
    visibility = CtaVisibility.VISIBLE if visible else CtaVisibility.HIDDEN
    if visibility is webinar.cta_visibility:
        return Decision(webinar, webinar)
    moment = webinar.cta_not_before(now)
    windows = _closed(webinar.cta_windows, moment)
    if visible:
        windows = (*windows, Window(moment))
    return Decision(webinar, webinar.revised(now, cta_visibility=visibility, cta_windows=windows))


def _moved(webinar: Webinar, now: datetime, status: WebinarStatus, **changes: object) -> Decision:
    return Decision(webinar, webinar.revised(now, status=status, **changes))


def _closed(windows: Iterable[Window], moment: datetime) -> tuple[Window, ...]:
    """The windows with the open one, if any, closed at `moment`."""
    return tuple(replace(window, end=window.end or moment) for window in windows)
