"""Which PostgreSQL and RabbitMQ to use: those that somebody named, else our own. Never one that nobody named."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self
from urllib.parse import urlsplit

from local_stack.errors import LocalStackError
from local_stack.postgres import Postgres, binaries
from local_stack.progress import say
from local_stack.rabbitmq import RabbitMQ
from local_stack.rabbitmq_programs import programs

Kind = Literal["named", "private", "docker"]
TEST_SERVERS = "TEST_SERVERS"


class Server(Protocol):
    """A server that we started and may stop, crash and start again; its addresses stay the same."""

    @property
    def url(self) -> str: ...
    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...
    def close(self) -> None: ...


class Broker(Server, Protocol):
    @property
    def management_url(self) -> str: ...


@dataclass(frozen=True)
class Servers:
    """Administrators' URLs of the two servers, and the servers themselves where they are ours.

    kind: `named` – somebody else's, given by environment: nothing is seeded, stopped or crashed there.
    """

    kind: Kind
    database_url: str
    rabbitmq_url: str
    rabbitmq_management_url: str
    postgres: Server | None = None
    rabbitmq: Broker | None = None

    def close(self) -> None:
        """Stop what is ours."""
        for server in (self.rabbitmq, self.postgres):
            if server is not None:
                server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def named_servers(environment: Mapping[str, str] = os.environ) -> Servers | None:
    """Return the servers of DATABASE_URL and RABBITMQ_URL, or None when neither is set.

    One without the other is an error: half a stack on a private server is what nobody meant.
    """
    database, rabbitmq = environment.get("DATABASE_URL", ""), environment.get("RABBITMQ_URL", "")
    if not database and not rabbitmq:
        return None
    if not database or not rabbitmq:
        missing = "RABBITMQ_URL" if database else "DATABASE_URL"
        raise LocalStackError(f"{missing} is not set beside the other one: set both, or neither for private servers.")
    management = environment.get("RABBITMQ_MANAGEMENT_URL") or default_management_url(rabbitmq)
    return Servers("named", database, rabbitmq, management)


def default_management_url(rabbitmq_url: str) -> str:
    """Return the broker's management address by its default port, with the same user and password."""
    parts = urlsplit(rabbitmq_url)
    login = parts.netloc.rpartition("@")[0]
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"http://{login}@{host}:15672" if login else f"http://{host}:15672"


def private_servers(home: Path | None = None, *, password: str | None = None, durable: bool = False) -> Servers:
    """Start both servers of our own, at the same time, and return them.

    home: where their data stays; None: in private folders that are removed at the end.
    """
    # What may be downloaded comes first, and not in a thread: Ctrl-C is heard by the main one alone.
    binaries()
    programs()
    postgres = Postgres(home / "postgres" if home else None, password=password, durable=durable)
    rabbitmq = RabbitMQ(home / "rabbitmq" if home else None, password=password)
    start_together(postgres, rabbitmq)
    return Servers("private", postgres.url, rabbitmq.url, rabbitmq.management_url, postgres, rabbitmq)


def docker_servers() -> Servers:
    """Start both servers in containers."""
    from local_stack.docker_servers import DockerPostgres, DockerRabbitMQ  # noqa: PLC0415 - tests only

    postgres, rabbitmq = DockerPostgres(), DockerRabbitMQ()
    start_together(postgres, rabbitmq)
    return Servers("docker", postgres.url, rabbitmq.url, rabbitmq.management_url, postgres, rabbitmq)


def servers_for_tests(environment: Mapping[str, str] = os.environ) -> Servers:
    """Return servers for a test session: named, else in containers where an engine answers, else private.

    TEST_SERVERS=`native` or `docker` forces one of the latter two.
    """
    forced = environment.get(TEST_SERVERS, "")
    if forced not in {"", "native", "docker"}:
        raise LocalStackError(f"TEST_SERVERS is {forced!r}; it can be native or docker.")
    if forced == "native":
        return private_servers()
    if forced == "docker":
        return docker_servers()
    if named := named_servers(environment):
        return named
    from local_stack.docker_servers import engine_answers  # noqa: PLC0415 - tests only

    if engine_answers():
        try:
            return docker_servers()
        except Exception as problem:  # noqa: BLE001 - an engine without a way to its images is as good as none
            say(f"The Docker engine answers but gives no servers ({problem}); using private ones.")
    return private_servers()


def servers_to_crash(environment: Mapping[str, str] = os.environ) -> Servers:
    """Return servers for one test that kills them: in containers where TEST_SERVERS=`docker` says so, else private."""
    return docker_servers() if environment.get(TEST_SERVERS) == "docker" else private_servers()


def start_together(postgres: Server, rabbitmq: Server) -> None:
    """Start both at the same time; when one does not start, or somebody presses Ctrl-C meanwhile, close both."""
    with ThreadPoolExecutor(2) as pool:
        try:
            for started in as_completed([pool.submit(server.start) for server in (postgres, rabbitmq)]):
                started.result()
        except BaseException:
            # Before the pool is left, which waits for its threads: closing is what ends their waiting.
            for server in (rabbitmq, postgres):
                server.close()
            raise
