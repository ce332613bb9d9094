"""How often who may ask for what a request costs: pure, time comes in.

Each process counts by itself, in memory. What has to hold over all of them (attempts to sign in) is counted in rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from room_ui.rooms.throttle import Allowance

_SWEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Pace:
    """`burst` requests at once, then `per_second`."""

    per_second: float
    burst: int

    @property
    def retry_after(self) -> int:
        """In how many seconds there is one more."""
        return ceil(1 / self.per_second)


READS, WRITES = Pace(10, 400), Pace(10, 400)
"""Of one session, over all pages and endpoints of the application."""
GUESTS_READ, GUESTS_WRITE = Pace(200, 2_000), Pace(20, 400)
"""Of all guests of one address: a whole town may sit behind that of a mobile network, and what guests read is cheap."""
SLOWER: Mapping[tuple[str, str], Pace] = {
    ("GET", "/webinars/{webinar_id}.ics"): Pace(5, 100),
    ("GET", "/account/link/{token}"): Pace(10, 400),
    ("POST", "/account/link/{token}"): Pace(10, 400),
    ("POST", "/account/telegram/"): Pace(0.2, 10),
    ("GET", "/account/candidates/"): Pace(2, 30),
    ("GET", "/admin_webinar/people/"): Pace(2, 30),
    ("POST", "/admin_webinar/people/{account_id}/{switch}"): Pace(1, 30),
    ("POST", "/admin_webinar/people-import/"): Pace(0.5, 60),
    ("GET", "/admin_webinar/{webinar_id}/report.csv"): Pace(0.5, 20),
}
"""What costs more, or is worth guessing, has a pace of its own beside the usual one.

An office of hundreds comes in by one-time links from one address within minutes; they are too long to be guessed.
"""
FREE = frozenset({("GET", "/webinars/")})
"""Kept in memory, and asked for by a whole crowd within the second when it is told of a change."""


def network_of(address: str) -> str:
    """Return what attempts are counted for: an address, or in IPv6 the network of 64 bits that one customer has."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or ip_network((found, 64), strict=False))


class Limits:
    """Who has asked how often."""

    def __init__(self) -> None:
        self._allowances: dict[str, tuple[Pace, Allowance]] = {}
        self._swept_at = 0.0
        self._keep("read", READS)
        self._keep("write", WRITES)
        self._keep("guests read", GUESTS_READ)
        self._keep("guests write", GUESTS_WRITE)
        for (method, path), pace in SLOWER.items():
            self._keep(f"{method} {path}", pace)

    def _keep(self, name: str, pace: Pace) -> None:
        self._allowances[name] = pace, Allowance(per_second=pace.per_second, burst=pace.burst)

    def wait(self, method: str, path: str, *, session_id: str | None, address: str, at: float) -> int | None:
        """Count a request for the route `path`; returns in how many seconds to come again, None when it may pass."""
        if at - self._swept_at >= _SWEPT_SECONDS:
            self._swept_at = at
            for _, allowance in self._allowances.values():
                allowance.forget_quiet(at)
        if (method, path) in FREE:
            return None
        kind = "read" if method == "GET" else "write"
        who = session_id or network_of(address)
        for name in (f"{method} {path}", kind if session_id else f"guests {kind}"):
            if name in self._allowances:
                pace, allowance = self._allowances[name]
                if not allowance.takes(who, at):
                    return pace.retry_after
        return None
