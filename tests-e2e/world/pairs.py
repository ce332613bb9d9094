"""Two of every service at once, a balancer before room-ui, and each of them restarted or killed by itself."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from contracts.topology import THE_FIVE
from local_stack.service_process import ServiceProcess

from world.balancer import Balancer
from world.desk import Desk
from world.people import Person
from world.system import World

STOP_SECONDS = 10.0
Marks = dict[str, int]
WORK = (b'"batch.committed"', b'"command.decided"')
"""Log lines that tell that an instance has handled something."""
ONE_ROW_EACH = (
    ("tracker", "session"),
    ("attendance", "entrance"),
    ("attendance", "classification"),
    ("post-webinar", "verdict"),
    ("post-webinar", "route"),
    ("room-ui", "entered"),
    ("room-ui", "classification"),
    ("room-ui", "participation"),
)


@dataclass
class Pairs:
    """The instances by service, and the balancer."""

    world: World
    instances: dict[str, list[ServiceProcess]]
    balancer: Balancer

    def desk(self, at: ServiceProcess | None = None) -> Desk:
        """Return the speaker's desk, reached through the balancer, or at one instance of room-ui."""
        address = f"http://127.0.0.1:{at.environment['HTTP_PORT']}" if at else self.balancer.address
        caller = self.world.cast.another_session(self.world.cast.speaker, connect_to=address)
        return Desk(caller, self.world.wire, self.world.planned.append)

    def each(self, *services: str) -> Iterator[list[ServiceProcess]]:
        """Yield the first instances of these services, then the second ones."""
        yield from (list(some) for some in zip(*(self.instances[one] for one in services), strict=True))

    def restart(self, processes: Sequence[ServiceProcess]) -> None:
        """Restart some at the same time, as a rolling update does: SIGTERM, and wait until the new one is ready."""
        with ThreadPoolExecutor(len(processes)) as pool:
            for ended in pool.map(_restart, processes):
                assert not ended, ended

    def wait_until_both_work(self, marks: Marks, patience: float = 30) -> None:
        """Return when both instances of every service have handled something after those marks."""
        deadline = time.monotonic() + patience
        while idle := [name for name, mark in marks.items() if not _has_worked(self.world.stack.service(name), mark)]:
            assert time.monotonic() < deadline, f"they have done nothing: {idle}"
            time.sleep(0.2)

    def holder_of_telegram(self) -> ServiceProcess:
        """Return the instance of post-webinar that has Telegram's role: the last that logged so."""
        held = {
            json.loads(line)["timestamp"]: one
            for one in self.instances["post-webinar"]
            for line in one.log.read_text(encoding="utf-8").splitlines()
            if '"role.held"' in line
        }
        return held[max(held)]

    def marks(self) -> Marks:
        """Return where the logs of all instances end now."""
        return {one.name: one.log.stat().st_size for both in self.instances.values() for one in both}

    def expect_one_row_each(self, webinar_id: UUID, people: Sequence[Person]) -> None:
        """Each service has exactly one row of each of these people, and none of anybody else."""
        wanted = dict.fromkeys((one.account_id for one in people), 1)
        for service, table in ONE_ROW_EACH:
            query = f"select json_object_agg(lead_id, n) from (select lead_id, count(*) as n from {table} where "
            query += "webinar_id = $1 group by lead_id) as found"
            self.world.ledger.wait_for(
                service, query, webinar_id, is_it=lambda found: json.loads(found or "{}") == wanted, patience=60
            )


def _restart(process: ServiceProcess) -> str:
    began = time.monotonic()
    code = process.stop()
    seconds = time.monotonic() - began
    process.start()
    return "" if code == 0 and seconds < STOP_SECONDS else f"{process.name} ended with {code} after {seconds:.1f} s"


def _has_worked(process: ServiceProcess, mark: int) -> bool:
    with process.log.open("rb") as log:
        log.seek(mark)
        return any(word in line for line in log for word in WORK)


@contextmanager
def two_of_each(world: World) -> Iterator[Pairs]:
    """Run a second instance of every service while the block does."""
    seconds = {service: world.stack.prepare_instance(service) for service in THE_FIVE}
    balancer: Balancer | None = None
    try:
        for process in seconds.values():
            process.launch()
        for process in seconds.values():
            process.wait()
        instances = {service: [world.stack.service(service), second] for service, second in seconds.items()}
        balancer = Balancer(world.background, instances["room-ui"])
        yield Pairs(world, instances, balancer)
    finally:
        if balancer is not None:
            balancer.close()
        with ThreadPoolExecutor(len(seconds)) as pool:
            list(pool.map(ServiceProcess.stop, seconds.values()))
        for service in THE_FIVE:
            # A story that failed in the middle must not leave the next ones without a service.
            if not world.stack.service(service).running:
                world.stack.service(service).start()
