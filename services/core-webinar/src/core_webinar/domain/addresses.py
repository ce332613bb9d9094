"""Which addresses a webinar may carry."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from contracts import StreamType

from core_webinar.domain.refusal import invalid

FRAME_HOSTS = frozenset(
    {
        "youtube.com",
        "www.youtube.com",
        "youtube-nocookie.com",
        "www.youtube-nocookie.com",
        "vk.com",
        "vk.ru",
        "vkvideo.ru",
        "live.vkvideo.ru",
        "rutube.ru",
        "vimeo.com",
        "player.vimeo.com",
    }
)
"""Hosts whose pages may stand in the room's frames; an operator adds to them with `FRAME_HOSTS`."""

PLATFORM_HOSTS = {
    StreamType.EMBED: (),
    StreamType.ZOOM: ("zoom.us", "zoom.com"),
    StreamType.TELEGRAM: ("t.me", "telegram.me"),
}
"""Hosts, with everything below them, that a button to the outside platform may lead to; never shown in a frame."""

LONGEST_ADDRESS = 2000

_HOST = re.compile(r"(?=.{1,253}(:|$))[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?")
# Where people are only led to, hosts are as people write them: in any alphabet, some with an underscore.
_WRITTEN_HOST = re.compile(r"(?=.{1,253}$)[\w]([\w-]*[\w])?(\.[\w]([\w-]*[\w])?)*")
# Browsers read a backslash as a slash; quotes and angle brackets are never part of an address.
_ALIEN = re.compile(r'[\s\\"<>]')


def frame_hosts(extra: Iterable[str]) -> frozenset[str]:
    """Return the built-in frame hosts and `extra` ones (`host` or `host:port`); raises `ValueError`."""
    hosts = {host.strip().lower() for host in extra if host.strip()}
    for host in hosts:
        if not _HOST.fullmatch(host):
            raise ValueError(f"{host!r} is not a host name (with a port, if it needs one)")
    return FRAME_HOSTS | {host.removesuffix(":443") for host in hosts}


def is_plain(address: str) -> bool:
    """Whether `address` holds only what an address may hold; letters of every alphabet are fine."""
    return address.isprintable() and not _ALIEN.search(address)


def https_host(field: str, address: str, shape: re.Pattern[str] = _WRITTEN_HOST) -> str:
    """Return the host (with a port that is not the usual one) of an https address; raises a `Refusal` otherwise."""
    if len(address) > LONGEST_ADDRESS:
        raise invalid(field, f"The address is longer than {LONGEST_ADDRESS} characters.")
    if not is_plain(address):
        raise invalid(field, "The address has characters that do not belong into one.")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme != "https" or not shape.fullmatch(host) or parts.username is not None:
        raise invalid(field, "The address has to begin with https:// and a host name.")
    return host if port in {None, 443} else f"{host}:{port}"


def check_frame_address(field: str, address: str, stream_type: StreamType, allowed: frozenset[str]) -> None:
    """Raise a `Refusal` where the room may not show `address`, or lead to it."""
    host = https_host(field, address, _HOST)
    if host in allowed or any(host == known or host.endswith(f".{known}") for known in PLATFORM_HOSTS[stream_type]):
        return
    raise invalid(field, f"{host} is not on the list of hosts that the room may show.")


def check_link(field: str, link: str) -> None:
    """Raise a `Refusal` where `link` is neither an https address nor a path of our own."""
    if link.startswith("/"):
        if len(link) > LONGEST_ADDRESS or not is_plain(link) or link.startswith("//"):
            raise invalid(field, "The path has to begin with one / and hold no spaces or backslashes.")
        return
    https_host(field, link)
