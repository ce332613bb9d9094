"""Another team's subscriber, written from the documentation alone, hears the whole story of a webinar."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO, Any
from urllib.parse import urlsplit

import pytest
from contracts.topology import OWN_TOPICS
from world.desk import Desk
from world.people import Cast
from world.rooms import Browsers
from world.system import World
from world.teams import team_of

SUBSCRIBER = Path(__file__).parent / "outsider/subscriber.py"
PATIENCE_SECONDS = 60.0
PUBLIC = {topic.name for topic in OWN_TOPICS if topic.public}


class Heard:
    """What the subscriber prints, line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._news: Queue[tuple[str, str]] = Queue()
        for name, stream in (("out", process.stdout), ("err", process.stderr)):
            assert stream is not None
            Thread(target=self._read, args=(name, stream), daemon=True).start()

    def _read(self, name: str, stream: IO[str]) -> None:
        for line in stream:
            self._news.put((name, line.strip()))

    def until(self, what: str, is_so: Any) -> None:
        """Take lines until `is_so`."""
        while not is_so():
            try:
                name, line = self._news.get(timeout=PATIENCE_SECONDS)
            except Empty:
                raise AssertionError(f"{what}: never; heard {[one['topic'] for one in self.lines]}") from None
            if name == "out":
                self.lines.append(json.loads(line))
            else:
                self.complaints.append(line)


@pytest.fixture
def outsider(world: World) -> Iterator[Heard]:
    """The subscriber as a process of its own, listening."""
    with team_of(world) as url:
        environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "RABBITMQ_URL": url}
        environment["QUEUE"] = f"{urlsplit(url).username}.webinars"
        process = subprocess.Popen(
            [sys.executable, str(SUBSCRIBER)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            heard = Heard(process)
            heard.until("ready", lambda: "ready" in heard.complaints)
            yield heard
        finally:
            process.terminate()
            process.wait(10)
            for stream in (process.stdout, process.stderr):
                assert stream is not None
                stream.close()


def test_an_outsider_hears_the_whole_story_of_a_webinar(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, outsider: Heard
) -> None:
    candidate = cast.one()
    cast.link_chat(candidate)
    webinar_id = desk.plan("Для соседней команды")
    room = browsers.room(cast.caller(candidate), webinar_id)
    started = desk.start(webinar_id)
    desk.show_cta(webinar_id)
    with room.page.expect_popup():
        room.cta.click()
    world.let_run(started, 6)
    desk.stop(webinar_id)

    def mine() -> list[dict[str, Any]]:
        return [line for line in outsider.lines if line["body"].get("webinar_id") == str(webinar_id)]

    def is_told() -> bool:
        delivered = any(line["body"].get("state") == "sent" for line in mine())
        return delivered and {line["topic"] for line in mine()} == PUBLIC

    outsider.until("the whole story", is_told)
    topics = [line["topic"] for line in mine()]
    statuses = [line["body"]["status"] for line in mine() if line["topic"] == "webinar_event"]
    assert statuses == ["scheduled", "live", "live", "finished"]
    for topic in PUBLIC - {"webinar_event", "post_webinar_delivery"}:
        assert topics.count(topic) == 1, topics
    assert {line["correlation_id"] for line in mine() if line["topic"] != "webinar_event"} == {str(webinar_id)}
    assert [line for line in outsider.complaints if line.startswith("unread")] == []
    told = json.dumps(outsider.lines, ensure_ascii=False)
    assert [word for word in (candidate.name, candidate.login, str(candidate.chat_id)) if word in told] == []
