"""Passwords: argon2 in two worker threads, so that a crowd signing in takes neither the loop nor all memory."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher()
_WORKERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")


class _Nobody:
    """A hash to check against where there is no account: an unknown login takes as long as a wrong password."""

    hash: str | None = None

    @classmethod
    def get(cls) -> str:
        if cls.hash is None:
            cls.hash = _HASHER.hash("nobody has this password")
        return cls.hash


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        _HASHER.verify(password_hash or _Nobody.get(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


async def hash_password(password: str) -> str:
    """Return the argon2id hash, with its salt and cost in it."""
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, _HASHER.hash, password)


async def is_password(password_hash: str | None, password: str) -> bool:
    """Whether it is the password; never for an account without one."""
    return await asyncio.get_running_loop().run_in_executor(_WORKERS, _verify, password_hash, password)
