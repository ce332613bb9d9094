"""Lines that tell a waiting person what is going on. Standard library only: the bootstrap uses it too."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say(text: str) -> None:
    """Write one line for the person at the terminal (stderr, so that output can still be piped)."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


@contextmanager
def step(what: str, detail: Callable[[], str] = str, every_seconds: float = 5.0) -> Iterator[None]:
    """Name a long step, repeat it with the seconds spent while it lasts, and say how long it took.

    `detail` adds words that change while waiting, such as how much has been downloaded.
    """
    began = time.monotonic()
    done = threading.Event()

    def remind() -> None:
        while not done.wait(every_seconds):
            say(f"  {what} … {time.monotonic() - began:.0f} s{detail()}")

    say(f"{what} …")
    reminder = threading.Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    except BaseException:
        done.set()
        raise
    done.set()
    reminder.join()
    say(f"  {what}: done in {time.monotonic() - began:.1f} s")
