"""Packages of Debian and Ubuntu, downloaded and unpacked below a folder: nothing is installed, no root is needed.

apt itself finds what a package depends on, with lists, cache and locks of our own beside the sources and keys that
the machine already trusts. Standard library only: the bootstrap uses this to get pip.
"""

# ruff: noqa: S607 - apt-config is run as the distribution places it

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from local_stack import processes
from local_stack.errors import NotAvailableError
from local_stack.paths import make_passable, state_dir
from local_stack.progress import step

LISTS_MAX_AGE_SECONDS = 86_400
# The C library must be the one that the machine's own loader belongs to.
NEVER_UNPACKED = ("libc6_", "libc-bin_", "libc6-dev_")
# Hooks would touch the system (caches of other programs), folders are ours.
NOT_TAKEN_OVER = re.compile(
    r"^(APT::Update::|APT::NeverAutoRemove|DPkg|Dir::State|Dir::Cache|Dir::Log|Dir::Etc::(main|parts))", re.IGNORECASE
)


def is_debian() -> bool:
    """Tell whether this machine has apt and dpkg."""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb"))


def unpack(name: str, packages: Sequence[str], *, whole_family: Sequence[str] = ()) -> Path:
    """Return a folder that holds `packages` and all they need that this machine lacks, unpacked.

    name: names the folder, below `.run/apt`. whole_family: beginnings of package names that count as missing even
    where they are installed, because they only work when they lie together.
    Errors: NotAvailableError with apt's own words.
    """
    if not is_debian():
        raise NotAvailableError(f"{' '.join(packages)}: this machine has no apt to download it with.")
    base = make_passable(state_dir() / "apt")
    with _locked(base / "lock"):
        apt = _Apt(base, name, whole_family)
        target = base / name
        wish = hashlib.sha256("\n".join([*packages, *whole_family]).encode()).hexdigest()
        marker = target / ".unpacked"
        if marker.is_file() and marker.read_text() == wish:
            return target
        apt.refresh(force=False)
        try:
            debs = apt.download(packages)
        except NotAvailableError:
            apt.refresh(force=True)
            debs = apt.download(packages)
        with step(f"Unpacking {len(debs)} packages for {name}"):
            _unpack_all(debs, target, base / f"{name}.log")
        marker.write_text(wish)
        shutil.rmtree(apt.archives)
        return target


def library_path(root: Path) -> str:
    """Return the folders of shared libraries below an unpacked root, in the form of LD_LIBRARY_PATH."""
    patterns = ("*-linux-gnu*/*.so*", "*-linux-gnu*/*/lib*.so*")
    folders = {
        str(library.parent)
        for top in ("lib", "usr/lib")
        for pattern in patterns
        for library in (root / top).glob(pattern)
    }
    return ":".join(sorted(folders))


def _unpack_all(debs: Sequence[Path], target: Path, log: Path) -> None:
    fresh = target.with_name(target.name + ".new")
    for leftover in (fresh, target):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir(parents=True)
    for deb in debs:
        if processes.run(["dpkg-deb", "-x", deb, fresh], environment=os.environ, cwd=target.parent, log=log):
            raise NotAvailableError(f"{deb.name} could not be unpacked:\n{processes.last_lines(log)}")
    fresh.chmod(0o755)
    fresh.rename(target)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


class _Apt:
    """apt-get with state and cache of its own."""

    def __init__(self, base: Path, name: str, whole_family: Sequence[str]) -> None:
        self._lists = base / "state" / "lists"
        self._status = base / "state" / f"{name}.status"
        self.archives = base / "archives" / name
        for folder in (self._lists / "partial", self.archives / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (base / "state" / "extended_states").touch()
        self._status.write_text(_installed_without(whole_family))
        self._config = base / "state" / f"{name}.conf"
        self._config.write_text(self._configuration(base))
        self._log = base / f"{name}.log"
        self._log.unlink(missing_ok=True)

    def _configuration(self, base: Path) -> str:
        """Return the machine's own settings (proxies, certificates) with our folders and without its hooks."""
        dump = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
        kept = [line for line in dump.splitlines() if line.endswith(";") and not NOT_TAKEN_OVER.match(line)]
        ours = {
            "Dir::State": base / "state",
            "Dir::State::lists": self._lists,
            "Dir::State::status": self._status,
            "Dir::Cache": base / "cache",
            "Dir::Cache::archives": self.archives,
            "Dir::Log": base / "log",
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Debug::NoLocking": "true",
            "APT::Install-Recommends": "false",
            "APT::Install-Suggests": "false",
            "APT::Get::List-Cleanup": "false",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        (base / "cache").mkdir(exist_ok=True)
        (base / "log").mkdir(exist_ok=True)
        return "\n".join([*kept, *(f'{key} "{value}";' for key, value in ours.items())]) + "\n"

    def refresh(self, *, force: bool) -> None:
        """Download the distribution's package lists, unless ours are less than a day old."""
        stamp = self._lists.parent / "refreshed"
        if not force and stamp.is_file() and time.time() - stamp.stat().st_mtime < LISTS_MAX_AGE_SECONDS:
            return
        with step("Reading the distribution's package lists"):
            # One broken source among several must not stop us: what is missing shows when we download.
            if self._run("update") == 0:
                stamp.touch()

    def download(self, packages: Sequence[str]) -> list[Path]:
        """Download the packages and what they need; return the files."""

        def so_far() -> str:
            size = sum(file.stat().st_size for file in self.archives.rglob("*") if file.is_file())
            return f", {size / 1e6:.0f} MB"

        with step(f"Downloading {' '.join(packages)} and what it needs", so_far):
            code = self._run("install", "--download-only", "--yes", "--fix-broken", *packages)
        debs = [deb for deb in sorted(self.archives.glob("*.deb")) if not deb.name.startswith(NEVER_UNPACKED)]
        if code or not debs:
            lines = [line for line in self._log.read_text().splitlines() if line.strip()]
            words = [line for line in lines if line.startswith(("E:", "Err:"))][-6:] or lines[-12:]
            raise NotAvailableError(
                f"The distribution's packages {' '.join(packages)} could not be downloaded. apt says:\n  "
                + "\n  ".join(words)
            )
        return debs

    def _run(self, *arguments: str) -> int:
        environment = {
            **os.environ,
            "APT_CONFIG": str(self._config),
            "LC_ALL": "C",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return processes.run(["apt-get", *arguments], environment=environment, cwd=self._log.parent, log=self._log)


def _installed_without(families: Sequence[str]) -> str:
    """Return dpkg's list of what is installed, without the packages whose names begin so."""
    stanzas = Path("/var/lib/dpkg/status").read_text(encoding="utf-8", errors="replace").split("\n\n")
    kept = [stanza for stanza in stanzas if not stanza.startswith(tuple(f"Package: {family}" for family in families))]
    return "\n\n".join(kept)
