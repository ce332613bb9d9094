"""What a browser is given to keep: signed values, pure."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

_SESSION_ID_BYTES = 18
_LONGEST_COOKIE = 200


def _sign(key: bytes, purpose: str, value: str) -> str:
    digest = hmac.new(key, f"{purpose}:{value}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_signed(keys: Sequence[bytes], purpose: str, value: str, signature: str) -> bool:
    return any(hmac.compare_digest(_sign(key, purpose, value).encode(), signature.encode()) for key in keys)


def new_session_id() -> str:
    """Return 144 random bits as text without dots."""
    return secrets.token_urlsafe(_SESSION_ID_BYTES)


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """What a session cookie claims; trust it only when it comes out of `read_session_cookie`."""

    session_id: str
    expires_at: datetime


def write_session_cookie(cookie: SessionCookie, keys: Sequence[bytes]) -> str:
    """Return `session_id.expires.HMAC`, signed with the first key."""
    value = f"{cookie.session_id}.{int(cookie.expires_at.timestamp())}"
    return f"{value}.{_sign(keys[0], 'session', value)}"


def read_session_cookie(text: str, keys: Sequence[bytes], now: datetime) -> SessionCookie | None:
    """Return what the cookie says; None for a forged, broken or expired one."""
    value, _, signature = text.rpartition(".")
    session_id, _, expires = value.rpartition(".")
    if len(text) > _LONGEST_COOKIE or not session_id or not (expires.isascii() and expires.isdigit()):
        return None
    if len(expires) > 11 or not _is_signed(keys, "session", value, signature):
        return None
    expires_at = datetime.fromtimestamp(int(expires), UTC)
    return SessionCookie(session_id, expires_at) if now < expires_at else None


def session_csrf_tokens(session_id: str, keys: Sequence[bytes]) -> list[str]:
    """Return the tokens that a form of this session may carry: one per key, the first for new forms."""
    return [_sign(key, "csrf", session_id) for key in keys]


def new_guest_token(keys: Sequence[bytes]) -> str:
    """Return a signed random value: the same goes into a guest's cookie and into the form."""
    nonce = secrets.token_urlsafe(16)
    return f"{nonce}.{_sign(keys[0], 'guest', nonce)}"


def is_guest_token(text: str, keys: Sequence[bytes]) -> bool:
    """Whether `text` is a value that we gave to a guest."""
    nonce, _, signature = text.rpartition(".")
    return len(text) <= _LONGEST_COOKIE and bool(nonce) and _is_signed(keys, "guest", nonce, signature)


def new_link_token() -> str:
    """Return the secret of a one-time link: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> bytes:
    """Return what is kept of a one-time secret."""
    return hashlib.sha256(token.encode()).digest()
