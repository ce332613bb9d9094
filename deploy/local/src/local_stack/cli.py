"""`python -m local_stack …`: what the Makefile runs."""

import json
import shutil
import signal
import sys
from collections.abc import Callable

from local_stack import background, checks, prometheus, session
from local_stack.chromium import chromium
from local_stack.errors import AlreadyRunningError, LocalStackError
from local_stack.interrupts import Interrupts
from local_stack.paths import ROOT, remove_everything
from local_stack.postgres import binaries
from local_stack.private_folder import folders_in_use
from local_stack.progress import say
from local_stack.rabbitmq_programs import programs
from local_stack.running import is_held, ready_stack
from local_stack.servers import private_servers

CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis")


def demo() -> int:
    """Run in the foreground, with a line per event."""
    return session.run(tell_the_story=True)


def serve() -> int:
    """Run without the story; what `up` starts in the background."""
    return session.run(tell_the_story=False)


def up() -> int:
    """Run in the background."""
    background.up()
    return 0


def down() -> int:
    """Stop what runs."""
    background.down()
    return 0


def status() -> int:
    """Say what runs."""
    found = ready_stack()
    if found is None:
        say("This clone's stack is starting or stopping." if is_held() else "Nothing of this clone is running.")
        return 1
    settings, seeded = found
    print(session.overview(settings, seeded=seeded))
    return 0


def servers() -> int:
    """Run only the two servers, for as many test runs as one likes; prints their addresses as settings."""
    with Interrupts(), private_servers() as found:
        print(f"export DATABASE_URL={found.database_url}")
        print(f"export RABBITMQ_URL={found.rabbitmq_url}")
        print(f"export RABBITMQ_MANAGEMENT_URL={found.rabbitmq_management_url}", flush=True)
        say("Ctrl-C stops them.")
        try:
            signal.pause()
        except KeyboardInterrupt:
            say("Stopping …")
    return 0


def fetch() -> int:
    """Get everything that tests and demo need from the distribution now rather than in the middle of a test."""
    found = {
        "postgres": str(binaries()),
        "rabbitmq": str(programs().server),
        "chromium": str(chromium()),
        "prometheus": str(prometheus.programs().server),
    }
    say(json.dumps(found, indent=1))
    return 0


def test() -> int:
    """Run every check and every test."""
    return checks.run(checks.all_parts())


def lint() -> int:
    """Check style and the direction of imports."""
    return checks.run([checks.lint()])


def types() -> int:
    """Check types."""
    return checks.run([checks.types()])


def security() -> int:
    """Look for known vulnerabilities, secrets, faults of the image's description; write the bill of materials."""
    return checks.run([checks.security()])


def tests() -> int:
    """Run the tests of single packages."""
    return checks.run([checks.fetch(), checks.tests()])


def soak() -> int:
    """Run the loop again and again."""
    return checks.run([checks.fetch(), checks.soak()])


def bench() -> int:
    """Measure how long a press at the desk takes to show."""
    return checks.run([checks.fetch(), checks.bench()])


def screenshots() -> int:
    """Take a picture of every page in every state."""
    return checks.run([checks.fetch(), checks.screenshots()])


def e2e() -> int:
    """Run the stories through all services, with browsers."""
    return checks.run([checks.fetch(), checks.e2e()])


def clean() -> int:
    """Remove what running and testing left in this clone; downloads and data too, `.venv` not."""
    if is_held():
        raise LocalStackError("This clone's stack is running: make down first.")
    if folders_in_use():
        raise LocalStackError("A test run, or make servers, is using servers of this clone: stop it first.")
    removed = remove_everything()
    for name in CACHES:
        if (ROOT / name).is_dir():
            shutil.rmtree(ROOT / name)
            removed.append(ROOT / name)
    say("Removed " + ", ".join(str(path) for path in removed) if removed else "Nothing to remove.")
    return 0


COMMANDS: dict[str, Callable[[], int]] = {
    command.__name__: command
    for command in (
        *(demo, serve, up, down, status, servers, fetch),
        *(test, lint, types, security, tests, e2e, soak, bench, screenshots, clean),
    )
}


def main(words: list[str]) -> int:
    """Run one command; what is in the way is told in words, with exit code 1."""
    if len(words) != 1 or words[0] not in COMMANDS:
        for name, command in COMMANDS.items():
            say(f"  {name:<11} {(command.__doc__ or '').splitlines()[0]}")
        return 2
    try:
        return COMMANDS[words[0]]()
    except LocalStackError as problem:
        say(f"\n{problem}")
        if isinstance(problem, AlreadyRunningError):
            status()
        return 1
    except KeyboardInterrupt:
        return session.EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
