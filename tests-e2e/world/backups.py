"""Backups as docs/operating.md tells to make them, the loss of everything, and the way back."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from contracts.topology import ATTENDANCE, CORE_WEBINAR, POST_WEBINAR, ROOM_UI, THE_FIVE, TRACKER
from local_stack.environments import python_module
from local_stack.paths import ROOT
from local_stack.postgres import binaries

from world.system import World

IN_ORDER = (ROOM_UI, POST_WEBINAR, ATTENDANCE, TRACKER, CORE_WEBINAR)
"""Who hears goes before who says: then nobody's dump knows of what another's does not."""


class Backups:
    """The dumps of one world."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def dump(self, *services: str) -> None:
        """Dump these databases, one after the other, while the services run."""
        for service in services or IN_ORDER:
            self._run(binaries() / "pg_dump", "--format=custom", f"--file={self._file(service)}", self._url(service))

    def lose_everything(self) -> None:
        """Kill the services and drop their databases; the broker keeps what nobody has heard."""
        for service in THE_FIVE:
            self._world.stack.service(service).kill()
        for service in THE_FIVE:
            self._administer(f'drop database "{_role(service)}" with (force)')

    def restore(self) -> None:
        """Make the databases anew and fill them from the dumps."""
        self._world.stack.provision()
        for service in THE_FIVE:
            self._run(
                binaries() / "pg_restore",
                "--no-owner",
                f"--role={_role(service)}",
                "--exit-on-error",
                f"--dbname={self._url(service)}",
                self._file(service),
            )

    def settle(self, *words: str) -> dict[str, Any]:
        """Run `webinarctl after-restore`; return what it answers."""
        ran = self._webinarctl("--yes", "--json", *words)
        assert ran.returncode == 0, ran.stderr
        answer: dict[str, Any] = json.loads(ran.stdout)
        return answer

    def refusal(self) -> str:
        """Run `webinarctl after-restore` where it must refuse; return its words."""
        ran = self._webinarctl("--yes")
        assert ran.returncode == 1, ran.stdout
        return ran.stderr

    def start(self) -> None:
        """Start the services again."""
        for service in THE_FIVE:
            self._world.stack.service(service).launch()
        for service in THE_FIVE:
            self._world.stack.service(service).wait()

    def _webinarctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*python_module("servicekit.cli"), "after-restore", *words],
            env=self._world.stack.environments.of_provisioning(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def _administer(self, statement: str) -> None:
        self._run(binaries() / "psql", "--quiet", f"--command={statement}", self._world.stack.servers.database_url)

    def _run(self, *command: str | Path) -> None:
        ran = subprocess.run(command, env={**os.environ}, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{command[0]}: {ran.stderr}"

    def _url(self, service: str) -> str:
        return urlunsplit(urlsplit(self._world.stack.servers.database_url)._replace(path=f"/{_role(service)}"))

    def _file(self, service: str) -> Path:
        return self._folder / f"{_role(service)}.dump"


def _role(service: str) -> str:
    return service.replace("-", "_")


def found(answer: dict[str, Any], service: str, words: str) -> Sequence[int]:
    """Return the counts of what `after-restore` has found in a service and tells with these words."""
    [settled] = [one for one in answer["settled"] if one["service"] == service]
    return [one["count"] for one in settled["findings"] if words in one["what"]]
