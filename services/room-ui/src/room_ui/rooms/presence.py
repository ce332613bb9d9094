"""Who is in one room on this instance, as facts about the past: pure, time comes in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts import PresenceEntry

POLL_LASTS = timedelta(seconds=15)
"""Without a stream, a page that asks for the state now and then counts as here until this long after it last did."""
SEEN_LASTS = timedelta(seconds=2)
"""A page that only said "seen" holds its stream elsewhere: here it is for the moment."""


@dataclass(slots=True)
class _Stay:
    """One account's being here without a break; with no connections it is by polling, `polled_at` the last time."""

    account_id: str
    host: bool
    since: datetime
    connections: int = 0
    polled_at: datetime | None = None
    lasts: timedelta = SEEN_LASTS
    seen_at: datetime | None = None
    until: datetime | None = None


class Presence:
    """One room's accounts on this instance; tabs of one account are one stay.

    A stay that is over is told until a report with it was confirmed. `news` are the accounts here with something to
    tell since the last report.
    """

    def __init__(self) -> None:
        self._here: dict[str, _Stay] = {}
        self._over: list[_Stay] = []
        self.news: set[str] = set()
        self.started_at: datetime | None = None
        """When the webinar began. Before, "seen" is since the opening of the room; from then on, since the start."""
        self.has_ended = False
        """After the end nothing is seen any more: a look at the goodbye is no look at the webinar."""

    def connect(self, account_id: str, now: datetime, *, host: bool) -> None:
        """A stream of this account was opened."""
        self._stay(account_id, now, host).connections += 1

    def disconnect(self, account_id: str, now: datetime) -> None:
        """A stream of this account was closed; with the last one the account is gone."""
        stay = self._here.get(account_id)
        if stay is None or stay.connections == 0:
            return
        stay.connections -= 1
        if stay.connections == 0:
            self._leave(stay, now)

    def poll(self, account_id: str, now: datetime, *, host: bool) -> None:
        """A page of this account asked without holding a stream; it counts for `POLL_LASTS`."""
        stay = self._stay(account_id, now, host)
        stay.polled_at, stay.lasts = now, POLL_LASTS

    def mark_seen(self, account_id: str, now: datetime, *, host: bool) -> None:
        """A page of this account is visible; it may tell an instance without its stream."""
        stay = self._stay(account_id, now, host)
        if stay.connections == 0:
            stay.polled_at = now
        if not self.has_ended:
            if not self._is_seen(stay):
                self.news.add(account_id)
            stay.seen_at = now

    def lapse(self, now: datetime) -> None:
        """End the stays of accounts that hold no stream and ask no more: they were here until they last did."""
        for stay in list(self._here.values()):
            if stay.connections == 0 and stay.polled_at is not None and now - stay.polled_at > stay.lasts:
                self._leave(stay, stay.polled_at)

    def participants(self) -> Iterator[str]:
        return (stay.account_id for stay in self._here.values() if not stay.host)

    def accounts(self) -> Iterable[str]:
        """Return everybody who is here, hosts too."""
        return self._here.keys()

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here and everybody's leaving was reported."""
        return not self._here and not self._over

    def over(self) -> list[PresenceEntry]:
        """Return the stays that are over, the oldest first; all of them until `confirm`."""
        return [self._entry(stay) for stay in self._over]

    def confirm(self, over: int) -> None:
        """The first `over` of the stays that are over were in a report that the broker has."""
        del self._over[:over]

    def here(self, only: Iterable[str] | None = None) -> list[PresenceEntry]:
        """Return the stays of who is here (of `only` those)."""
        wanted = self._here if only is None else only
        return [self._entry(self._here[account_id]) for account_id in wanted if account_id in self._here]

    def _stay(self, account_id: str, now: datetime, host: bool) -> _Stay:
        stay = self._here.get(account_id)
        if stay is None:
            stay = self._here[account_id] = _Stay(account_id, host, since=now)
            self.news.add(account_id)
        return stay

    def _leave(self, stay: _Stay, until: datetime) -> None:
        del self._here[stay.account_id]
        self.news.discard(stay.account_id)
        stay.until = max(until, stay.since)
        self._over.append(stay)

    def _is_seen(self, stay: _Stay) -> bool:
        return stay.seen_at is not None and (self.started_at is None or stay.seen_at >= self.started_at)

    def _entry(self, stay: _Stay) -> PresenceEntry:
        return PresenceEntry(
            account_id=stay.account_id, host=stay.host, since=stay.since, until=stay.until, seen=self._is_seen(stay)
        )
