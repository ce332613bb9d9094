"""The whole system on private servers, its connections through lines that can be cut, and a keeper that revives it."""

import random
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from contracts.topology import DELAY_SECONDS, THE_FIVE, delay_exchange, queues_of
from local_stack.demo import OVERRIDES, PASSWORD, Demo
from local_stack.paths import ROOT, RUN
from local_stack.servers import Servers
from local_stack.service_process import ServiceProcess
from local_stack.supervisor import SANDBOX, Stack
from world.background import Background
from world.caller import Caller
from world.desk import Desk
from world.ledger import Ledger
from world.line import Line
from world.people import Cast
from world.telegram import Telegram

from chaos.lasting_wire import QUEUE, LastingWire
from chaos.orders import Orders
from chaos.parts import Chat

SECOND_INSTANCES = ("room-ui", "post-webinar")
KILLED = -9
REVIVED_AFTER_SECONDS = (0.1, 1.5)
LOOK_SECONDS = 0.05
READY_PATIENCE_SECONDS = 90.0


class BrokenOffError(Exception):
    """The run ends here, for a reason that is told elsewhere."""


@dataclass
class Lines:
    """Between the services and their servers."""

    broker: Line
    database: Line

    def mend(self) -> None:
        self.broker.mend()
        self.database.mend()


@dataclass
class Keeper:
    """Starts again whatever was killed, like an orchestrator; remembers what died without having been killed."""

    processes: Sequence[ServiceProcess]
    dice: random.Random
    wall_offsets: Sequence[float] = (0.0, 0.0, 3600.0, -3600.0)
    kills: Counter[str] = field(default_factory=Counter)
    died_by_itself: list[str] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to look after them."""
        self._thread = threading.Thread(target=self._look_after, name="keeper", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave them as they are from now on."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join()

    def _look_after(self) -> None:
        due: dict[str, float] = {}
        while not self._ending.wait(LOOK_SECONDS):
            now = time.monotonic()
            for process in self.processes:
                code = process.died_with
                if code is None:
                    continue
                if process.name not in due:
                    due[process.name] = now + self.dice.uniform(*REVIVED_AFTER_SECONDS)
                    self.kills[process.name] += code == KILLED
                    if code != KILLED:
                        self.died_by_itself.append(f"{process.name} ended with code {code}")
                elif now >= due[process.name]:
                    del due[process.name]
                    process.environment = {
                        **process.environment,
                        "CHAOS_WALL_SECONDS": str(self.dice.choice(self.wall_offsets)),
                    }
                    process.launch()


@dataclass
class System:
    """What a run meets."""

    servers: Servers
    stack: Stack
    background: Background
    lines: Lines
    wire: LastingWire
    ledger: Ledger
    telegram: Telegram
    cast: Cast
    orders: Orders
    keeper: Keeper
    desks: Sequence[Desk]
    """The speaker's desk, at each room-ui instance."""
    chats: dict[str, Chat] = field(default_factory=dict)
    """Account → where its messages can go."""
    broken_off: threading.Event = field(default_factory=threading.Event)
    """Set when nobody wants to see the rest."""

    def pause(self, seconds: float) -> None:
        """Sleep; raises `BrokenOffError` when the run is broken off."""
        if self.broken_off.wait(max(0.0, seconds)):
            raise BrokenOffError

    @property
    def services(self) -> list[ServiceProcess]:
        """Return the processes of the services, without the sandbox."""
        return [process for name, process in self.stack.processes.items() if name != SANDBOX]

    @property
    def room_addresses(self) -> list[str]:
        """Return where each room-ui instance is reached."""
        ports = [
            process.environment["HTTP_PORT"] for name, process in self.stack.processes.items() if "room-ui" in name
        ]
        return [f"http://127.0.0.1:{port}" for port in ports]

    def make_everything_run(self) -> None:
        """Return when both servers and every process are there and ready."""
        self.lines.mend()
        for server in (self.servers.postgres, self.servers.rabbitmq):
            if server is not None and not server.running:
                server.start()
        deadline = time.monotonic() + READY_PATIENCE_SECONDS
        while missing := [process.name for process in self.services if not process.is_ready]:
            assert time.monotonic() < deadline, f"{missing} are not ready after {READY_PATIENCE_SECONDS:.0f} s"
            time.sleep(LOOK_SECONDS)

    def waiting(self) -> str:
        """Return what is still under way between the services; an empty text when nothing is."""
        for service in THE_FIVE:
            if rows := self.ledger.value(service, "select count(*) from outbox"):
                return f"{rows} rows in the outbox of {service}"
        names = [QUEUE, *(queue.name for service in THE_FIVE for queue in queues_of(service))]
        names += [delay_exchange(level) for level in range(1, len(DELAY_SECONDS) + 1)]
        for name in names:
            if depth := self.wire.depth(name):
                return f"{depth} messages in {name}"
        return ""

    def keep_logs(self, seed: int) -> Path:
        """Copy all logs to where they outlive the run; return the folder."""
        kept = RUN / "chaos" / f"seed-{seed}"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.stack.logs, kept)
        return kept

    def last_words(self) -> str:
        """Return the last lines of level ERROR of every service, and what broke it."""
        found = []
        for log in sorted(self.stack.logs.glob("*.log")):
            lines = [
                line
                for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                if '"level": "error"' in line
                or '"level": "critical"' in line
                or '"level":"error"' in line
                or '"level":"critical"' in line
            ]
            found += [f"--- {log.stem}", *(line[:1500] for line in lines[-3:])]
        return "\n".join(found)


@contextmanager
def running_system(
    servers: Servers, home: Path, *, seed: int, sabotage: str = "", **overrides: str
) -> Iterator[System]:
    """Run everything; at the end everything is stopped."""
    assert servers.postgres is not None, "servers that somebody named are not crashed"
    assert servers.rabbitmq is not None, "servers that somebody named are not crashed"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    background, way = Background(), Background()
    lines = Lines(Line(way, servers.rabbitmq_url), Line(way, servers.database_url))
    through = replace(
        servers,
        rabbitmq_url=_through(servers.rabbitmq_url, lines.broker),
        database_url=_through(servers.database_url, lines.database),
    )
    orders = Orders(home / "orders")
    try:
        stack = Stack(through, home=home, overrides={**OVERRIDES, **overrides}, report=lambda _: None)
        for service in SECOND_INSTANCES:
            stack.prepare_instance(service)
        for name, process in stack.processes.items():
            if name != SANDBOX:
                _prepare(process, name.removesuffix("-2"), orders, seed, sabotage)
        with stack:
            wire = LastingWire(background, servers.rabbitmq_url)
            Demo(stack, home).seed()
            ledger = Ledger(background, servers.database_url)
            telegram = Telegram(stack.sandbox_url or "")
            cast = Cast(stack.base_url, ledger=ledger, wire=wire, telegram=telegram)
            services = [process for name, process in stack.processes.items() if name != SANDBOX]
            keeper = Keeper(services, random.Random(f"{seed} keeper"))
            desks: list[Desk] = []
            try:
                system = System(servers, stack, background, lines, wire, ledger, telegram, cast, orders, keeper, desks)
                desks += [
                    Desk(Caller(stack.base_url, connect_to=address).sign_in("speaker", PASSWORD), wire, lambda _: None)
                    for address in system.room_addresses
                ]
                yield system
            finally:
                keeper.stop()
                for desk in desks:
                    desk.caller.close()
                cast.close()
                telegram.close()
                wire.close()
    finally:
        for line in (lines.broker, lines.database):
            line.close()
        background.close()
        way.close()


def _through(url: str, line: Line) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{urlsplit(line.address).port}"))


def _prepare(process: ServiceProcess, service: str, orders: Orders, seed: int, sabotage: str) -> None:
    process.command = [sys.executable, "-m", "chaos.inside", service]
    process.environment = {
        **process.environment,
        "PYTHONPATH": str(ROOT / "tests-e2e"),
        "CHAOS_ORDERS": str(orders.folder),
        "CHAOS_SEED": str(seed),
        "CHAOS_SABOTAGE": sabotage,
    }
