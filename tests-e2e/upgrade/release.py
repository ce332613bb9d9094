"""The release before: a commit's code in a folder of its own, and which processes run it."""

import configparser
import os
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.topology import THE_FIVE
from local_stack.errors import LocalStackError
from local_stack.paths import ROOT
from local_stack.service_process import ServiceProcess
from local_stack.supervisor import Stack
from world.ledger import Ledger

PLACE = "PYTHONPATH"
PACKAGES = ("contracts", "servicekit")


@dataclass(frozen=True)
class Release:
    """`folder`: where its code is; `place`: the PYTHONPATH with which that comes before what is installed."""

    name: str
    folder: Path

    @property
    def place(self) -> str:
        folders = [*sorted(self.folder.glob("libs/*/src")), *sorted(self.folder.glob("services/*/src"))]
        return os.pathsep.join(map(str, folders))

    def run_by(self, processes: Iterable[ServiceProcess]) -> list[str]:
        """Return the names of the processes whose code is all of this release."""
        return [one.name for one in processes if all(file.is_relative_to(self.folder) for file in _files_of(one))]


def _files_of(process: ServiceProcess) -> list[Path]:
    """Ask Python, in a process's environment, where it finds the service and what that stands on."""
    modules = [str(process.command[-1]), *PACKAGES]
    script = f"import {', '.join(modules)}; print({', '.join(f'{name}.__file__' for name in modules)}, sep='\\n')"
    command = [process.command[0], "-c", script]
    asked = subprocess.run(command, env=process.environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [Path(line) for line in asked.stdout.splitlines()]


@contextmanager
def checked_out(commit: str) -> Iterator[Release]:
    """Have a commit in a worktree while the block runs."""
    with TemporaryDirectory(prefix="release-") as above:
        folder = Path(above).resolve() / "release"
        _git("worktree", "add", "--quiet", "--detach", str(folder), commit)
        try:
            for project in [*folder.glob("libs/*/pyproject.toml"), *folder.glob("services/*/pyproject.toml")]:
                _install(project)
            yield Release(_git("describe", "--always", commit).strip(), folder)
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _install(file: Path) -> None:
    """Put a package's name and entry points beside its code: else Python finds those of this release."""
    project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    entries = configparser.ConfigParser(delimiters="=")
    entries.optionxform = str  # type: ignore[assignment,method-assign]
    entries.read_dict(project.get("entry-points", {}))
    installed = file.parent / "src" / f"{name.replace('-', '_')}-{version}.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    with (installed / "entry_points.txt").open("w", encoding="utf-8") as written:
        entries.write(written)


def _git(*words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise LocalStackError(f"git {' '.join(words)}: {ran.stderr.strip()}")
    return ran.stdout


def provision_with_this_release(stack: Stack) -> None:
    """Run this release's `webinarctl provision`, whatever runs."""
    others = {name: value for name, value in stack.environments.overrides.items() if name != PLACE}
    stack.environments = replace(stack.environments, overrides=others)
    stack.provision()


def give_this_release(process: ServiceProcess) -> None:
    """Let a process run this release from its next start on."""
    process.environment = {name: value for name, value in process.environment.items() if name != PLACE}


def schemas(ledger: Ledger) -> dict[str, str]:
    """Return how far each database has come: the kit's migration and the service's own."""
    query = "select (select version_num from servicekit_version) || '/' || version_num from service_version"
    return {service: ledger.value(service, query) for service in THE_FIVE}
