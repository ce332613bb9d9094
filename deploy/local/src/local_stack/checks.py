"""Every check and test, part by part: what failed does not hide what comes after, and each part's time is told."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_stack.interrupts import Interrupts
from local_stack.paths import ROOT
from local_stack.progress import say
from local_stack.servers import named_servers

STOP_PATIENCE_SECONDS = 30.0
BIN = Path(sys.executable).parent
PACKAGES = ("libs/*", "services/*", "deploy/local")
# The slowest are named, so that somebody looks at them before the whole is too long.
PYTEST = (sys.executable, "-m", "pytest", "-q", "--durations=10", "--durations-min=5")
# They wait more than they work, so there is one more than cores that anybody has. Each starts servers of its own: roles
# and broker users have the same names in every test that makes them. A file stays together, with what it has started.
SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
# The stories of one system, and beside them those that start, and kill, one of their own.
TWO_BESIDE = ("-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder")
# Programs beside the stories; they share the stories' package.
PROGRAM = ("env", "PYTHONPATH=tests-e2e", sys.executable, "-m")


Command = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """name: as printed; commands: run one after the other, all of them, whatever the others say."""

    name: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class Outcome:
    """How a part went: how long it took, and which of its commands failed."""

    name: str
    seconds: float
    failed: tuple[Command, ...]


def all_parts() -> list[Part]:
    """Return the parts of `make test`, cheapest first."""
    return [fetch(), lint(), types(), security(), tests(), e2e()]


def fetch() -> Part:
    """What tests need from the distribution, before a test waits for it."""
    return Part("fetch", ((sys.executable, "-m", "local_stack", "fetch"),))


def lint() -> Part:
    """Style and imports of everything."""
    ruff = str(BIN / "ruff")
    style = ((ruff, "check", "--quiet", "."), (ruff, "format", "--check", "--quiet", "."))
    return Part("lint", (*style, (str(BIN / "lint-imports"),)))


def types() -> Part:
    """mypy, package by package: each has tests of the same names; then TypeScript for the pages' scripts."""
    folders = sorted(file.parent for glob in PACKAGES for file in ROOT.glob(f"{glob}/pyproject.toml"))
    checked = [
        *(str(folder.relative_to(ROOT)) for folder in folders),
        "deploy/compose",
        "deploy/kubernetes",
        "deploy/observability",
        "scripts",
        "tests-e2e",
        # One by one: both consumers are a module called `consumer`.
        *(f"examples/{name}" for name in ("consumer-plain", "consumer-kit", "fake_webinar", "test_examples.py")),
    ]
    scripts = (sys.executable, "-m", "local_stack.javascript")
    return Part("types", (*((str(BIN / "mypy"), name) for name in checked), scripts))


def security() -> Part:
    """Advisories about what is pinned, secrets in tracked files, the image's description, what it is all made of."""
    programs = ("advisories", "secret_scan", "bill_of_materials")
    image = (str(BIN / "hadolint"), "--no-color", "deploy/Dockerfile")
    return Part("security", (image, *((sys.executable, "-m", f"local_stack.{name}") for name in programs)))


def tests() -> Part:
    """Unit tests, and tests of single services on real servers; one after the other where somebody named these."""
    beside = () if named_servers() else SIDE_BY_SIDE
    # Files of few tests that take long come first, so that nobody waits for one of them alone at the end.
    return Part(
        "tests",
        (
            (
                *PYTEST,
                *beside,
                "examples",
                "deploy/local",
                "deploy/kubernetes",
                "deploy/observability",
                "libs",
                "services",
            ),
        ),
    )


def e2e() -> Part:
    """Stories through all services, with browsers; one after the other where somebody named the servers."""
    beside = () if named_servers() else TWO_BESIDE
    return Part("e2e", ((*PYTEST, *beside, "tests-e2e"),))


def soak() -> Part:
    """The loop again and again."""
    return Part("soak", ((*PROGRAM, "soak"),))


def bench() -> Part:
    """How long a press at the desk takes to show, how long a rolling restart cuts a stream, how soon a page shows."""
    programs = ("bench.start_stop_latency", "bench.schedule_latency", "bench.rolling_restart", "bench.first_paint")
    return Part("bench", tuple((*PROGRAM, name) for name in programs))


def screenshots() -> Part:
    """A picture of every page in every state."""
    return Part("screenshots", ((*PROGRAM, "screenshots"),))


def run(parts: Sequence[Part]) -> int:
    """Run the parts one after the other, tell the time of each, and return 1 if anything failed."""
    # In CI the same servers on every machine, whether or not it has a Docker engine.
    environment = {**os.environ, **({"TEST_SERVERS": "native"} if "CI" in os.environ else {})}
    with Interrupts() as interrupts:
        outcomes = [_run(part, environment, interrupts) for part in parts]
    say("")
    for outcome in outcomes:
        say(f"  {outcome.name:<8} {outcome.seconds:7.1f} s   {'FAILED' if outcome.failed else 'ok'}")
    say(f"  {'all':<8} {sum(outcome.seconds for outcome in outcomes):7.1f} s")
    for outcome in outcomes:
        for command in outcome.failed:
            say(f"Failed: {' '.join(_readable(command))}")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def _run(part: Part, environment: Mapping[str, str], interrupts: Interrupts) -> Outcome:
    say(f"\n=== {part.name}")
    began = time.monotonic()
    failed = tuple(command for command in part.commands if _fails(command, environment, interrupts))
    return Outcome(part.name, time.monotonic() - began, failed)


def _fails(command: Command, environment: Mapping[str, str], interrupts: Interrupts) -> bool:
    say(f"$ {' '.join(_readable(command))}")
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)  # noqa: S603
    try:
        return process.wait() != 0
    except KeyboardInterrupt:
        # Ctrl-C reaches the whole terminal; of any other signal only we have heard.
        if interrupts.heard != signal.SIGINT:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


def _readable(command: Command) -> list[str]:
    return [str(Path(command[0]).name), *command[1:]]
