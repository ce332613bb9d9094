"""One run: people, webinars, faults, quiet, accounts."""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import httpx
from local_stack.servers import Servers
from servicekit.checkpoints import Checkpoint
from world.caller import error_code
from world.desk import Desk
from world.people import Person
from world.wire import Said

from chaos.accounts import Accounts, Played, draw_up, expected_of
from chaos.faults import (
    MAYBE_SENT,
    OTHERS,
    POINTS,
    SERVICES,
    TELEGRAM,
    TELEGRAMS,
    Fault,
    Kind,
    Point,
    Striker,
    in_turn,
    schedule,
)
from chaos.parts import COMPLETION_PERCENT, CTA_AT, Chat, parts_for
from chaos.sabotage import Sabotage
from chaos.system import System, running_system
from chaos.viewers import LOBBY_SECONDS, Access, Crowd, Door

RETRY_SCALE = "0.05"
DESK_PATIENCE_SECONDS = 120.0
DESK_PAUSE_SECONDS = 0.5
POLL_SECONDS = 0.5
UNLINKED, BLOCKED = 0.1, 0.1


@dataclass(frozen=True)
class Size:
    """How much a run plays: families of a partner and their candidates, webinars one after the other, faults."""

    families: int
    candidates: int
    webinars: int
    members: int
    on_air_seconds: float
    every_seconds: float
    after_seconds: float
    kills: int
    at_points: int
    others: tuple[Kind, ...]
    points: tuple[Point, ...] = POINTS
    quiet_seconds: float = 240.0

    @property
    def fault_seconds(self) -> float:
        """Return how long faults strike while webinars are played."""
        return LOBBY_SECONDS + (self.webinars - 1) * self.every_seconds + self.on_air_seconds


FULL = Size(
    families=20,
    candidates=15,
    webinars=2,
    members=200,
    on_air_seconds=100,
    every_seconds=85,
    after_seconds=40,
    kills=40,
    at_points=32,
    others=OTHERS,
)
SHORT = Size(
    families=3,
    candidates=10,
    webinars=1,
    members=30,
    on_air_seconds=40,
    every_seconds=0,
    after_seconds=8,
    kills=4,
    at_points=3,
    others=(Kind.KILL_DATABASE, Kind.CUT_BROKER, Kind.POISON),
    points=(
        ("tracker", Checkpoint.COMMITTED),
        ("attendance", Checkpoint.PUBLISHED),
        ("post-webinar", Checkpoint.ANSWERED),
    ),
)


@dataclass
class Verdict:
    """How a run ended."""

    seed: int
    accounts: Accounts
    striker: Striker
    kills: Mapping[str, int]
    people: int
    failures: list[str] = field(default_factory=list)
    minutes: float = 0.0

    @property
    def is_good(self) -> bool:
        return self.accounts.difference == 0 and not self.failures

    @property
    def other_faults(self) -> int:
        return sum(count for kind, count in self.striker.struck.items() if kind in OTHERS)

    @property
    def row(self) -> str:
        """Return the line of a seed in the results."""
        cells = (
            self.seed,
            f"{sum(self.kills.values())}, of these {self.striker.struck[Kind.KILL_AT]} at "
            f"{len(self.striker.points_struck)} named points",
            self.other_faults,
            self.people,
            self.accounts.difference,
            self.accounts.uncertain,
            f"{self.minutes:.1f}",
            f"`make chaos SEED={self.seed}`",
        )
        return f"| {' | '.join(map(str, cells))} |"

    @property
    def summary(self) -> str:
        """Return the one line of a seed on the screen."""
        return (
            f"seed {self.seed}: {sum(self.kills.values())} × kill -9 ({self.striker.struck[Kind.KILL_AT]} at "
            f"{len(self.striker.points_struck)} points), {self.other_faults} other faults, "
            f"difference {self.accounts.difference}, uncertain {self.accounts.uncertain}, {self.minutes:.1f} min"
        )


def play(
    servers: Servers,
    *,
    seed: int,
    size: Size,
    sabotage: Sabotage | None = None,
    tell: Callable[[str], None] | None = None,
) -> Verdict:
    """Play one seed on servers that may be crashed, and draw up the accounts. `tell`: takes a line on how it goes."""
    tell = tell or say
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        running_system(
            servers, Path(folder) / "stack", seed=seed, sabotage=sabotage or "", RETRY_SCALE=RETRY_SCALE
        ) as system,
    ):
        tell(f"The system is up after {time.monotonic() - began:.0f} s.")
        try:
            verdict = _play(system, seed, size, tell)
        except BaseException:
            tell(f"It broke off. All logs: {system.keep_logs(seed)}")
            raise
        verdict.minutes = (time.monotonic() - began) / 60
        if not verdict.is_good:
            tell(system.last_words())
            tell(f"All logs: {system.keep_logs(seed)}")
        return verdict


def _play(system: System, seed: int, size: Size, tell: Callable[[str], None]) -> Verdict:
    dice = random.Random(seed)
    people = _people(system, size, dice)
    access = _sign_in(system, people)
    tell(f"{len(people)} candidates are signed in.")
    played = [_plan(system, number, people, size, dice) for number in range(1, size.webinars + 1)]
    meanwhile, afterwards = _faults(system, size, dice)
    striker = Striker(system, dice, tell)
    system.keeper.start()
    shows = [Show(system, one, size, access, random.Random(f"{seed} {one.title}")) for one in played]
    try:
        with ThreadPoolExecutor(1 + len(shows)) as pool:
            early = [point for point in size.points if point[1] not in TELEGRAM] if size.at_points else []
            striking = pool.submit(striker.run, meanwhile, by_half=early)
            playing = [pool.submit(show.run, number * size.every_seconds) for number, show in enumerate(shows)]
            try:
                for running in (*playing, striking):
                    running.result()
            except BaseException:
                system.broken_off.set()
                raise
        tell("The last webinar is over.")
        if size.at_points:
            striker.order_unmet(size.points)
        striker.run(afterwards)
        tell("The last fault is over.")
        failures = _calm_down(system, striker)
    finally:
        for show in shows:
            show.crowd.end()
    failures += [complaint for show in shows for complaint in (*show.complaints, *show.crowd.complaints)]
    failures += _wait_until_quiet(system, played, size.quiet_seconds)
    has_doubts = any(striker.struck[kind] for kind in MAYBE_SENT) or any(
        count for name, count in system.keeper.kills.items() if name.startswith("post-webinar")
    )
    accounts = draw_up(system, played, poisons=striker.poisons, has_doubts=has_doubts)
    failures += system.keeper.died_by_itself
    return Verdict(seed, accounts, striker, dict(system.keeper.kills), len(people), failures)


def _faults(system: System, size: Size, dice: random.Random) -> tuple[list[Fault], list[Fault]]:
    """Return what strikes while webinars are played, and what strikes while their messages go out."""
    deaths = in_turn(dice, [process.name for process in system.services], size.kills)
    points = in_turn(dice, size.points, size.at_points)
    late = [point for point in points if point[1] in TELEGRAM]
    last = len(deaths) * size.after_seconds / (size.fault_seconds + size.after_seconds)
    others = [kind for kind in size.others if kind not in TELEGRAMS]
    return (
        schedule(dice, deaths[int(last) :], [p for p in points if p not in late], others, seconds=size.fault_seconds),
        schedule(
            dice,
            deaths[: int(last)],
            late,
            [kind for kind in size.others if kind in TELEGRAMS],
            seconds=size.after_seconds,
        ),
    )


def unstruck(verdict: Verdict) -> list[str]:
    """Return the services and points that no kill has met: a full run must leave none."""
    services = {name.removesuffix("-2") for name in verdict.kills}
    spared = [f"{service} {point}" for service, point in POINTS if not verdict.striker.points_struck[service, point]]
    return [name for name in SERVICES if name not in services] + spared


def _people(system: System, size: Size, dice: random.Random) -> list[Person]:
    """Make families, and give most of them a chat, as if they had linked it long ago."""
    everybody: list[Person] = []
    for _ in range(size.families):
        partner, candidates = system.cast.family(size.candidates)
        _link(system, [partner, *[person for person in candidates if dice.random() >= UNLINKED]])
        _let_some_block_the_bot(system, candidates, dice)
        everybody += candidates
    return everybody


def _link(system: System, people: Sequence[Person]) -> None:
    for person in people:
        person.chat_id = system.telegram.add_chat(person.name, started=True)
        system.chats[person.account_id] = Chat.LINKED
    system.ledger.rows(
        "post-webinar",
        "insert into chat_link (account_id, chat_id, blocked, version, linked_at) "
        "select *, false, 1, now() from unnest($1::text[], $2::bigint[])",
        [person.account_id for person in people],
        [person.chat_id for person in people],
    )


def _let_some_block_the_bot(system: System, people: Sequence[Person], dice: random.Random) -> None:
    for person in people:
        system.chats.setdefault(person.account_id, Chat.NONE)
        if person.chat_id is not None and dice.random() < BLOCKED:
            system.telegram.block(person.chat_id)
            system.chats[person.account_id] = Chat.BLOCKED
    blocked = [person.account_id for person in people if system.chats[person.account_id] is Chat.BLOCKED]
    query = "select count(*) from chat_link where blocked and account_id = any($1::text[])"
    system.ledger.wait_for("post-webinar", query, blocked, is_it=lambda found: found == len(blocked))


def _sign_in(system: System, people: Sequence[Person]) -> dict[str, Access]:
    def enter(person: Person) -> tuple[str, Access]:
        caller = system.cast.caller(person)
        cookies = "; ".join(f"{name}={value}" for name, value in caller.cookies().items())
        return person.account_id, Access(cookies, caller.token)

    with ThreadPoolExecutor(4) as pool:
        return dict(pool.map(enter, people))


def _plan(system: System, number: int, people: Sequence[Person], size: Size, dice: random.Random) -> Played:
    title = f"Бой {number}."
    webinar_id: UUID = system.desks[0].plan(
        title, completion_percent=str(COMPLETION_PERCENT), cta_link="https://offers.example/chaos"
    )
    there = dice.sample(list(people), size.members)
    chats = {person.account_id: system.chats[person.account_id] for person in there}
    return Played(webinar_id, title, parts_for(there, chats, dice))


class Show:
    """One webinar from its lobby to its end, whatever strikes."""

    def __init__(
        self, system: System, one: Played, size: Size, access: Mapping[str, Access], dice: random.Random
    ) -> None:
        self._system = system
        self._one = one
        self._size = size
        door = Door(system.room_addresses, system.stack.base_url)
        self.complaints: list[str] = []
        self.crowd = Crowd(system.background, door, one.webinar_id, access, dice)

    def run(self, wait: float) -> None:
        """Play it; `wait`: seconds before its lobby opens."""
        seconds = self._size.on_air_seconds
        self._system.pause(wait)
        self.crowd.come(self._one.members, seconds)
        self._system.pause(LOBBY_SECONDS)
        self._insist("start", lambda: self._said("webinar_started"), confirm="confirm")
        started = time.monotonic()
        self.crowd.started()
        self._system.pause(CTA_AT * seconds)
        self._insist("cta/show", lambda: self._said("webinar_event", cta_visibility="visible"))
        self._system.pause(started + seconds - time.monotonic())
        self._insist("stop", lambda: self._said("webinar_finished"), confirm="confirm")

    def _said(self, topic: str, **fields: str) -> list[Said]:
        return self._system.wire.of(
            topic, self._one.webinar_id, lambda body: all(body.get(name) == value for name, value in fields.items())
        )

    def _insist(self, button: str, is_done: Callable[[], object], **fields: str) -> None:
        """Press until Core has said so, as a person would."""
        began = time.monotonic()
        answers: list[str] = []
        while not is_done():
            desk: Desk = self._system.desks[len(answers) % len(self._system.desks)]
            try:
                answer = desk.press(self._one.webinar_id, button, **fields)
            except (httpx.HTTPError, AssertionError) as error:
                # Nobody is at home there just now.
                answers.append(repr(error)[:80])
            else:
                answers.append(f"{answer.status_code} {error_code(answer) or ''}")
            until = time.monotonic() + DESK_PAUSE_SECONDS
            while not is_done() and time.monotonic() < until:
                self._system.pause(POLL_SECONDS / 10)
            if time.monotonic() - began > DESK_PATIENCE_SECONDS:
                self.complaints.append(f"{self._one.title} {button}: pressed in vain: {answers}")
                return


def _calm_down(system: System, striker: Striker) -> list[str]:
    """No more faults; everything runs again."""
    striker.withdraw_orders()
    system.telegram.clear_faults()
    system.make_everything_run()
    return list(striker.failed)


def _wait_until_quiet(system: System, played: Sequence[Played], seconds: float) -> list[str]:
    """Return when nothing is under way; the failure, if that takes too long."""
    ids = [one.webinar_id for one in played]
    routes = expected_of("post_webinar_route", played).total()

    def what_is_left() -> str:
        found = system.ledger.value(
            "post-webinar", "select count(*) from route where planned and webinar_id = any($1::uuid[])", ids
        )
        if found < routes:
            return f"{found} of {routes} routes"
        under_way = system.ledger.value(
            "post-webinar",
            "select count(*) from delivery where webinar_id = any($1::uuid[]) and state in ('planned', 'sending')",
            ids,
        )
        if under_way:
            return f"{under_way} deliveries are not done"
        return system.waiting()

    deadline = time.monotonic() + seconds
    calm = 0
    while calm < 3:
        left = what_is_left()
        calm = 0 if left else calm + 1
        if time.monotonic() > deadline:
            return [f"not quiet after {seconds:.0f} s: {left}"]
        time.sleep(POLL_SECONDS)
    return []


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()
