"""The five services and the Telegram sandbox as child processes: started together, watched, stopped together."""

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from contracts.topology import SERVICES

from local_stack import processes
from local_stack.choices import Choices
from local_stack.environments import DEMO_BOT_TOKEN, Addresses, Environments, machine, python_module
from local_stack.errors import DidNotStartError
from local_stack.named_logins import refuse_unknown_logins
from local_stack.paths import ROOT
from local_stack.progress import say, step
from local_stack.servers import Servers
from local_stack.service_process import ServiceProcess

SANDBOX = "telegram-sandbox"
READY_PATIENCE_SECONDS = 90.0
RESTARTS_ALLOWED = 6
"""More than a message that kills its process costs before it is buried."""
RESTARTS_WINDOW_SECONDS = 60.0


class Stack:
    """A running system on given servers.

    `with Stack(servers, home=…) as stack:` starts everything and stops it again; the servers belong to the caller.
    home: for passwords, and for `logs/` unless `logs` says where. services: which ones to run.
    base_url, http_host, http_port: where room-ui is reached; without them a free port of 127.0.0.1.
    telegram: (API URL, bot token) of another Telegram; None starts the sandbox; a URL and token that are empty mean
    that nothing is sent. overrides: settings for every service. report: takes the lines that tell how it goes.
    """

    def __init__(
        self,
        servers: Servers,
        *,
        home: Path,
        logs: Path | None = None,
        services: Sequence[str] = SERVICES,
        base_url: str | None = None,
        http_host: str = "127.0.0.1",
        http_port: int | None = None,
        telegram: tuple[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        report: Callable[[str], None] = say,
    ) -> None:
        self.servers = servers
        self.logs = logs or home / "logs"
        self._report = report
        ports = iter(processes.free_ports(len(services) + 2))
        sandbox_port = next(ports)
        http_port = http_port or next(ports)
        self.sandbox_url = None if telegram is not None else f"http://127.0.0.1:{sandbox_port}"
        api_url, token = telegram or (self.sandbox_url or "", DEMO_BOT_TOKEN)
        self.addresses = Addresses(base_url or f"http://127.0.0.1:{http_port}", http_host, http_port, api_url, token)
        self.environments = Environments(
            servers, Choices.load(home / "choices.json"), self.addresses, dict(overrides or {})
        )
        self.processes: dict[str, ServiceProcess] = {}
        if self.sandbox_url:
            self._add_sandbox(sandbox_port)
        for service in services:
            self._add_service(service, service, next(ports), http_port)
        self._restarts: list[float] = []

    @property
    def base_url(self) -> str:
        """Return the public address, as people type it."""
        return self.addresses.base_url

    @property
    def local_url(self) -> str:
        """Return where room-ui is reached from this machine, whatever is in front of it."""
        host = self.addresses.http_host
        return f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{self.addresses.http_port}"

    def service(self, name: str) -> ServiceProcess:
        """Return the process of a service (`tracker`), of a further instance (`room-ui-2`) or of the sandbox."""
        return self.processes[name]

    def start(self) -> None:
        """Provision, start every process and wait until each is ready; stops what was started when one is not."""
        self._start_logs()
        try:
            self.provision()
            with step("Starting the services"):
                for process in self.processes.values():
                    process.launch()
                self._wait_for_all(self.processes.values())
        except BaseException:
            self.stop()
            raise

    def provision(self) -> None:
        """Run `webinarctl provision`: queues, databases, roles and rights; DidNotStartError with its own words.

        LocalStackError when named servers hold logins that are not ours to change.
        """
        if self.servers.kind == "named":
            refuse_unknown_logins(self.environments)
        log = self.logs / "provision.log"
        self.logs.mkdir(parents=True, exist_ok=True)
        with step("Making queues, databases and rights"):
            code = processes.run(
                [*python_module("servicekit.cli"), "provision"],
                environment=self.environments.of_provisioning(),
                cwd=ROOT,
                log=log,
            )
        if code:
            raise DidNotStartError(f"Provisioning failed:\n{processes.last_lines(log)}")

    def add_instance(self, service: str) -> ServiceProcess:
        """Start one more process of a service, named `<service>-2` and so on, and wait until it is ready."""
        added = self.prepare_instance(service)
        added.start()
        return added

    def prepare_instance(self, service: str) -> ServiceProcess:
        """Add one more process of a service without starting it; before `start` it is started with the others."""
        number = 2 + sum(name.startswith(f"{service}-") for name in self.processes)
        ops_port, http_port = processes.free_ports(2)
        return self._add_service(service, f"{service}-{number}", ops_port, http_port)

    def webinarctl(self, service: str, *words: str) -> str:
        """Run `webinarctl` with a service's own environment; return what it printed, DidNotStartError if it failed."""
        return self._run([*python_module("servicekit.cli"), *words], self.processes[service].environment)

    def add_accounts(self, accounts: Sequence[Sequence[str]], *, password: str) -> dict[str, str]:
        """Add accounts by the options of `webinarctl account add`, all with one password; return login → account id.

        DidNotStartError with the reason when one is refused; those before it are made.
        """
        environment = {**self.processes["room-ui"].environment, "NEW_PASSWORD": password}
        wanted = json.dumps([[*words, "--password-env", "NEW_PASSWORD"] for words in accounts])
        printed = self._run(python_module("local_stack.add_accounts"), environment, wanted)
        return dict(line.split("\t")[:2] for line in printed.splitlines())

    def _run(self, command: Sequence[str | Path], environment: Mapping[str, str], given: str = "") -> str:
        ran = subprocess.run(  # noqa: S603 - our own commands
            command, env=environment, cwd=ROOT, input=given, capture_output=True, text=True, check=False
        )
        if ran.returncode:
            said = ran.stderr.strip() or ran.stdout.strip()
            raise DidNotStartError(f"{' '.join(str(word) for word in command[1:])} failed:\n{said}")
        return ran.stdout

    def heal(self) -> list[str]:
        """Start again what has died since the last look, say so, and return the names.

        DidNotStartError when that happens too often.
        """
        healed = []
        for process in list(self.processes.values()):
            code = process.died_with
            if code is None:
                continue
            self._report(f"{process.name} ended by itself (code {code}). Its last lines:")
            self._report(processes.last_lines(process.log, 12))
            now = time.monotonic()
            self._restarts = [at for at in self._restarts if now - at < RESTARTS_WINDOW_SECONDS] + [now]
            if len(self._restarts) > RESTARTS_ALLOWED:
                raise DidNotStartError(
                    f"{RESTARTS_ALLOWED + 1} processes ended within {RESTARTS_WINDOW_SECONDS:.0f} s; giving up."
                )
            process.launch()
            self._report(f"{process.name} was started again.")
            healed.append(process.name)
        return healed

    def stop(self) -> None:
        """Stop every process, all at the same time; what does not end within ten seconds is killed."""
        with ThreadPoolExecutor(len(self.processes)) as pool:
            list(pool.map(ServiceProcess.stop, self.processes.values()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _add_service(self, service: str, name: str, ops_port: int, http_port: int) -> ServiceProcess:
        environment = self.environments.of_service(service, instance=name, ops_port=ops_port, http_port=http_port)
        process = ServiceProcess(
            name,
            python_module(service.replace("-", "_")),
            environment,
            self.logs / f"{name}.log",
            (ops_port, "/health/ready"),
        )
        self.processes[name] = process
        return process

    def _add_sandbox(self, port: int) -> None:
        environment = {**machine(), "SANDBOX_HOST": "127.0.0.1", "SANDBOX_PORT": str(port)}
        self.processes[SANDBOX] = ServiceProcess(
            SANDBOX,
            python_module("telegram_sandbox"),
            environment,
            self.logs / f"{SANDBOX}.log",
            (port, "/sandbox/chats"),
        )

    def _start_logs(self) -> None:
        """Keep the logs of the last run beside those of this one."""
        self.logs.mkdir(parents=True, exist_ok=True)
        for log in self.logs.glob("*.log"):
            if log.stem in {*self.processes, "provision"}:
                log.replace(log.with_suffix(".log.1"))

    def _wait_for_all(self, waited_for: Iterable[ServiceProcess]) -> None:
        began = time.monotonic()
        waiting = list(waited_for)
        while waiting:
            for process in list(waiting):
                left = max(0.0, READY_PATIENCE_SECONDS - (time.monotonic() - began))
                if process.is_ready:
                    waiting.remove(process)
                    self._report(f"  {process.name} is ready ({time.monotonic() - began:.1f} s)")
                elif process.died_with is not None or left == 0:
                    # Raises with the reason.
                    process.wait(0)
            time.sleep(processes.POLL_SECONDS)
