"""One-time tokens that link a chat."""

import hashlib
from datetime import timedelta

TOKEN_LIVES = timedelta(minutes=15)
TOKEN_BYTES = 16
"""128 random bits."""


def token_hash(token: str) -> bytes:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).digest()
