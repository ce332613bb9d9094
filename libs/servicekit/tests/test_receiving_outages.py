"""Outages that nobody attends to: long ones, a broker that comes back empty, queues that vanish."""

import asyncio
import gc
import io
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import UUID, uuid4

import pytest
from contracts import ClientWebinarAttendanceClassified, ClientWebinarAttendanceEvaluate, session_id_of
from contracts.topology import ATTENDANCE
from local_stack.readiness import management_request
from servicekit import Heard, Router, Service, ServiceSettings, Work
from servicekit.database import connect
from servicekit.live_testing import Door, Outside, running
from servicekit.provision import provision_topology, vhost_of
from servicekit.testing import eventually

WEBINAR = UUID(int=7)
QUEUE = f"{ATTENDANCE}.{ClientWebinarAttendanceEvaluate.topic}"
SAID = ClientWebinarAttendanceClassified.topic


def evaluation(lead: str) -> ClientWebinarAttendanceEvaluate:
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead, webinar_id=WEBINAR, session_id=session_id_of(lead, WEBINAR), watched_seconds=10, base_seconds=60
    )


def classified(lead: str, work: Work) -> ClientWebinarAttendanceClassified:
    return ClientWebinarAttendanceClassified(
        lead_id=lead,
        webinar_id=WEBINAR,
        attended=False,
        timestamp=work.now,
        reason="not_completed",
        watched_seconds=10,
        base_seconds=60,
        watched_percent=16,
        rule_version=1,
    )


class Attendance:
    """Says one classification for each evaluation."""

    def __init__(self) -> None:
        self.leads: list[str] = []
        self.attempts: set[int] = set()
        self.router = Router(ATTENDANCE)
        self.router.hears(ClientWebinarAttendanceEvaluate)(self.classify)

    async def classify(self, evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
        self.leads += [heard.event.lead_id for heard in evaluations]
        self.attempts |= {heard.attempt for heard in evaluations}
        for heard in evaluations:
            work.announce(classified(heard.event.lead_id, work), cause=heard)

    def service(self, database: str, broker: str) -> Service:
        settings = ServiceSettings(
            service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
        )
        return Service(ATTENDANCE, settings=settings, router=self.router, migrations=None)


@pytest.fixture
def attendance() -> Attendance:
    return Attendance()


def make_empty(servers: Any, url: str) -> None:
    """Leave of a virtual host what a new broker has: nothing but the right to use it."""
    name = quote(vhost_of(url), safe="")
    user = quote(unquote(urlsplit(url).username or "guest"), safe="")
    management_request(servers.rabbitmq_management_url, "DELETE", f"/api/vhosts/{name}", b"")
    management_request(servers.rabbitmq_management_url, "PUT", f"/api/vhosts/{name}", b"")
    everything = json.dumps({"configure": ".*", "write": ".*", "read": ".*"}).encode()
    management_request(servers.rabbitmq_management_url, "PUT", f"/api/permissions/{name}/{user}", everything)


@pytest.fixture
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicekit.consuming._LOOK_SECONDS", 0.3)
    # What is said between two steps of a provisioning finds no queue yet.
    monkeypatch.setattr("servicekit.parking.TRY_AGAIN_SECONDS", 1.0)


def said_so(caplog: pytest.LogCaptureFixture, event: str) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return any(isinstance(record.msg, dict) and record.msg["event"] == event for record in caplog.records)

    return check


@pytest.mark.usefixtures("looks_often")
async def test_a_broker_that_comes_back_empty_is_provisioned_and_served_without_a_restart(
    attendance: Attendance, servers: Any, kit_database: str, fresh_vhost: str, caplog: pytest.LogCaptureFixture
) -> None:
    await provision_topology(fresh_vhost, services=(ATTENDANCE,))
    async with Door(fresh_vhost) as door, running(attendance.service(kit_database, door.url)) as service:
        async with Outside.on(fresh_vhost) as outside:
            await outside.say(evaluation("before"))
            await outside.listener.until(SAID)
        await door.shut()
        await asyncio.to_thread(make_empty, servers, fresh_vhost)
        async with service.database.work() as work:
            work.announce(classified("meanwhile", work))
        await door.open()
        await eventually(said_so(caplog, "topology.missing"), what="said to be missing")
        await provision_topology(fresh_vhost, services=(ATTENDANCE,))
        async with Outside.on(fresh_vhost) as outside:
            await outside.say(evaluation("after"))
            # Both, by the queue that the test hears with: what it says has one in this house of one service.
            await outside.listener.until(SAID, 2, seconds=30)
        await eventually(said_so(caplog, "topology.complete"), what="said to be there")
    assert attendance.leads == ["before", "after"]
    assert attendance.attempts == {0}


@pytest.mark.usefixtures("looks_often")
async def test_a_queue_that_is_deleted_while_it_is_read_is_served_again_when_it_is_back(
    attendance: Attendance, kit_database: str, fresh_vhost: str, caplog: pytest.LogCaptureFixture
) -> None:
    await provision_topology(fresh_vhost, services=(ATTENDANCE,))
    async with running(attendance.service(kit_database, fresh_vhost)), Outside.on(fresh_vhost) as outside:
        await outside.say(evaluation("before"))
        await outside.listener.until(SAID)
        await (await outside.channel.get_queue(QUEUE, ensure=False)).delete(if_unused=False, if_empty=False)
        await eventually(said_so(caplog, "topology.missing"), what="said to be missing")
        await provision_topology(fresh_vhost, services=(ATTENDANCE,))
        await outside.say(evaluation("after"))
        await outside.listener.until(SAID, 2, seconds=30)
    assert attendance.leads == ["before", "after"]


async def test_a_long_outage_of_both_servers_costs_no_attempt_no_memory_and_few_lines(
    attendance: Attendance,
    kit_database: str,
    topology: str,
    outside: Outside,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hours of it: every pause is a few milliseconds, so that each is met hundreds of times."""
    for name in ("relay._PAUSE_AFTER_FAILURE", "receiving._FIRST_PAUSE", "receiving._LONGEST_PAUSE"):
        monkeypatch.setattr(f"servicekit.{name}_SECONDS", 0.005)
    [log] = [handler for handler in logging.getLogger().handlers if type(handler) is logging.StreamHandler]
    written = io.StringIO()
    monkeypatch.setattr(log, "stream", written)
    async with Door(topology) as broker, Door(kit_database) as database:
        service = attendance.service(database.url, broker.url)
        async with running(service):
            await outside.say(evaluation("before"))
            await outside.listener.until(SAID)
            tries = 0

            async def counted(url: str) -> Any:
                nonlocal tries
                tries += 1
                return await connect(url)

            monkeypatch.setattr("servicekit.relay.connect", counted)
            await database.shut()
            for number in range(50):
                await outside.say(evaluation(f"lead-{number:02}"))

            async def tried(times: int) -> bool:
                return tries >= times

            await eventually(lambda: tried(200), seconds=30, what="many tries")
            tasks, blocks = len(asyncio.all_tasks()), len(gc.get_objects())
            await broker.shut()
            await eventually(lambda: tried(600), seconds=30, what="very many tries")
            assert len(asyncio.all_tasks()) < tasks + 20
            assert len(gc.get_objects()) < blocks + 20_000
            lines = [json.loads(line) for line in written.getvalue().splitlines()]
            assert "relay.interrupted" in {line["event"] for line in lines}
            assert len(lines) < 150, Counter(line["event"][:40] for line in lines)
            await database.open()
            await broker.open()
            await outside.listener.until(SAID, 51, seconds=30)
            assert attendance.attempts == {0}
            assert await service.database.pool.fetchval("select count(*) from dead_letter") == 0
