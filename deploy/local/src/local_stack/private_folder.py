"""Folders for the data of servers that live as long as a test session or a script; swept when their owner died."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from local_stack.paths import make_passable, state_dir

LOCK = "owner.lock"


class PrivateFolder:
    """A folder below `.run/private`, locked while this process lives and removed with `remove()`."""

    def __init__(self, name: str) -> None:
        top = make_passable(state_dir() / "private")
        sweep(top)
        self.path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=top))
        self.path.chmod(0o711)
        self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def remove(self) -> None:
        """Remove the folder and all that lies in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def folders_in_use() -> list[Path]:
    """Return the folders of processes that are alive; those of others are removed."""
    top = state_dir() / "private"
    if not top.is_dir():
        return []
    sweep(top)
    return list(top.iterdir())


def sweep(top: Path) -> None:
    """Remove the folders of processes that were killed before they could."""
    for folder in top.iterdir():
        try:
            handle = os.open(folder / LOCK, os.O_RDWR)
        except FileNotFoundError:
            # Being made at this moment, or being removed.
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def give(folder: Path, user: int | None) -> None:
    """Make `folder` with all in it belong to the user that a server runs as."""
    if user is None:
        return
    os.chown(folder, user, user)
    for inner in folder.rglob("*"):
        os.chown(inner, user, user, follow_symlinks=False)
