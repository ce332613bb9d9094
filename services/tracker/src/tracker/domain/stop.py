"""When the outcomes of a webinar can be written: everyone who may know more has spoken, or has had their time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SILENT_AFTER = 3
"""Presence intervals after which an instance that says nothing is gone."""
LONGEST_BACKLOG = timedelta(minutes=10)
"""After so long the outcomes are written, whatever is still being read."""


@dataclass(frozen=True, slots=True)
class PartReport:
    """The last report heard of one part of what one room-ui instance tells of one webinar."""

    instance_id: str
    part: int
    parts: int
    round: int
    at: datetime
    webinar_version: int
    interval: timedelta
    heard_at: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """How long outcomes wait for reports, counted from the hearing of the finish."""

    least: timedelta
    most: timedelta


def may_finalise(
    reports: Sequence[PartReport],
    *,
    finished_version: int,
    finished_at: datetime,
    heard_at: datetime,
    now: datetime,
    wait: Wait,
) -> bool:
    """Return whether the outcomes can be written at `now`.

    Each instance heard in the last three intervals must have reported in whole with at least `finished_version`. When
    the finish itself came late (`heard_at` long after `finished_at`), something was away and silence proves nothing:
    then those are waited for that were heard in the last three intervals before all fell silent, and the longest wait
    begins anew with each report from before the finish: a backlog is being read.
    """
    if now - heard_at < wait.least:
        return False
    came_late = heard_at - finished_at > wait.least
    behind = [report.heard_at for report in reports if report.at < finished_at] if came_late else []
    if now - max([heard_at, *behind]) >= wait.most or now - heard_at >= max(wait.most, LONGEST_BACKLOG):
        return True
    of_instance: defaultdict[str, list[PartReport]] = defaultdict(list)
    for report in reports:
        of_instance[report.instance_id].append(report)
    newest = [max(parts, key=lambda report: report.at) for parts in of_instance.values()]
    reference = min(now, max((last.heard_at for last in newest), default=now)) if came_late else now
    return all(
        _told_all(of_instance[last.instance_id], last, finished_version)
        for last in newest
        if reference - last.heard_at <= SILENT_AFTER * last.interval
    )


def _told_all(parts: Sequence[PartReport], last: PartReport, version: int) -> bool:
    """Whether every part of the round of `last` was heard, told by an instance that knew of `version`."""
    whole = {part.part for part in parts if part.round == last.round and part.webinar_version >= version}
    return whole.issuperset(range(last.parts))
