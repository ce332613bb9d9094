"""The faults: what strikes, when, by a seed; and how each is done."""

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from contracts.topology import TOPIC_OF
from servicekit.checkpoints import Checkpoint

from chaos.system import System

T = TypeVar("T")
SERVICES = ("core-webinar", "room-ui", "tracker", "attendance", "post-webinar")
HEARING = ("room-ui", "tracker", "attendance", "post-webinar")
Point = tuple[str, Checkpoint]
"""A service, and where it dies."""
POINTS: tuple[Point, ...] = (
    *((service, Checkpoint.COMMITTED) for service in HEARING),
    *((service, Checkpoint.PUBLISHED) for service in SERVICES),
    *((service, Checkpoint.SET_ASIDE) for service in HEARING),
    ("core-webinar", Checkpoint.DECIDED),
    ("post-webinar", Checkpoint.CLAIMED),
    ("post-webinar", Checkpoint.ANSWERED),
)
"""Which processes pass which points in a run."""
SERVER_DOWN_SECONDS = (0.2, 3.0)
CUT_SECONDS = (0.5, 4.0)


class Kind(StrEnum):
    """What can go wrong."""

    KILL = "kill -9"
    KILL_AT = "kill -9 at a point"
    KILL_BROKER = "broker killed"
    RESTART_BROKER = "broker restarted"
    KILL_DATABASE = "PostgreSQL killed"
    RESTART_DATABASE = "PostgreSQL restarted"
    CUT_BROKER = "connections to the broker cut"
    CUT_DATABASE = "connections to PostgreSQL cut"
    END_SESSIONS = "sessions of PostgreSQL ended"
    POISON = "a poison message on every topic"
    TOO_MANY = "Telegram answers 429"
    BROKEN = "Telegram answers 500"
    TAKEN_AND_BROKEN = "Telegram takes it and answers 500"
    TAKEN_AND_RESET = "Telegram takes it and cuts the connection"
    SILENT = "Telegram does not answer"


TELEGRAM = frozenset({Checkpoint.CLAIMED, Checkpoint.ANSWERED})
KILLS = frozenset({Kind.KILL, Kind.KILL_AT})
OTHERS = tuple(kind for kind in Kind if kind not in KILLS)
TELEGRAMS = frozenset({Kind.TOO_MANY, Kind.BROKEN, Kind.TAKEN_AND_BROKEN, Kind.TAKEN_AND_RESET, Kind.SILENT})
"""These strike once messages are on their way."""
MAYBE_SENT = frozenset({Kind.BROKEN, Kind.TAKEN_AND_BROKEN, Kind.TAKEN_AND_RESET, Kind.SILENT})
"""After these nobody can know whether a message arrived."""


@dataclass(frozen=True, order=True)
class Fault:
    """`at`: seconds from the beginning; `target`: a process, or a service for a point."""

    at: float
    kind: Kind
    target: str = ""
    point: str = ""

    def __str__(self) -> str:
        where = f" {self.target}" if self.target else ""
        return f"{self.kind}{where}{f' {self.point}' if self.point else ''}"


def schedule(
    dice: random.Random, processes: Sequence[str], points: Sequence[Point], others: Sequence[Kind], *, seconds: float
) -> list[Fault]:
    """Return faults in their order: deaths and others, each spread over the whole time."""
    deadly = [(Kind.KILL, name, "") for name in processes] + [(Kind.KILL_AT, name, point) for name, point in points]
    dice.shuffle(deadly)
    faults = [
        Fault(moment, kind, name, point)
        for moment, (kind, name, point) in zip(_moments(dice, len(deadly), seconds), deadly, strict=True)
    ]
    rest = list(others)
    dice.shuffle(rest)
    faults += [Fault(moment, kind) for moment, kind in zip(_moments(dice, len(rest), seconds), rest, strict=True)]
    return sorted(faults)


def in_turn(dice: random.Random, things: Sequence[T], count: int) -> list[T]:
    """Return so many, each as often as any other, in rounds of random order."""
    found: list[T] = []
    while len(found) < count:
        found += dice.sample(list(things), len(things))
    return found[:count]


def _moments(dice: random.Random, count: int, seconds: float) -> Iterator[float]:
    """Yield one moment in each of `count` equal parts of the time."""
    part = seconds / max(count, 1)
    for number in range(count):
        yield part * (number + dice.random())


@dataclass
class Striker:
    """Does what the schedule says, and counts what struck."""

    system: System
    dice: random.Random
    say: Callable[[str], None]
    struck: Counter[Kind] = field(default_factory=Counter)
    points_given: list[Point] = field(default_factory=list)
    points_struck: Counter[tuple[str, str]] = field(default_factory=Counter)
    poisons: int = 0
    failed: list[str] = field(default_factory=list)
    _servers: dict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))

    def run(self, faults: Sequence[Fault], *, by_half: Sequence[Point] = ()) -> None:
        """Strike until the last fault is over; returns when both servers are there again.

        Those of `by_half` that nobody has met when half of the faults are through are ordered then.
        """
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            for number, fault in enumerate(faults):
                self.system.pause(began + fault.at - time.monotonic())
                self._look_at_points()
                if number == len(faults) // 2:
                    self.order_unmet(by_half)
                self.say(f"{time.monotonic() - began:6.1f} s  {fault}")
                pool.submit(self._strike, fault)
        self._look_at_points()

    def order_unmet(self, points: Sequence[Point]) -> None:
        """Order a death at each of these points that nobody has met so far."""
        self._look_at_points()
        for service, point in points:
            if not self.points_struck[service, point]:
                self._order(service, point)

    def withdraw_orders(self) -> None:
        """Nobody dies by order any more."""
        self._look_at_points()
        for service, point in self.points_given:
            if not self.system.orders.withdraw(service, point):
                self._died_at(service, point)
        self.points_given.clear()

    def _look_at_points(self) -> None:
        for service, point in list(self.points_given):
            if not self.system.orders.is_open(service, point):
                self.points_given.remove((service, point))
                self._died_at(service, point)

    def _died_at(self, service: str, point: Checkpoint) -> None:
        self.points_struck[service, point] += 1
        self.struck[Kind.KILL_AT] += 1

    def _strike(self, fault: Fault) -> None:
        try:
            self._do(fault)
        except Exception as error:  # noqa: BLE001 - told at the end, as a failure of the run
            self.failed.append(f"{fault}: {error!r}")

    def _do(self, fault: Fault) -> None:
        kind = fault.kind
        if kind is Kind.KILL_AT:
            self._order(fault.target, Checkpoint(fault.point))
            return
        if kind is Kind.KILL:
            self.system.stack.service(fault.target).crash()
        elif kind in {Kind.KILL_BROKER, Kind.RESTART_BROKER, Kind.KILL_DATABASE, Kind.RESTART_DATABASE}:
            self._server(kind)
        elif kind is Kind.CUT_BROKER:
            self._cut("broker")
        elif kind is Kind.CUT_DATABASE:
            self._cut("database")
        elif kind is Kind.END_SESSIONS:
            self._end_sessions()
        elif kind is Kind.POISON:
            self._poison()
        else:
            self._trouble_telegram(kind)
        self.struck[kind] += 1

    def _order(self, service: str, point: Checkpoint) -> None:
        if not self.system.orders.is_open(service, point):
            self.points_given.append((service, point))
            self.system.orders.give(service, point)

    def _server(self, kind: Kind) -> None:
        name = "broker" if "BROKER" in kind.name else "database"
        server = self.system.servers.rabbitmq if name == "broker" else self.system.servers.postgres
        assert server is not None
        with self._servers[name]:
            if kind in {Kind.KILL_BROKER, Kind.KILL_DATABASE}:
                server.kill()
            else:
                server.stop()
            time.sleep(self.dice.uniform(*SERVER_DOWN_SECONDS))
            server.start()

    def _cut(self, name: str) -> None:
        line = self.system.lines.broker if name == "broker" else self.system.lines.database
        with self._servers[name]:
            line.cut()
            time.sleep(self.dice.uniform(*CUT_SECONDS))
            line.mend()

    def _end_sessions(self) -> None:
        with self._servers["database"]:
            self.system.ledger.rows(
                "core-webinar",
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() "
                "and backend_type = 'client backend'",
            )

    def _poison(self) -> None:
        with self._servers["broker"]:
            for topic in TOPIC_OF.values():
                self.system.wire.say(topic.name, b'{"this is": "no message')
        self.poisons += 1

    def _trouble_telegram(self, kind: Kind) -> None:
        telegram = self.system.telegram
        if kind is Kind.TOO_MANY:
            telegram.play_fault("429", count=3, retry_after=2)
        elif kind is Kind.BROKEN:
            telegram.play_fault("500", count=2)
        elif kind is Kind.TAKEN_AND_BROKEN:
            telegram.play_fault("500", count=2, applied=True)
        elif kind is Kind.TAKEN_AND_RESET:
            telegram.play_fault("reset", count=2, applied=True)
        else:
            telegram.play_fault("silence", count=2, applied=self.dice.random() < 0.5)
