"""Static files by what is in them."""

import gzip
import hashlib
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"
FILES = "/static/"
"""What the paths begin with under which they are served."""
TEXTS = frozenset({".css", ".js", ".svg"})
"""What is sent packed; fonts are packed already."""


def fingerprint(name: str) -> str:
    """Return the hash of a static file's content as it is now; read again only when the file was written again."""
    file = STATIC / name
    return _hash_of(file, file.stat().st_mtime_ns)


def packed(name: str) -> bytes:
    """Return a static file's content in gzip; packed once, and again only when the file was written again."""
    file = STATIC / name
    return _packed(file, file.stat().st_mtime_ns)


@lru_cache
def _packed(file: Path, _: int) -> bytes:
    return gzip.compress(file.read_bytes(), mtime=0)


@lru_cache
def _hash_of(file: Path, _: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
