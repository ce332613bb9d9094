"""A Prometheus that reads the running system by the very files of deploy/observability, only faster."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from contracts.topology import THE_FIVE
from local_stack import processes
from local_stack.prometheus import programs
from watching import files

from world.system import World

FASTER = 10
"""A rule's `for` becomes so much shorter; what is read every 15 s is read every second."""
START_PATIENCE_SECONDS = 30.0
STOP_PATIENCE_SECONDS = 10.0
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Prometheus:
    """The HTTP API of a running server."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=f"{address}/api/v1/", timeout=5)

    def _get(self, path: str, **words: str) -> Any:
        return self._http.get(path, params=words).raise_for_status().json()["data"]

    def targets(self) -> dict[str, str]:
        """Return how each target is, by its job and service."""
        found = self._get("targets")["activeTargets"]
        return {f"{one['labels']['job']} {one['labels']['service']}": one["health"] for one in found}

    def ask(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return what an expression is now: labels and values."""
        return [(one["metric"], float(one["value"][1])) for one in self._get("query", query=expression)["result"]]

    def names(self) -> set[str]:
        """Return the names of all metrics that were read."""
        return set(self._get("label/__name__/values"))

    def alerts(self, state: str | None = None) -> list[dict[str, str]]:
        """Return the labels of alerts that are pending or firing, or of those in one of the two states."""
        found = self._get("alerts")["alerts"]
        return [one["labels"] for one in found if state in {None, one["state"]}]

    def close(self) -> None:
        self._http.close()


def wait_until(is_so: Callable[[], bool], what: Callable[[], object], patience: float = 30) -> None:
    """Return when something is so; AssertionError says how it is instead."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


@contextmanager
def watching(world: World, broker_port: int, home: Path) -> Iterator[Prometheus]:
    """Run a Prometheus beside the system while the block runs."""
    [port] = processes.free_ports(1)
    _write_files(world, broker_port, home)
    log = home / "prometheus.log"
    command: list[str | Path] = [
        programs().server,
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = processes.spawn(command, environment={"PATH": os.defpath}, cwd=home, log=log)
    address = f"http://127.0.0.1:{port}"
    prometheus = Prometheus(address)
    try:
        processes.wait_until_ready(
            "Prometheus", process, lambda: _answers(address), log=log, patience_seconds=START_PATIENCE_SECONDS
        )
        yield prometheus
    finally:
        prometheus.close()
        processes.stop(process, patience_seconds=STOP_PATIENCE_SECONDS)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/-/ready", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


def _write_files(world: World, broker_port: int, home: Path) -> None:
    configuration = yaml.safe_load(files.CONFIGURATION.read_text("utf-8"))
    configuration["global"] = dict.fromkeys(configuration["global"], "1s")
    jobs = {one["job_name"]: one for one in configuration["scrape_configs"]}
    # Without a network of names: as if each service had been found by its own.
    del jobs["webinars"]["dns_sd_configs"]
    jobs["webinars"]["static_configs"] = [
        {"targets": [f"127.0.0.1:{world.stack.service(name).ready_at[0]}"], "labels": {"__meta_dns_name": name}}
        for name in THE_FIVE
    ]
    for name in ("rabbitmq", "rabbitmq-queues"):
        [found] = jobs[name]["static_configs"]
        found["targets"] = [f"127.0.0.1:{broker_port}"]
    (home / "prometheus.yml").write_text(yaml.safe_dump(configuration), "utf-8")
    rules = yaml.safe_load(files.ALERTS.read_text("utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = _shorter(rule["for"])
    (home / "alerts.yml").write_text(yaml.safe_dump(rules), "utf-8")


def _shorter(time_: str) -> str:
    found = re.fullmatch(r"(\d+)([smh])", time_)
    assert found, time_
    return f"{int(found[1]) * _UNITS[found[2]] * 1000 // FASTER}ms"
