"""The running system and everything that a story needs to meet it."""

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from local_stack.demo import OVERRIDES, Demo
from local_stack.servers import Servers
from local_stack.supervisor import Stack

from world.background import Background
from world.commander import Commander
from world.desk import Desk
from world.facts import Facts, told_twice
from world.ledger import Ledger
from world.people import Cast, Person
from world.quiet import bad_lines, lines_with
from world.telegram import Telegram
from world.wire import Said, Wire


@dataclass
class World:
    """A stack with people in it. `excused`: words that make a bad log line one that a story has announced."""

    stack: Stack
    background: Background
    wire: Wire
    ledger: Ledger
    telegram: Telegram
    commander: Commander
    cast: Cast
    excused: list[str] = field(default_factory=list)
    planned: list[UUID] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return self.stack.base_url

    def desk_of(self, person: Person) -> Desk:
        """Return a host's desk."""
        return Desk(self.cast.caller(person), self.wire, self.planned.append)

    def facts(self, webinar_id: UUID) -> Facts:
        """Return what is known of people in a webinar."""
        return Facts(self.wire, self.ledger, webinar_id)

    def let_run(self, started: Said, seconds: float) -> None:
        """Return when a webinar has been on the air that long, by the house clock."""
        self.ledger.wait_until(started.moment("started_at") + timedelta(seconds=seconds))

    @contextmanager
    def restarted(self, service: str, **settings: str) -> Iterator[None]:
        """Run a service with other settings for a while."""
        process = self.stack.service(service)
        usual = process.environment

        def restart(environment: Mapping[str, str]) -> None:
            process.stop()
            process.environment = environment
            process.start()

        try:
            restart({**usual, **settings})
            yield
        finally:
            restart(usual)

    @contextmanager
    def excusing(self, *words: str) -> Iterator[None]:
        """Excuse bad log lines with one of these words that come while the block runs, and no others."""
        before = set(bad_lines(self.stack.logs))
        yield
        new = [line for line in bad_lines(self.stack.logs) if line not in before]
        self.excused += [line for line in new if any(one in line for one in words)]

    def wait_until_drained(self, queue: str, patience: float = 30) -> None:
        """Return when no message waits in a queue."""
        deadline = time.monotonic() + patience
        while depth := self.wire.depth(queue):
            assert time.monotonic() < deadline, f"{depth} messages are stuck in {queue}"
            time.sleep(0.1)

    @property
    def desk(self) -> Desk:
        """The speaker's desk."""
        return self.desk_of(self.cast.speaker)

    def stop_what_runs(self) -> None:
        """Stop what a story left on the air, so that "the current webinar" is the next story's own."""
        for webinar_id in self.planned:
            events = self.wire.of("webinar_event", webinar_id)
            status = max(events, key=lambda said: said.body["version"]).body["status"] if events else "draft"
            if status in {"live", "paused"}:
                self.desk.press(webinar_id, "stop", confirm="confirm")
        self.planned.clear()

    def complaints(self) -> list[str]:
        """Return what should not be there when all stories are told."""
        bad = [line for line in bad_lines(self.stack.logs) if not any(words in line for words in self.excused)]
        tokens = {said.token for said in self.wire.everything if said.token}
        told = [f"a command's token stands in the log of {name}" for name in lines_with(self.stack.logs, tokens)]
        dead = [f"dead letter in {queue}: {why}" for queue, why in self.ledger.dead_letters().items()]
        parked = [f"{count} parked outbox rows of {service}" for service, count in self.ledger.parked().items()]
        return [*bad, *told, *dead, *parked, *told_twice(self.wire)]

    def last_words(self, lines: int = 15) -> str:
        """Return the last log lines of every service."""
        found = []
        for log in sorted(self.stack.logs.glob("*.log")):
            text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
            found.append("\n".join([f"--- {log.stem}", *(line[:600] for line in text)]))
        return "\n".join(found)


@contextmanager
def running_world(servers: Servers, home: Path, **overrides: str) -> Iterator[World]:
    """Run the stack with the demo's people; everything that was started is stopped at the end."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    background = Background()
    try:
        with Stack(servers, home=home, overrides={**OVERRIDES, **overrides}, report=lambda _: None) as stack:
            wire = Wire(background, servers.rabbitmq_url)
            Demo(stack, home).seed()
            ledger = Ledger(background, servers.database_url)
            assert stack.sandbox_url, "the stack was started without a sandbox"
            telegram = Telegram(stack.sandbox_url)
            signing_key, _ = stack.environments.choices.command_keys
            commander = Commander(background, servers.rabbitmq_url, signing_key)
            cast = Cast(stack.base_url, ledger=ledger, wire=wire, telegram=telegram)
            try:
                yield World(stack, background, wire, ledger, telegram, commander, cast)
            finally:
                cast.close()
                telegram.close()
                wire.close()
    finally:
        background.close()
