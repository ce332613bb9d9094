"""A team that comes late, with the plain example: what was said before, what is said now, what while it was away."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from contracts import Snapshot
from contracts.topology import OWN_TOPICS
from local_stack.paths import ROOT
from world.desk import Desk
from world.people import Cast
from world.streams import Crowd
from world.system import World
from world.teams import team_of

CONSUMER = ROOT / "examples/consumer-plain/consumer.py"
PATIENCE_SECONDS = 60.0
PUBLIC = {topic.name: topic.message for topic in OWN_TOPICS if topic.public}
SNAPSHOTS = {name for name, message in PUBLIC.items() if issubclass(message, Snapshot)}
Fact = tuple[str, str]


class Consumer:
    """The example: what it keeps of a webinar, by topic and key with the version, and what it ever called news."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._database = folder / "facts.db"
        self._out = folder / "out"

    @contextmanager
    def runs(self) -> Iterator[None]:
        """Run it while the block does; then it is killed, without a chance to tidy up."""
        environment = {"PATH": os.environ["PATH"], "RABBITMQ_URL": self._url, "DATABASE": str(self._database)}
        with self._out.open("ab") as out:
            process = subprocess.Popen([sys.executable, str(CONSUMER)], env=environment, stdout=out)
        try:
            yield
            assert process.poll() is None, "it ended by itself"
        finally:
            process.kill()
            process.wait(10)

    def kept(self, webinar_id: UUID) -> dict[Fact, int]:
        with closing(sqlite3.connect(self._database)) as database:
            try:
                rows = database.execute("select topic, key, version, body from fact").fetchall()
            except sqlite3.OperationalError:
                return {}  # Its tables are just being made.
        return {
            (topic, key): version
            for topic, key, version, body in rows
            if json.loads(body).get("webinar_id") == str(webinar_id)
        }

    def until_it_has(self, wanted: dict[Fact, int], webinar_id: UUID) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.kept(webinar_id) != wanted:
            missing = wanted.items() - self.kept(webinar_id).items()
            assert time.monotonic() < deadline, f"missing {sorted(missing)[:5]}, of {len(wanted)}"
            time.sleep(0.1)

    def news(self) -> Counter[Fact]:
        lines = (line.partition(" ") for line in self._out.read_text(encoding="utf-8").splitlines())
        return Counter((topic, key) for topic, _, key in lines)


@pytest.fixture
def consumer(world: World, tmp_path: Path) -> Iterator[Consumer]:
    with team_of(world) as url:
        yield Consumer(url, tmp_path)


def said(world: World, webinar_id: UUID) -> dict[Fact, int]:
    """Return every public fact that was said about a webinar, by topic and key; of snapshots the highest version."""
    found: dict[Fact, int] = {}
    for topic, message in PUBLIC.items():
        for one in world.wire.of(topic, webinar_id):
            fact = (topic, json.dumps([one.body[name] for name in message.meaning]))
            found[fact] = max(found.get(fact, 0), one.body.get("version", 0) if topic in SNAPSHOTS else 0)
    return found


def played(world: World, cast: Cast, desk: Desk, title: str) -> UUID:
    """Play a webinar with one who stays and one who leaves early, to the last message about it."""
    staying, leaving = (cast.one(), cast.one())
    for person in (staying, leaving):
        cast.link_chat(person)
    webinar_id = desk.plan(title)
    crowd = Crowd(world.background, world.base_url, webinar_id)
    crowd.join({person.login: cast.caller(person).cookies() for person in (staying, leaving)})
    started = desk.start(webinar_id)
    facts = world.facts(webinar_id)
    for person in (staying, leaving):
        assert cast.caller(person).say("/webinar/v1/seen", {"webinar_id": str(webinar_id)}).status_code == 200
        facts.wait_for("client_webinar_entered", person)
    desk.show_cta(webinar_id)
    facts.wait_for("cta_shown", staying)
    crowd.leave(leaving.login)
    world.let_run(started, 7)
    desk.stop(webinar_id)
    crowd.leave()
    facts.wait_for_delivery(staying, "attended", "sent", patience=90)
    facts.wait_for_delivery(leaving, "not_attended", "sent", patience=90)
    return webinar_id


def test_a_late_team_misses_nothing_and_hears_nothing_twice(
    world: World, cast: Cast, desk: Desk, consumer: Consumer
) -> None:
    past = played(world, cast, desk, "Прошедший")
    wanted = {past: said(world, past)}
    with consumer.runs():
        consumer.until_it_has(wanted[past], past)
        live = played(world, cast, desk, "Следующий")
        wanted[live] = said(world, live)
        consumer.until_it_has(wanted[live], live)
    missed = played(world, cast, desk, "Пока их не было")
    wanted[missed] = said(world, missed)
    with consumer.runs():
        consumer.until_it_has(wanted[missed], missed)

    for webinar_id, facts in wanted.items():
        assert {topic for topic, _ in facts} >= set(PUBLIC) - {"cta_clicked"}
        assert consumer.kept(webinar_id) == facts
        news = {fact: count for fact, count in consumer.news().items() if fact in facts and fact[0] not in SNAPSHOTS}
        assert news == {fact: 1 for fact in facts if fact[0] not in SNAPSHOTS}
