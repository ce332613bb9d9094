"""A Chromium for the browser tests: installed, else the distribution's unpacked, else Playwright's own download."""

# ruff: noqa: S603 - it runs the browser that it has just found

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from local_stack.debian import library_path, unpack
from local_stack.errors import NotAvailableError
from local_stack.paths import state_dir
from local_stack.progress import step
from local_stack.rabbitmq_programs import FORCE_UNPACKED

# The shell is the same engine without windows: fewer packages, and a page opens three times faster. Ubuntu lacks it.
PACKAGES = ("chromium-headless-shell", "chromium")
INSTALLED = (*PACKAGES, "chromium-browser", "google-chrome", "google-chrome-stable")
# Text without any font is invisible; these have Cyrillic.
FONTS = "fonts-dejavu-core"
WRAPPER = """#!/bin/sh
LD_LIBRARY_PATH={libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}
export LD_LIBRARY_PATH
if [ ! -e /etc/fonts/fonts.conf ]; then FONTCONFIG_FILE={fonts}; export FONTCONFIG_FILE; fi
exec {program} "$@"
"""
FONT_CONFIG = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><dir>/usr/share/fonts</dir><cachedir>{root}/fontcache</cachedir></fontconfig>
"""


def chromium() -> Path:
    """Return a program that starts a Chromium here; NotAvailableError says what to do.

    `CHROMIUM` names one; else the first that works. Playwright's driver is made to start too: where this machine
    lacks a library for it, PLAYWRIGHT_NODEJS_PATH is set in this process's environment.
    """
    _mend_playwright()
    if named := os.environ.get("CHROMIUM"):
        if not _works(Path(named)):
            raise NotAvailableError(f"CHROMIUM names {named}, which does not start.")
        return Path(named)
    if not os.environ.get(FORCE_UNPACKED):
        for name in INSTALLED:
            found = shutil.which(name)
            # On Ubuntu the name may be there and only tell that a snap is to be installed.
            if found and _works(Path(found)):
                return Path(found)
    reasons = []
    ways: list[Callable[[], Path]] = [*(partial(_unpacked, package) for package in PACKAGES), _playwrights]
    for way in ways:
        try:
            program = way()
        except NotAvailableError as problem:
            reasons.append(str(problem))
            continue
        if _works(program):
            return program
        reasons.append(f"{program} does not start: {_complaint(program)}")
    raise NotAvailableError(
        "No Chromium is on this machine, and none could be downloaded.\n"
        + "\n".join(reasons)
        + "\nInstall the package chromium or Google Chrome, or set CHROMIUM to its program."
    )


def _unpacked(package: str) -> Path:
    root = unpack(package, [package, FONTS], whole_family=("chromium",))
    program = root / "usr/lib/chromium" / package
    if not program.is_file():
        raise NotAvailableError(f"The distribution's package {package} holds no browser of its own.")
    return _wrapped(root, program, root / "chromium-here")


def _mend_playwright() -> None:
    package = importlib.util.find_spec("playwright")
    if package is None or not package.submodule_search_locations or os.environ.get("PLAYWRIGHT_NODEJS_PATH"):
        return
    node = Path(package.submodule_search_locations[0]) / "driver/node"
    if not node.exists() or _works(node):
        return
    root = unpack("playwright-driver", ["libatomic1", "libstdc++6"], whole_family=("libatomic1\n",))
    os.environ["PLAYWRIGHT_NODEJS_PATH"] = str(_wrapped(root, node, root / "node"))


def _playwrights() -> Path:
    browsers = state_dir() / "browsers"
    environment = {**os.environ, "PLAYWRIGHT_BROWSERS_PATH": str(browsers)}
    if not list(browsers.glob("chromium-*/INSTALLATION_COMPLETE")):
        with step("Downloading Playwright's Chromium"):
            done = _playwright(environment, "install", "chromium")
        if done.returncode:
            raise NotAvailableError(f"Playwright could not download its Chromium:\n{done.stdout[-600:]}")
    program = next(iter(sorted(browsers.glob("chromium-*/chrome-linux*/chrome"))), None)
    if program is None:
        raise NotAvailableError(f"Playwright left no Chromium below {browsers}: remove that folder and try again.")
    if _works(program):
        return program
    listed = _playwright(environment, "install-deps", "--dry-run", "chromium").stdout
    root = unpack("chromium-libraries", libraries_named(listed))
    return _wrapped(root, program, root / "chromium")


def libraries_named(dry_run: str) -> list[str]:
    """Return the packages that Playwright's `install-deps --dry-run` would install."""
    command = next((line for line in reversed(dry_run.splitlines()) if "apt-get install" in line), "")
    words = re.sub(r"""["']""", " ", command.partition("apt-get install")[2]).split()
    return [word for word in words if not word.startswith("-")] or [FONTS]


def _playwright(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "playwright", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _wrapped(root: Path, program: Path, wrapper: Path) -> Path:
    """Write a script that starts the program with the unpacked libraries and fonts."""
    config = root / "fonts.conf"
    _put(config, FONT_CONFIG.format(root=root), 0o644)
    words = WRAPPER.format(
        libraries=shlex.quote(library_path(root)), fonts=shlex.quote(str(config)), program=shlex.quote(str(program))
    )
    _put(wrapper, words, 0o755)
    return wrapper


def _put(file: Path, text: str, mode: int) -> None:
    """Write a file as a whole: others may be running it, and a program that is open for writing cannot be run."""
    if file.is_file() and file.read_text() == text:
        return
    new = file.with_name(f"{file.name}.{os.getpid()}")
    new.write_text(text)
    new.chmod(mode)
    new.replace(file)


def _works(program: Path) -> bool:
    return _ask([str(program), "--version"]).returncode == 0


def _complaint(program: Path) -> str:
    return " ".join(_ask([str(program), "--version"]).stdout.split())[:300]


def _ask(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, str(error), "")
