"""Static files by what is in them."""

import hashlib
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


def fingerprint(name: str) -> str:
    """Return the hash of a static file's content as it is now; read again only when the file was written again."""
    file = STATIC / name
    return _hash_of(file, file.stat().st_mtime_ns)


@lru_cache
def _hash_of(file: Path, _: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
