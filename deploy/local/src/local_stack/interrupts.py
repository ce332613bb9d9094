"""Stop signals: the first one counts."""

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

from local_stack.progress import say


class Interrupts:
    """Turns the first stop signal into KeyboardInterrupt, and any further one into a word of patience.

    A second Ctrl-C must not leave servers behind that the first one was about to stop. heard: the number of the first.
    """

    def __init__(self) -> None:
        self.heard: int | None = None
        self._stopping = False
        self._before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}

    def hold(self) -> None:
        """From here on a signal interrupts nothing: we are stopping."""
        self._stopping = True

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._stopping:
            say("Stopping already; a few more seconds.")
            return
        self._stopping = True
        self.heard = number
        raise KeyboardInterrupt

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
