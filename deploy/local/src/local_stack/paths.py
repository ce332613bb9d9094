"""Where this clone keeps what it makes. Standard library only: the bootstrap uses it too."""

import hashlib
import os
import pwd
import shutil
import stat
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
# Another place gives a second stack beside the clone's own one.
RUN = Path(os.environ.get("LOCAL_STACK_RUN") or ROOT / ".run").absolute()
OWNER_FILE = "belongs-to"


def ordinary_user() -> int | None:
    """Return the user id that servers drop to, or None when we are an ordinary user ourselves.

    PostgreSQL refuses to run as root, and nothing that listens should.
    """
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def open_to_others(path: Path) -> bool:
    """Tell whether a user with no rights of their own can read this file, or pass through this folder."""
    path = path.resolve()
    for folder in path.parents:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return False
    return bool(path.stat().st_mode & (stat.S_IXOTH if path.is_dir() else stat.S_IROTH))


def make_passable(folder: Path) -> Path:
    """Make a folder of ours, if it is missing, that the servers' user can pass through whatever root's umask is."""
    folder.mkdir(parents=True, exist_ok=True)
    if ordinary_user() is not None:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o111)
    return folder


def outside_run() -> Path:
    """Return the folder that replaces `.run` for servers where an ordinary user cannot reach this clone."""
    digest = hashlib.sha256(str(RUN).encode()).hexdigest()[:12]
    return Path(f"/var/tmp/webinars-{digest}")  # noqa: S108 - made with exclusive ownership below


def state_dir() -> Path:
    """Return the folder for servers and their data: `.run`, wherever the servers' user can reach it.

    A clone below a private home of root (mode 700) cannot be entered by the user that servers drop to;
    then the folder lies in /var/tmp, named after the clone and marked as belonging to it.
    """
    make_passable(RUN)
    if ordinary_user() is None or open_to_others(RUN):
        return RUN
    outside = outside_run()
    outside.mkdir(mode=0o755, exist_ok=True)
    if outside.is_symlink() or outside.stat().st_uid != os.geteuid():
        raise PermissionError(f"{outside} belongs to somebody else; remove it and try again")
    outside.chmod(0o755)
    (outside / OWNER_FILE).write_text(f"{RUN}\n")
    return outside


def remove_everything() -> list[Path]:
    """Remove what this clone has made while running; return the folders that were removed."""
    removed = []
    outside = outside_run()
    owner = outside / OWNER_FILE
    if not outside.is_symlink() and owner.is_file() and owner.read_text().strip() == str(RUN):
        shutil.rmtree(outside)
        removed.append(outside)
    if RUN.is_dir():
        shutil.rmtree(RUN)
        removed.append(RUN)
    return removed
