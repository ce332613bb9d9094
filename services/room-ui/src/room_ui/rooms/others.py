"""Who is in one room on the other instances, from what they report: pure, time comes in."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts import RoomPresence

_FORGOTTEN_AFTER_INTERVALS = 3


class Others:
    """The accounts that other instances have told of lately.

    Absence from a report means nothing, so an account is here until it is said to have gone, or until its instance has
    not told of it for three intervals.
    """

    def __init__(self) -> None:
        self._here: dict[tuple[str, str], tuple[datetime, bool]] = {}

    def hear(self, report: RoomPresence, now: datetime) -> None:
        """Take a report in; `now` is the time of hearing it. Stays that are over stand before those that are not."""
        until = now + timedelta(seconds=report.interval_seconds * _FORGOTTEN_AFTER_INTERVALS)
        for entry in report.entries:
            key = report.instance_id, entry.account_id
            if entry.until is None:
                self._here[key] = until, entry.host
            else:
                self._here.pop(key, None)

    def lapse(self, now: datetime) -> None:
        """Forget who has not been told of any more."""
        self._here = {key: told for key, told in self._here.items() if told[0] > now}

    def participants(self) -> Iterator[str]:
        return (account_id for (_, account_id), (_, host) in self._here.items() if not host)

    def accounts(self) -> Iterator[str]:
        """Return everybody who is there, hosts too; who is on two instances comes twice."""
        return (account_id for _, account_id in self._here)
