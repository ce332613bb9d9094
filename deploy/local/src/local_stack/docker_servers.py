"""PostgreSQL and RabbitMQ in containers, for tests, where a Docker engine answers."""

import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from testcontainers.core.container import DockerContainer

from local_stack import processes
from local_stack.errors import DidNotStartError, LocalStackError
from local_stack.readiness import management_answers, postgres_answers, rabbitmq_answers

POSTGRES_IMAGE = "postgres:17"
RABBITMQ_IMAGE = "rabbitmq:4-management"
USER = "admin"
START_PATIENCE_SECONDS = 120.0


def engine_answers(address: str | None = None) -> bool:
    """Tell whether a Docker engine answers at DOCKER_HOST, or where one usually listens.

    Asked by hand: the Docker library leaves its socket open when nobody answers.
    """
    parts = urlsplit(address or os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock")
    try:
        if parts.scheme == "unix":
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(3)
        else:
            connection = socket.create_connection((parts.hostname or "", parts.port or 2375), timeout=3)
        with connection:
            if parts.scheme == "unix":
                connection.connect(parts.path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


class _Container:
    """One container on fixed ports of this machine; start, kill and restart keep its data and addresses."""

    def __init__(self, container: DockerContainer, ready: Callable[[], bool]) -> None:
        self._container = container
        self._ready = ready
        self._made = False
        self._closed = False

    @property
    def running(self) -> bool:
        container = self._container.get_wrapped_container() if self._made else None
        if container is None:
            return False
        container.reload()
        return bool(container.status == "running")

    def start(self) -> None:
        if self._made:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._made = True
        deadline = time.monotonic() + START_PATIENCE_SECONDS
        while self._closed or not self._ready():
            if self._closed:
                # Meanwhile, from another thread, which did not know of the container yet.
                self.close()
                raise LocalStackError(f"The container of {self._container.image} was closed before it was ready.")
            if time.monotonic() > deadline:
                said = self._container.get_wrapped_container().logs(tail=20).decode(errors="replace")
                raise DidNotStartError(f"The container of {self._container.image} did not become ready:\n{said}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server cleanly; its data stays."""
        self._container.get_wrapped_container().stop(timeout=20)

    def kill(self) -> None:
        """Kill the server as a crash would."""
        self._container.get_wrapped_container().kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """Remove the container and its data for good."""
        self._closed = True
        made, self._made = self._made, False
        if made:
            self._container.stop()


class DockerPostgres(_Container):
    def __init__(self) -> None:
        [self.port] = processes.free_ports(1)
        password = secrets.token_hex(16)
        self.url = f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/postgres"
        container = (
            DockerContainer(POSTGRES_IMAGE)
            .with_bind_ports(5432, self.port)
            .with_env("POSTGRES_USER", USER)
            .with_env("POSTGRES_PASSWORD", password)
            .with_env("POSTGRES_DB", "postgres")
        )
        super().__init__(container, partial(postgres_answers, self.url))


class DockerRabbitMQ(_Container):
    def __init__(self) -> None:
        self.port, self.management_port = processes.free_ports(2)
        password = secrets.token_hex(16)
        self.url = f"amqp://{USER}:{password}@127.0.0.1:{self.port}/"
        self.management_url = f"http://{USER}:{password}@127.0.0.1:{self.management_port}"
        container = (
            DockerContainer(RABBITMQ_IMAGE, hostname="rabbitmq")
            .with_bind_ports(5672, self.port)
            .with_bind_ports(15672, self.management_port)
            .with_env("RABBITMQ_DEFAULT_USER", USER)
            .with_env("RABBITMQ_DEFAULT_PASS", password)
        )
        super().__init__(container, self._both_answer)

    def _both_answer(self) -> bool:
        return rabbitmq_answers(self.url) and management_answers(self.management_url)
