"""Child processes that never outlive us, free ports, and the last lines of a log.

Standard library only: the bootstrap uses it too.
"""

# ruff: noqa: S603 - starting programs is what this module is for

import contextlib
import os
import queue
import random
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from pathlib import Path

from local_stack.errors import DidNotStartError, LocalStackError

# Below the range that the kernel gives to outgoing connections, so that a server's port is still free on its restart.
PORTS = range(15_000, 32_000)
POLL_SECONDS = 0.05

Job = tuple[Callable[[], "subprocess.Popen[bytes]"], "Future[subprocess.Popen[bytes]]"]


class _Spawner:
    """One thread that starts every child.

    The kernel signals a child when the *thread* that started it ends (PR_SET_PDEATHSIG), and a test may restart a
    server from a worker thread; this thread lives as long as the process.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, start: Callable[[], "subprocess.Popen[bytes]"]) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="spawner", daemon=True)
                self._thread.start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._jobs.put((start, future))
        try:
            return future.result()
        except BaseException:
            # Interrupted, perhaps: then the child is there in a moment, and nobody knows of it.
            wait([future])
            if future.exception() is None:
                kill(future.result())
            raise

    def _work(self) -> None:
        while True:
            start, future = self._jobs.get()
            try:
                future.set_result(start())
            except Exception as error:  # noqa: BLE001 - handed to the caller, who waits on the future
                future.set_exception(error)


_spawner = _Spawner()


def spawn(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    log: Path,
    user: int | None = None,
    when_we_die: signal.Signals = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start a child in a session of its own, its output appended to `log`, its input closed.

    user: the user id to run as (None: ours). when_we_die: the signal it gets if this process disappears.
    """
    words: list[str | Path] = list(command)
    # As a prefix instead of preexec_fn: that one may deadlock in a process with threads.
    if setpriv := shutil.which("setpriv", path="/usr/bin:/bin"):
        words = [setpriv, "--pdeathsig", when_we_die.name, "--", *words]

    def start() -> "subprocess.Popen[bytes]":
        with log.open("ab") as output:
            return subprocess.Popen(
                words,
                env=dict(environment),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
            )

    return _spawner.run(start)


def run(
    command: Sequence[str | Path], *, environment: Mapping[str, str], cwd: Path, log: Path, user: int | None = None
) -> int:
    """Run a child to its end and return its exit code; an interrupt meanwhile ends the child too."""
    process = spawn(command, environment=environment, cwd=cwd, log=log, user=user)
    try:
        return process.wait()
    except BaseException:
        kill(process)
        raise


def stop(process: "subprocess.Popen[bytes]", *, signal_number: int = signal.SIGTERM, patience_seconds: float) -> bool:
    """Ask a child to end and wait; kill it when it does not. Return whether it ended by itself."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        process.wait(patience_seconds)
    except subprocess.TimeoutExpired:
        kill(process)
        return False
    return True


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a child and what it started at once (SIGKILL to its session), and wait until it is gone."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            # It has not made its session yet, or has just ended.
            process.kill()
    process.wait()


class Door:
    """Lets a server's children start until it is shut: `close()` may come while another thread is in `start()`."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._is_shut = False

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Start children, and keep hold of them, inside the block; LocalStackError once the door is shut."""
        with self._lock:
            if self._is_shut:
                raise LocalStackError(f"{self._what} was closed before it had started.")
            yield

    def shut(self) -> None:
        """From here on no child is started; the ones that were are known to whoever closes."""
        with self._lock:
            self._is_shut = True


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 on which nothing listens now."""
    ports: list[int] = []
    held: list[socket.socket] = []
    try:
        while len(ports) < count:
            port = random.choice(PORTS)  # noqa: S311 - not a secret
            candidate = socket.socket()
            held.append(candidate)
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
    finally:
        for candidate in held:
            candidate.close()
    return ports


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of every address now."""
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def wait_until_ready(
    what: str, process: "subprocess.Popen[bytes]", ready: Callable[[], bool], *, log: Path, patience_seconds: float
) -> None:
    """Wait until `ready()`; DidNotStartError with the log's last lines when the process ends or takes too long."""
    deadline = time.monotonic() + patience_seconds
    while not ready():
        code = process.poll()
        if code is not None:
            raise DidNotStartError(f"{what} ended with code {code} before it was ready:\n{last_lines(log)}")
        if time.monotonic() > deadline:
            raise DidNotStartError(f"{what} was not ready after {patience_seconds:.0f} s:\n{last_lines(log)}")
        time.sleep(POLL_SECONDS)


def last_lines(log: Path, count: int = 20) -> str:
    """Return the end of a log, indented; the place of the log comes with it."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 16_384))
        lines = file.read().decode(errors="replace").splitlines()[-count:]
    return "\n".join(f"    {line}" for line in lines) + f"\n  (all of it: {log})"
