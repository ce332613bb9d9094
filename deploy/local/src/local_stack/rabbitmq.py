"""A private RabbitMQ with management and metrics: own epmd, own ports, own data, a direct child of this process."""

import secrets
import signal
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from local_stack import processes
from local_stack.errors import DidNotStartError
from local_stack.paths import ordinary_user
from local_stack.private_folder import PrivateFolder, give
from local_stack.rabbitmq_programs import Programs, programs
from local_stack.readiness import listens, management_answers, rabbitmq_answers

USER = "admin"
NODE = "webinars@localhost"
START_PATIENCE_SECONDS = 120.0
STOP_PATIENCE_SECONDS = 30.0

CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {metrics_port}
default_user = {user}
default_pass = {password}
log.console = true
log.console.level = info
log.file = false
disk_free_limit.absolute = 100MB
vm_memory_high_watermark.absolute = 1GB
"""


class RabbitMQ:
    """One node with its data in one folder; it can be stopped, killed and started again on the same ports.

    home: where data and log lie and stay; None: a private folder that `close()` removes.
    A quorum queue declared less than about two seconds before `kill()` may never elect a leader again (a known
    trait of the broker): in a test declare, wait for the management API to show a leader, then kill.
    """

    def __init__(
        self,
        home: Path | None = None,
        *,
        port: int | None = None,
        management_port: int | None = None,
        password: str | None = None,
    ) -> None:
        self._private = PrivateFolder("rabbitmq") if home is None else None
        self.home = self._private.path if self._private else Path(home or "")
        self.password = password or secrets.token_hex(16)
        spare = processes.free_ports(5)
        self.port = port or spare[0]
        self.management_port = management_port or spare[1]
        self._distribution_port, self.epmd_port, self.metrics_port = spare[2:]
        self._user = ordinary_user()
        self._door = processes.Door("RabbitMQ")
        self._process: subprocess.Popen[bytes] | None = None
        self._epmd: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the administrator's AMQP URL, to the default virtual host."""
        return f"amqp://{USER}:{self.password}@127.0.0.1:{self.port}/"

    @property
    def management_url(self) -> str:
        """Return the administrator's URL of the management API."""
        return f"http://{USER}:{self.password}@127.0.0.1:{self.management_port}"

    @property
    def pid(self) -> int:
        """Return the node's process id; DidNotStartError when it does not run."""
        if self._process is None:
            raise DidNotStartError("RabbitMQ is not running.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.home / "rabbitmq.log"

    def start(self) -> None:
        """Start the node (and its epmd) and wait until it takes connections and answers management requests."""
        if self.running:
            return
        found = programs()
        environment = self._environment(found)
        try:
            with self._door.open():
                self._write_files()
                epmd = self._epmd
                if epmd is None or epmd.poll() is not None:
                    # Before the node: a node that finds no epmd leaves a daemon of its own behind for ever.
                    self._epmd = epmd = processes.spawn(
                        [found.epmd, "-port", str(self.epmd_port), "-address", "127.0.0.1"],
                        environment=environment,
                        cwd=self.home,
                        log=self.home / "epmd.log",
                        user=self._user,
                    )
            processes.wait_until_ready(
                "epmd",
                epmd,
                lambda: listens("127.0.0.1", self.epmd_port),
                log=self.home / "epmd.log",
                patience_seconds=10,
            )
            with self._door.open():
                self._process = node = processes.spawn(
                    [found.server], environment=environment, cwd=self.home, log=self.log, user=self._user
                )
            processes.wait_until_ready(
                "RabbitMQ", node, self._ready, log=self.log, patience_seconds=START_PATIENCE_SECONDS
            )
        except BaseException:
            self.kill()
            self._end_epmd()
            raise

    def stop(self) -> None:
        """Stop the node cleanly; the data stays."""
        node, self._process = self._process, None
        if node is not None:
            processes.stop(node, signal_number=signal.SIGTERM, patience_seconds=STOP_PATIENCE_SECONDS)
        self._end_epmd()

    def kill(self) -> None:
        """Kill the node as a crash would."""
        node, self._process = self._process, None
        if node is not None:
            processes.kill(node)

    def restart(self) -> None:
        """Stop the node cleanly and start it again on the same ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the node for good; where nobody asked for its data to be kept, at once and with the data."""
        self._door.shut()
        if self._private:
            self.kill()
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

    def _end_epmd(self) -> None:
        epmd, self._epmd = self._epmd, None
        if epmd is not None:
            processes.stop(epmd, patience_seconds=5)

    def _write_files(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        (self.home / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
        config = self.home / "rabbitmq.conf"
        config.touch(mode=0o600)
        config.write_text(
            CONFIG.format(
                port=self.port,
                management_port=self.management_port,
                metrics_port=self.metrics_port,
                user=USER,
                password=self.password,
            )
        )
        give(self.home, self._user)

    def _environment(self, found: Programs) -> dict[str, str]:
        home = self.home
        environment = {
            "PATH": f"{found.erlang_bin}:/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_BASE": str(home),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(home / "generated"),
            "RABBITMQ_SCHEMA_DIR": str(home / "schema"),
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            # Makes the script become the node instead of staying in front of it, so that signals reach it.
            "RUNNING_UNDER_SYSTEMD": "true",
            # No distribution port to the network.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        if found.libraries:
            environment["LD_LIBRARY_PATH"] = found.libraries
        return environment

    def _ready(self) -> bool:
        return rabbitmq_answers(self.url) and management_answers(self.management_url)
