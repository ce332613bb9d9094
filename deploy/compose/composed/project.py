"""One project of Docker Compose, with ports and secrets of its own, and what the pages tell an operator to type."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.topology import THE_FIVE
from local_stack.paths import ROOT
from local_stack.processes import free_ports

PASSWORD = "a-long-password-for-the-test"
PATIENCE_SECONDS = 240


class Compose:
    """A project; `clone` is the tree that it is described in and made from, `beside` a further file of Compose."""

    def __init__(self, folder: Path, *, clone: Path = ROOT, profile: str = "", beside: Path | None = None) -> None:
        self._folder = folder
        http_port, nginx_port, amqp_port, sandbox_port, prometheus_port = free_ports(5)
        self.base_url = f"http://127.0.0.1:{nginx_port if profile == 'scale' else http_port}"
        self.sandbox_url = f"http://127.0.0.1:{sandbox_port}"
        self.prometheus_url = f"http://127.0.0.1:{prometheus_port}"
        secrets = subprocess.run(
            [str(ROOT / ".venv/bin/webinarctl"), "env"], check=True, capture_output=True, text=True
        ).stdout
        self._settings = dict(line.split("=", 1) for line in secrets.splitlines()) | {
            "HTTP_PORT": f"127.0.0.1:{http_port}",
            "NGINX_PORT": f"127.0.0.1:{nginx_port}",
            "RABBITMQ_PORT": f"127.0.0.1:{amqp_port}",
            "SANDBOX_PORT": f"127.0.0.1:{sandbox_port}",
            "PROMETHEUS_PORT": f"127.0.0.1:{prometheus_port}",
            "BASE_URL": self.base_url,
            "FOLLOWUP_DELAY": "0",
            "MINIMUM_WATCHED_SECONDS": "3",
        }
        self.amqp_url = f"amqp://admin:{self._settings['RABBITMQ_ADMIN_PASSWORD']}@127.0.0.1:{amqp_port}/"
        self.name = f"webinars-test-{os.getpid()}-{folder.name}"
        self._env_file = folder / "env"
        self.set()
        files = [clone / "docker-compose.yml", clone / "deploy/compose/sandbox.yml", *([beside] if beside else [])]
        self._environment = {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_FILE": ":".join(map(str, files)),
            "COMPOSE_ENV_FILES": str(self._env_file),
            "COMPOSE_PROFILES": profile,
            "ACCOUNT_PASSWORD": PASSWORD,
        }

    def set(self, **settings: str) -> None:
        """Write these into what is `.env` for it."""
        self._settings |= settings
        self._env_file.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))

    def run(self, *words: str) -> str:
        """Run `docker compose`; return what it answers."""
        return self.shell(shlex.join(["docker", "compose", *words]))

    def shell(self, script: str) -> str:
        """Run commands as an operator types them, up to the first that fails; return what they answer."""
        ran = self._try(script)
        assert ran.returncode == 0, f"{script}:\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout

    def refusal(self, *words: str) -> str:
        """Run `docker compose` where it must fail; return its complaint."""
        ran = self._try(shlex.join(["docker", "compose", *words]))
        assert ran.returncode == 1, ran.stdout
        return ran.stderr

    def _try(self, script: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-eu", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def _of_the_five(self, what: str) -> dict[str, str]:
        found = [json.loads(line) for line in self.run("ps", "--all", "--format", "json").splitlines()]
        return {one["Service"]: one[what] for one in found if one["Service"].removesuffix("-2") in THE_FIVE}

    def health(self) -> dict[str, str]:
        """Return how each instance of the five is."""
        return self._of_the_five("Health")

    def containers(self) -> dict[str, str]:
        """Return the id of the container of each instance of the five."""
        return self._of_the_five("ID")

    def images(self) -> dict[str, str]:
        """Return the id of the image that each instance of the five runs."""
        return {
            name: self.shell(f"docker inspect --format '{{{{.Image}}}}' {container}").strip()
            for name, container in self.containers().items()
        }

    def doctors_findings(self) -> list[str]:
        """Return what `webinarctl doctor` finds amiss."""
        looked = json.loads(self.run("run", "--rm", "provision", "webinarctl", "doctor", "--json"))
        return [f"{one['what']}: {one['words']}" for one in looked["findings"] if one["state"] != "ok"]


@contextmanager
def running(project: Compose) -> Iterator[Compose]:
    """Build and start it while the block runs; then nothing is left of it, its data included."""
    try:
        try:
            project.run("up", "--build", "--wait", "--wait-timeout", str(PATIENCE_SECONDS))
        except AssertionError as failed:
            failed.add_note(project.run("logs", "--tail", "15", "--no-color"))
            raise
        yield project
    finally:
        project.run("--profile", "*", "down", "--volumes", "--timeout", "15")


def documented(page: str, heading: str) -> list[str]:
    """Return the commands that a page below docs/ gives below a heading, block by block."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    section = re.split(r"^##+ ", text.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
