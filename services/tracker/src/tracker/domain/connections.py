"""What presence reports tell of connections, put together."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from contracts import RoomPresence

from tracker.domain.participation import Presence


class Connection(NamedTuple):
    """One connection of one participant to one room-ui instance, named by when it began."""

    webinar_id: UUID
    lead_id: str
    instance_id: str
    since: datetime


def connections(reports: Iterable[RoomPresence]) -> dict[Connection, Presence]:
    """Return what the reports tell together of each connection of a participant; hosts are passed by.

    A connection that lasts is known to have lasted until its report was made; nothing is known of the time after it.
    An entry that ends before it begins tells nothing.
    """
    told: dict[Connection, Presence] = {}
    for report in reports:
        for entry in report.entries:
            until = min(entry.until or report.at, report.at)
            if entry.until is None:
                until = max(until, entry.since)
            if entry.host or until < entry.since:
                continue
            key = Connection(report.webinar_id, entry.account_id, report.instance_id, entry.since)
            seen_version = report.webinar_version if entry.seen else None
            unseen_at = None if entry.seen else report.at
            known = told.get(key)
            if known is not None:
                until = max(until, known.until)
                seen_version = max(seen_version or -1, known.seen_version or -1)
                seen_version = None if seen_version < 0 else seen_version
                unseen_at = max((at for at in (unseen_at, known.unseen_at) if at is not None), default=None)
            told[key] = Presence(entry.since, until, seen_version, unseen_at)
    return told
