"""What traces cost a message: handled in a batch that announces as much as it hears, and published by the relay.

The processor's time in this process, the exporter's thread included, and of many rounds the least, because neighbours
only ever add to it. Run it with `.venv/bin/python libs/servicekit/bench/traces.py`; it takes about a minute, servers
included. Spans go to a collector in a process of its own, as they do in earnest.
"""

import asyncio
import multiprocessing
import random
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

from contracts import RoomFinish, UserAttended
from contracts.topology import EXCHANGE, TRACKER
from local_stack.servers import servers_for_tests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from servicekit import Database, Heard, HouseClock, Work, tracing
from servicekit.batches import BatchHandling
from servicekit.live_testing import Delivery
from servicekit.logs import configure
from servicekit.migrations import migrate
from servicekit.provision import provision_topology
from servicekit.relay import Relay
from servicekit.router import Hearing
from servicekit.setting_aside import SettingAside
from servicekit.testing import NOON
from servicekit.traced_messages import processing, sending

ROUNDS = 15
BATCH, BATCHES = 200, 10
WEBINAR = UUID(int=7)
OFF, SAMPLED, ALL = "off", "one trace in 100", "every message a trace of its own"
ONE_IN = {OFF: 1, SAMPLED: 100, ALL: 1}


class Collector(BaseHTTPRequestHandler):
    """Takes what comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def collect(port: int) -> None:
    HTTPServer(("127.0.0.1", port), Collector).serve_forever()


@contextmanager
def collector() -> Iterator[str]:
    """Run a collector in a process of its own; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=collect, args=(port,), daemon=True)
    process.start()
    yield f"http://127.0.0.1:{port}/v1/traces"
    process.terminate()
    process.join()


@contextmanager
def traced(address: str) -> Iterator[None]:
    """Write spans, and send them as a service does."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address)))
    with tracing.using(provider):
        yield
    provider.shutdown()


def heard_of(number: int, *, one_in: int) -> Any:
    """A press as it comes over the wire, in a trace of its own."""
    event = RoomFinish(lead_id=f"lead-{number}", webinar_id=WEBINAR, at=NOON)
    traceparent = f"00-{uuid4().hex}-{uuid4().hex[:16]}-0{int(number % one_in == 0)}"
    return Delivery.of(event, headers={"traceparent": traceparent})


async def answer(presses: Sequence[Heard[RoomFinish]], work: Work) -> None:
    """Say something because of each."""
    for heard in presses:
        event = UserAttended(lead_id=heard.event.lead_id, webinar_id=WEBINAR, timestamp=NOON)
        work.announce(event, cause=heard)


async def settle(_: Sequence[Any]) -> None:
    return None


async def measure_once(database_url: str, broker_url: str, one_in: int) -> tuple[float, float]:
    """Return the processor's seconds for handling one message, and for publishing one row."""
    database = Database(database_url, HouseClock(), pool_size=2)
    await database.open()
    nobody: Any = None
    aside = SettingAside(database, nobody)
    handling = BatchHandling("tracker.room_finish", Hearing(RoomFinish, answer, BATCH), answer, database, aside)
    batches = [[heard_of(number, one_in=one_in) for number in range(BATCH)] for _ in range(BATCHES)]
    began = time.process_time()
    for batch in batches:
        await handling.handle(batch, settle)
    handled = time.process_time() - began
    relay = Relay(database_url, broker_url, app_id=TRACKER, clock=database.clock)
    began = time.process_time()
    task = asyncio.create_task(relay.run())
    while await database.pool.fetchval("select exists (select from outbox)"):
        await asyncio.sleep(0.02)
    relayed = time.process_time() - began
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await relay.close()
    await database.close()
    return handled / (BATCH * BATCHES), relayed / (BATCH * BATCHES)


def seconds_of_hooks_when_off() -> float:
    """Return what it costs a message that there are hooks at all: heard alone, announced, relayed."""
    heard: Sequence[Heard[RoomFinish]] = [
        Heard(RoomFinish(lead_id="a", webinar_id=WEBINAR, at=NOON), WEBINAR, "", NOON, "")
    ]
    envelope: Any = None
    count = 100_000
    began = time.process_time()
    for _ in range(count):
        with processing("queue", heard), sending(EXCHANGE, "key", envelope):
            tracing.current()
    return (time.process_time() - began) / count


async def measure(database: str, broker: str, address: str) -> None:
    await migrate(database, None)
    await provision_topology(broker, services=(TRACKER,))
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(ROUNDS):
        # Each time in another order, so that nothing depends on who comes first.
        for mode in random.sample(list(ONE_IN), len(ONE_IN)):
            within: AbstractContextManager[None] = nullcontext() if mode == OFF else traced(address)
            with within:
                found[mode].append(await measure_once(database, broker, ONE_IN[mode]))
    least = {mode: [min(figures) for figures in zip(*found[mode], strict=True)] for mode in ONE_IN}
    least = {mode: [*figures, sum(figures)] for mode, figures in least.items()}
    print(f"{'':40}{'handled':>17}{'relayed':>20}{'both':>20}")  # noqa: T201
    for mode, figures in least.items():
        columns = (f"{one * 1e6:8.0f} µs × {one / off:4.2f}" for one, off in zip(figures, least[OFF], strict=True))
        print(f"{mode:40}" + "   ".join(columns))  # noqa: T201
    hooks = seconds_of_hooks_when_off()
    print(f"{'the hooks of both, when off':40}{hooks * 1e6:8.1f} µs: {hooks / least[OFF][-1]:.1%}")  # noqa: T201


def main() -> None:
    configure("bench", form="console", level="ERROR", instance_id="bench")
    with servers_for_tests() as servers, collector() as address:
        asyncio.run(measure(servers.database_url, servers.rabbitmq_url, address))


if __name__ == "__main__":
    main()
