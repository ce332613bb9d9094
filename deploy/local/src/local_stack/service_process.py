"""One process of the stack: started with its environment, watched by its health page, stopped in time."""

import http.client
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local_stack import processes
from local_stack.errors import DidNotStartError
from local_stack.paths import ROOT

STOP_PATIENCE_SECONDS = 10.0


@dataclass
class ServiceProcess:
    """name: as printed; command, environment: what runs; ready_at: port and path that answer 200 when it is ready.

    wanted: whether it should be running, so that whoever watches can tell a crash from a stop.
    """

    name: str
    command: Sequence[str | Path]
    environment: Mapping[str, str]
    log: Path
    ready_at: tuple[int, str]
    wanted: bool = False
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        """Return the process id; DidNotStartError when it does not run."""
        if self._process is None:
            raise DidNotStartError(f"{self.name} is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def died_with(self) -> int | None:
        """Return the exit code of a process that should be running and is not, else None."""
        return self._process.poll() if self.wanted and self._process is not None else None

    @property
    def is_ready(self) -> bool:
        port, path = self.ready_at
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def launch(self) -> None:
        """Start the process; `wait` waits until it is ready."""
        if not self.running:
            self._process = processes.spawn(self.command, environment=self.environment, cwd=ROOT, log=self.log)
        self.wanted = True

    def wait(self, patience_seconds: float = 60.0) -> None:
        """Wait until it is ready; DidNotStartError with its last log lines when it ends or takes too long."""
        if self._process is None:
            raise DidNotStartError(f"{self.name} was not started.")
        processes.wait_until_ready(
            self.name, self._process, lambda: self.is_ready, log=self.log, patience_seconds=patience_seconds
        )

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.launch()
        self.wait()

    def stop(self) -> int | None:
        """Stop it as an operator would: SIGTERM, and SIGKILL for what is still there after ten seconds.

        Return its exit code; None when it did not run.
        """
        self.wanted = False
        stopped, self._process = self._process, None
        if stopped is None:
            return None
        processes.stop(stopped, patience_seconds=STOP_PATIENCE_SECONDS)
        return stopped.returncode

    def kill(self) -> None:
        """Kill it as a crash would; it counts as stopped, so nobody restarts it behind a test's back."""
        self.wanted = False
        if self._process is not None:
            processes.kill(self._process)
            self._process = None

    def crash(self) -> None:
        """Kill it behind everybody's back: whoever watches sees that it ended by itself."""
        if self._process is not None:
            processes.kill(self._process)
