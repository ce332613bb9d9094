"""A property that pamqp cannot read must cost its message, not the connection.

As it is, a timestamp beyond the year 9999 (somebody counts in microseconds) or an identifier that is no UTF-8 makes a
frame unreadable: the connection closes, the message comes again, and its queue is never served any more. Read
leniently it reaches the handling, which makes a dead letter of what is no valid message.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pamqp import decode

_BEGINNING = datetime.fromtimestamp(0, UTC)
_strict_timestamp: Callable[[bytes], tuple[int, Any]] = decode.timestamp
_strict_short_string: Callable[[bytes], tuple[int, Any]] = decode.short_str


def _timestamp(value: bytes) -> tuple[int, datetime]:
    try:
        consumed, moment = _strict_timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, _BEGINNING
    return consumed, moment


def _short_string(value: bytes) -> tuple[int, str]:
    try:
        consumed, text = _strict_short_string(value)
    except UnicodeDecodeError:
        return value[0] + 1, value[1 : value[0] + 1].decode(errors="replace")
    return consumed, text


def read_leniently() -> None:
    """Teach pamqp, in this process, to read what it would choke on."""
    decode.METHODS["timestamp"] = _timestamp
    decode.METHODS["shortstr"] = _short_string
    decode.TABLE_MAPPING[b"T"] = _timestamp
