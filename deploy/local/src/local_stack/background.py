"""`make up` and `make down`: the stack in the background, and waiting for it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from local_stack.errors import LocalStackError
from local_stack.paths import ROOT, RUN
from local_stack.progress import say
from local_stack.running import ask_to_stop, is_held, ready_stack
from local_stack.session import overview

POLL_SECONDS = 0.2


def up() -> None:
    """Start the stack in the background, show how it goes, and return when every service is ready."""
    if is_held():
        _wait_for_another()
        return
    log = RUN / "logs" / "stack.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    shown = 0
    try:
        while (found := ready_stack()) is None:
            shown = _show_from(log, shown)
            if process.poll() is not None:
                raise LocalStackError(f"It did not start; what it said stands above and in {log}.")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGTERM)
        say("\nStopping what was started …")
        process.wait()
        raise
    finally:
        _show_from(log, shown)
    # It goes on without us; nobody waits for its end.
    process.returncode = 0
    settings, seeded = found
    say(f"\n{overview(settings, seeded=seeded)}\n\nIt runs in the background until make down.")


def down() -> None:
    """Stop the stack of this clone, however it was started, and wait until nothing of it is left."""
    if not is_held():
        say("Nothing of this clone is running.")
        return
    say("Stopping …")
    began = time.monotonic()
    ask_to_stop()
    say(f"Everything is stopped ({time.monotonic() - began:.0f} s). What was planned and watched is kept.")


def _wait_for_another() -> None:
    """Say that it is up already; where somebody is just starting it, wait for that."""
    said = False
    while (found := ready_stack()) is None:
        if not is_held():
            raise LocalStackError("It was just stopping or failed to start; try again.")
        if not said:
            say("This clone's stack is being started already; waiting for it.")
            said = True
        time.sleep(POLL_SECONDS)
    settings, seeded = found
    say(f"It is running already.\n\n{overview(settings, seeded=seeded)}")


def _show_from(log: Path, position: int) -> int:
    with log.open("rb") as file:
        file.seek(position)
        text = file.read()
    sys.stderr.write(text.decode(errors="replace"))
    sys.stderr.flush()
    return position + len(text)
