"""A queue is deleted while facts are said: what it missed comes back from the history, and each counts once."""

import asyncio
import json
from collections import Counter
from itertools import count
from uuid import uuid4

from attendance.main import create_service
from attendance.settings import AttendanceSettings
from attendance.testing import completed
from contracts import ClientWebinarAttendanceClassified, UserAttended, WebinarCompleted
from contracts.topology import ATTENDANCE, POST_WEBINAR, queues_of
from servicekit import Service
from servicekit.cli import app
from servicekit.live_testing import Outside, running
from servicekit.provision import provision_topology
from servicekit.testing import eventually
from typer.testing import CliRunner, Result

QUEUE = f"{ATTENDANCE}.{WebinarCompleted.topic}"
VERDICTS = ClientWebinarAttendanceClassified.topic
HOUSE = (ATTENDANCE, POST_WEBINAR)
NO_SETTINGS = dict.fromkeys(("DATABASE_URL", "SERVICE_DATABASE_URL", "RABBITMQ_MANAGEMENT_URL"))


class Participants:
    """Leads who complete, one after the other, until they are told to stop."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._numbers = count()
        self._came = asyncio.Condition()
        self.leads: list[str] = []
        self.enough = False

    async def complete(self) -> str:
        """Let one more lead complete."""
        lead = f"lead-{next(self._numbers):06}"
        await self._outside.say(completed(lead))
        async with self._came:
            self.leads.append(lead)
            self._came.notify_all()
        return lead

    async def go_on(self) -> None:
        while not self.enough:
            await self.complete()

    async def further(self, number: int) -> list[str]:
        """Wait for so many more, and return them."""
        before = len(self.leads)
        async with self._came, asyncio.timeout(30):
            await self._came.wait_for(lambda: len(self.leads) >= before + number)
        return self.leads[before:]


def attendance(database: str, broker: str) -> Service:
    return create_service(
        AttendanceSettings(
            service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
        )
    )


async def catch_up(broker: str) -> Result:
    words = ["catch-up", QUEUE, "--since", "first", "--yes"]
    settings = NO_SETTINGS | {"RABBITMQ_URL": broker}
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=settings))


async def classified(service: Service) -> set[str]:
    """The leads who have a verdict."""
    return {row["lead_id"] for row in await service.database.pool.fetch("select lead_id from classification")}


async def waiting_elsewhere(outside: Outside) -> dict[str, int]:
    """What of public facts waits in the queues of who does not run here."""
    names = [queue.name for queue in queues_of(POST_WEBINAR) if queue.topic.public]
    return {name: waiting for name in names if (waiting := await outside.waiting(name))}


async def test_what_a_deleted_queue_missed_is_handled_once_and_what_was_handled_before_is_not_again(
    fresh_database: str, fresh_vhost: str
) -> None:
    await provision_topology(fresh_vhost, services=HOUSE)
    async with Outside.on(fresh_vhost) as outside, running(attendance(fresh_database, fresh_vhost)) as service:

        async def all_have_a_verdict() -> bool:
            return await classified(service) >= set(wanted)

        participants = Participants(outside)
        saying = asyncio.create_task(participants.go_on())
        handled_before = await participants.further(20)
        await outside.listener.until(VERDICTS, 20)

        await outside.channel.queue_delete(QUEUE)
        while_it_was_gone = await participants.further(100)
        await provision_topology(fresh_vhost, services=HOUSE)
        wanted = await participants.further(1)
        await eventually(all_have_a_verdict, seconds=30, what="the queue served again")
        participants.enough = True
        await saying
        wanted = [await participants.complete()]
        await eventually(all_have_a_verdict, what="all that its queue has got")

        before = await classified(service)
        assert before >= set(handled_before)
        assert not before & set(while_it_was_gone[1:-1])
        elsewhere = await waiting_elsewhere(outside)
        first, second = [await catch_up(fresh_vhost) for _ in range(2)]
        # What is said now stands behind both of them in the queue.
        wanted = [*participants.leads, await participants.complete()]
        await eventually(all_have_a_verdict, seconds=30, what="a verdict on each")
        leads = len(participants.leads)
        verdicts = await outside.listener.until(VERDICTS, leads)
        attended = await outside.listener.until(UserAttended.topic, leads)

        told = f"{leads - 1:,} given back."
        assert [result.stdout.splitlines()[-1] for result in (first, second)] == [told, told]
        for said in (verdicts, attended):
            each = {message.message_id: json.loads(message.body)["lead_id"] for message in said}
            assert Counter(each.values()) == Counter(participants.leads)
        # Nobody else got anything but the new verdicts.
        new = {f"{POST_WEBINAR}.{VERDICTS}": leads}
        assert set(elsewhere) == set(new)

        async def only_verdicts_wait() -> bool:
            return await waiting_elsewhere(outside) == new

        await eventually(only_verdicts_wait, what="the new verdicts alone")
