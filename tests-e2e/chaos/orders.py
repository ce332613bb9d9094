"""Orders to die at a named point: files that the run puts down and the first process to reach the point takes."""

import os
import signal
from pathlib import Path

from servicekit.checkpoints import Checkpoint, watch


class Orders:
    """The folder of open orders, as the run sees it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def give(self, service: str, point: Checkpoint) -> None:
        """The next process of `service` that reaches `point` dies there."""
        _order(self.folder, service, point).touch()

    def is_open(self, service: str, point: Checkpoint) -> bool:
        """Whether nobody has carried it out yet."""
        return _order(self.folder, service, point).exists()

    def withdraw(self, service: str, point: Checkpoint) -> bool:
        """Take an order back; False when somebody has carried it out."""
        try:
            _order(self.folder, service, point).unlink()
        except FileNotFoundError:
            return False
        return True


def obey_orders(folder: Path, service: str) -> None:
    """Die by SIGKILL, in mid-step, at a point for which there is an order."""

    def die_if_told(point: Checkpoint) -> None:
        try:
            # Taking it is what decides which of several instances it means.
            _order(folder, service, point).unlink()
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

    watch(die_if_told)


def _order(folder: Path, service: str, point: Checkpoint) -> Path:
    return folder / f"{service}.{point}"
