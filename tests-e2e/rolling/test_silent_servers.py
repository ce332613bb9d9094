"""A server that says nothing any more, without being gone, keeps no service from stopping in time; nothing is lost."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from contracts.topology import THE_FIVE
from local_stack.servers import Servers
from local_stack.service_process import ServiceProcess
from world.facts import COMPLETED
from world.returning import Returning
from world.system import World

STOP_SECONDS = 10.0
STREAMS = 200


def with_descendants(pid: int) -> list[int]:
    """Return a process and all that it has started, and they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """Let a server do nothing at all, and keep its connections, while the block runs."""
    processes = with_descendants(pid)
    for one in processes:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in processes:
            os.kill(one, signal.SIGCONT)


@pytest.mark.parametrize("silent", ["broker", "database"])
def test_every_service_stops_in_time_and_goes_on_afterwards(own_servers: Servers, world: World, silent: str) -> None:
    if own_servers.kind != "private":
        pytest.skip("only a server that is a process of ours can be paused")
    server = own_servers.rabbitmq if silent == "broker" else own_servers.postgres
    pid = getattr(server, "pid", 0)
    assert pid
    _, [person] = world.cast.family(1)
    webinar_id = world.desk.plan(f"Молчит {silent}")
    facts = world.facts(webinar_id)
    room = Returning(world.background, world.base_url, webinar_id)
    room.join(person.login, world.cast.caller(person).cookies(), STREAMS)
    started = world.desk.start(webinar_id)
    room.wait_for("the start", lambda state: state["status"] == "live")
    # As the page's script does when the webinar goes on the air.
    answer = world.cast.caller(person).say("/webinar/v1/seen", {"webinar_id": str(webinar_id)})
    assert answer.status_code == 200, answer.text
    facts.wait_for("client_webinar_entered", person)
    world.let_run(started, 6)
    services = [world.stack.service(name) for name in THE_FIVE]
    # What a stop cuts off says so; a job that had the database under it is no fault either.
    with world.excusing("CancelledError", "job.failed"):
        try:
            with paused(pid):
                time.sleep(0.5)
                with ThreadPoolExecutor(len(services)) as pool:
                    ended = dict(zip(THE_FIVE, pool.map(_stop, services), strict=True))
        finally:
            for service in services:
                service.launch()
            for service in services:
                service.wait()
    assert {code for code, _ in ended.values()} == {0}, ended
    assert max(seconds for _, seconds in ended.values()) < STOP_SECONDS, ended
    room.wait_for_gaps(STREAMS)
    world.desk.stop(webinar_id)
    room.wait_for("the end", lambda state: state["status"] == "finished")
    room.leave()
    facts.wait_for_outcome(person, patience=90)
    facts.expect(person, COMPLETED)


def _stop(process: ServiceProcess) -> tuple[int | None, float]:
    began = time.monotonic()
    return process.stop(), time.monotonic() - began
