"""From the release before to this one, by the commands of docs/operating.md, while a webinar is on air."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from composed.house import House
from composed.project import Compose, documented, running
from contracts.topology import THE_FIVE
from local_stack.paths import ROOT

BEFORE = os.environ.get("UPGRADE_FROM", "")

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not BEFORE, reason="name the release before: make test-compose FROM=<commit or tag>"),
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with the release before checked out."""
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--no-checkout", str(ROOT), str(clone))
    git("-C", str(clone), "checkout", "--quiet", BEFORE)
    return clone


@pytest.fixture
def compose(clone: Path, tmp_path: Path) -> Iterator[Compose]:
    """A project of the release before. Telegram is not upgraded with it: the sandbox keeps its image, and its chats."""
    beside = tmp_path / "sandbox.yml"
    project = Compose(tmp_path, clone=clone, beside=beside)
    beside.write_text(f"services: {{telegram-sandbox: {{image: {project.name}/sandbox}}}}")
    project.run("build", "room-ui")
    project.shell(f"docker tag webinars/room-ui {project.name}/sandbox")
    try:
        with running(project):
            yield project
    finally:
        project.shell(f"docker image rm {project.name}/sandbox")


@pytest.fixture
def house(compose: Compose) -> Iterator[House]:
    house = House(compose)
    yield house
    house.close()


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def test_a_webinar_on_air_outlives_the_upgrade(clone: Path, compose: Compose, house: House) -> None:
    before = house.on_air("Before the upgrade")
    house.stop(before)
    during = house.on_air("During the upgrade")
    old = compose.images()
    (upgrade,) = documented("operating.md", "Upgrade")

    git("-C", str(clone), "checkout", "--quiet", git("-C", str(ROOT), "rev-parse", "HEAD"))
    compose.shell(upgrade)

    assert compose.health() == dict.fromkeys(THE_FIVE, "healthy")
    new = compose.images()
    assert [service for service in THE_FIVE if old[service] == new[service]] == []
    house.stop(during)
    after = house.on_air("After the upgrade")
    house.stop(after)
    for title, on_air in (
        ("Before the upgrade", before),
        ("During the upgrade", during),
        ("After the upgrade", after),
    ):
        assert house.readers(title) == [on_air.couple.candidate, on_air.couple.partner], title
    assert compose.doctors_findings() == []
