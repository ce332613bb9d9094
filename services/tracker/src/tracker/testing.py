"""Builders for tests: webinars and presence told in minutes or seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from contracts import OnAirWindow, PresenceEntry, RoomFinish, RoomPresence, WebinarEvent, WebinarStatus

WEBINAR = UUID("3f0a1f7c-5f2e-4f0e-9a44-2f1d5d0a6b10")
OTHER_WEBINAR = UUID("3f0a1f7c-5f2e-4f0e-9a44-2f1d5d0a6b11")
START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """Return the moment so many seconds after `START`."""
    return START + timedelta(seconds=seconds)


def webinar(
    *,
    version: int,
    on_air: Sequence[tuple[float, float | None]] = (),
    finished: float | None = None,
    scheduled: float = 0,
    minutes: int = 60,
    percent: int = 70,
    webinar_id: UUID = WEBINAR,
) -> WebinarEvent:
    """Return a snapshot; times are seconds after `START`, and the first window on air begins with the start."""
    if finished is not None:
        status = WebinarStatus.FINISHED
    elif on_air:
        status = WebinarStatus.LIVE if on_air[-1][1] is None else WebinarStatus.PAUSED
    else:
        status = WebinarStatus.SCHEDULED
    return WebinarEvent(
        webinar_id=webinar_id,
        version=version,
        status=status,
        title="How partners work",
        scheduled_at=at(scheduled),
        duration_minutes=minutes,
        completion_percent=percent,
        created_at=at(-86400),
        owner_id="speaker",
        started_at=at(on_air[0][0]) if on_air else None,
        finished_at=None if finished is None else at(finished),
        on_air=tuple(
            OnAirWindow.model_validate({"from": at(start), "to": None if end is None else at(end)})
            for start, end in on_air
        ),
    )


def entry(
    account_id: str,
    since: float,
    until: float | None = None,
    *,
    seen: bool = True,
    host: bool = False,
) -> PresenceEntry:
    """Return one line of a presence report; times are seconds after `START`."""
    return PresenceEntry(
        account_id=account_id, host=host, since=at(since), until=None if until is None else at(until), seen=seen
    )


def report(
    when: float,
    *entries: PresenceEntry,
    version: int = 2,
    instance: str = "room-1",
    part: int = 0,
    parts: int = 1,
    round_: int | None = None,
    interval: int = 5,
    webinar_id: UUID = WEBINAR,
) -> RoomPresence:
    """Return a presence report made `when` seconds after `START`."""
    return RoomPresence(
        webinar_id=webinar_id,
        instance_id=instance,
        round=int((when + 100_000) * 10) if round_ is None else round_,
        part=part,
        parts=parts,
        at=at(when),
        interval_seconds=interval,
        webinar_version=version,
        entries=entries,
    )


def finish(lead_id: str, when: float, *, webinar_id: UUID = WEBINAR) -> RoomFinish:
    """Return a press of "finish"."""
    return RoomFinish(lead_id=lead_id, webinar_id=webinar_id, at=at(when))
