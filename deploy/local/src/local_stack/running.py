"""One clone, one stack: who holds it, how it is reached, and how `make up` and `make down` meet."""

import contextlib
import fcntl
import json
import os
import shlex
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack.errors import AlreadyRunningError, LocalStackError
from local_stack.paths import RUN

STOP_PATIENCE_SECONDS = 60.0
LOOK_PATIENCE_SECONDS = 0.5


class Held:
    """The right to run this clone's stack, held until the process ends; AlreadyRunningError when somebody has it."""

    def __init__(self, run: Path = RUN) -> None:
        run.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._handle = os.open(run / "stack.lock", os.O_RDWR | os.O_CREAT, 0o600)
        # Who only looks (`is_held`) has the lock too, for a moment.
        deadline = time.monotonic() + LOOK_PATIENCE_SECONDS
        while not _locks(self._handle):
            if time.monotonic() > deadline:
                os.close(self._handle)
                raise AlreadyRunningError("This clone's stack is running already.")
            time.sleep(0.01)
        self._forget()
        (run / "stack.pid").write_text(f"{os.getpid()}\n")

    def announce(self, settings: Mapping[str, str], *, seeded: bool) -> None:
        """Say that everything is ready: `.run/env` for programs, as KEY=value lines that a shell reads too."""
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
        _write_whole(self._run / "env", text)
        _write_whole(self._run / "stack.json", json.dumps({"settings": dict(settings), "seeded": seeded}))

    def release(self) -> None:
        """Give the right back and forget the addresses."""
        self._forget()
        os.close(self._handle)

    def _forget(self) -> None:
        for name in ("env", "stack.json", "stack.pid"):
            (self._run / name).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_held(run: Path = RUN) -> bool:
    """Tell whether a process holds this clone's stack now."""
    try:
        handle = os.open(run / "stack.lock", os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _locks(handle)
    finally:
        os.close(handle)


def ready_stack(run: Path = RUN) -> tuple[dict[str, str], bool] | None:
    """Return what the running stack announced and whether it is seeded; None while it is not ready or not there."""
    if not is_held(run):
        return None
    try:
        found = json.loads((run / "stack.json").read_text())
    except FileNotFoundError:
        return None
    return found["settings"], found["seeded"]


def holder(run: Path = RUN) -> int | None:
    """Return the process id of who holds the stack, or None when nobody does."""
    if not is_held(run):
        return None
    try:
        return int((run / "stack.pid").read_text())
    except (FileNotFoundError, ValueError):
        # It took the lock this very moment.
        return None


def ask_to_stop(run: Path = RUN, patience_seconds: float = STOP_PATIENCE_SECONDS) -> bool:
    """Ask whoever holds the stack to stop, and wait until it has; return whether there was anybody to ask."""
    asked = False
    deadline = time.monotonic() + patience_seconds
    while is_held(run):
        if not asked and (pid := holder(run)):
            # It may have ended since; whoever holds the stack next writes a number of its own, and is asked then.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                asked = True
        if time.monotonic() > deadline:
            raise LocalStackError(f"It is still stopping after {patience_seconds:.0f} s (process {holder(run)}).")
        time.sleep(0.1)
    return asked


def _locks(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_whole(file: Path, text: str) -> None:
    """Write so that a reader sees all of it or nothing; it holds passwords."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(text)
    fresh.replace(file)
