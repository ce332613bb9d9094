"""Several instances of the tracker at work on one database, and crowds."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    Message,
    ParticipationEvent,
    RoomPresence,
    WebinarCompleted,
)
from servicekit.testing import Harness, ServiceUnderTest, eventually
from tracker.domain.connections import connections
from tracker.handlers import finalise_due, tell_progress
from tracker.main import create_service
from tracker.repository import participations
from tracker.settings import TrackerSettings
from tracker.testing import OTHER_WEBINAR, START, WEBINAR, at, entry, finish, report, webinar

LIVE = webinar(version=2, on_air=((0, None),))
FINISHED = webinar(version=3, on_air=((0, 600),), finished=600)


@pytest.fixture
async def tracker(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, TrackerSettings, now=START)


@pytest.fixture
async def twin(tracker: ServiceUnderTest) -> AsyncIterator[ServiceUnderTest]:
    """A second instance on the database and the clock of the first."""
    service = create_service(TrackerSettings.model_validate(tracker.service.settings.model_dump()))
    service.database.clock = tracker.clock
    await service.database.open()
    yield ServiceUnderTest(service, tracker.clock)
    await service.database.close()


def said_by_all(message: type[Message], *trackers: ServiceUnderTest) -> Counter[str]:
    """Return how often `message` was said of each lead."""
    return Counter(event.lead_id for one in trackers for event in one.said(message))  # type: ignore[attr-defined]


def room(
    when: float, leads: list[str], *, version: int = 2, instance: str = "room-1", webinar_id: UUID = WEBINAR
) -> list[RoomPresence]:
    """Return the report of a full room, in parts of 1,000."""
    slices = [leads[i : i + 1000] for i in range(0, len(leads), 1000)]
    return [
        report(
            when,
            *(entry(lead, 0) for lead in slice_),
            version=version,
            instance=instance,
            part=part,
            parts=len(slices),
            webinar_id=webinar_id,
        )
        for part, slice_ in enumerate(slices)
    ]


async def test_two_instances_announce_each_fact_once(tracker: ServiceUnderTest, twin: ServiceUnderTest) -> None:
    leads = [f"lead-{n:03}" for n in range(300)]
    await tracker.receive(LIVE)

    for when in (300, 305):
        await asyncio.gather(
            tracker.receive(*room(when, leads)),
            twin.receive(*room(when, leads[::-1], instance="room-2")),
            tracker.receive(*(finish(lead, when) for lead in leads[:100])),
            twin.receive(*(finish(lead, when + 1) for lead in leads[99::-1])),
            tracker.run(tell_progress),
            twin.run(tell_progress),
        )
    tracker.clock.set(at(600))
    await asyncio.gather(tracker.receive(FINISHED), twin.receive(FINISHED))
    await asyncio.gather(
        tracker.receive(*room(600.1, leads, version=3)),
        twin.receive(*room(600.1, leads, version=3, instance="room-2")),
    )
    tracker.clock.advance(3)
    await asyncio.gather(tracker.run(finalise_due), twin.run(finalise_due), twin.run(finalise_due))

    once = Counter(leads)
    assert said_by_all(ClientWebinarEntered, tracker, twin) == once
    assert said_by_all(WebinarCompleted, tracker, twin) == once
    assert said_by_all(ClientWebinarCompleted, tracker, twin) == once
    assert said_by_all(ClientWebinarAttendanceEvaluate, tracker, twin) == Counter()


async def test_a_finish_presence_and_finalising_at_once_leave_one_outcome(
    tracker: ServiceUnderTest, twin: ServiceUnderTest
) -> None:
    leads = [f"lead-{n:03}" for n in range(200)]
    await tracker.receive(LIVE, *room(100, leads), FINISHED)
    tracker.clock.advance(30)

    await asyncio.gather(
        tracker.run(finalise_due),
        twin.receive(*room(599, leads[::-1], instance="room-2")),
        tracker.receive(*(finish(lead, 500) for lead in leads)),
        twin.run(finalise_due),
    )

    completed = said_by_all(WebinarCompleted, tracker, twin)
    evaluated = said_by_all(ClientWebinarAttendanceEvaluate, tracker, twin)
    assert completed + evaluated == Counter(leads)
    outcomes = await tracker.database.pool.fetchval("select count(*) from session where completed_at is not null")
    assert outcomes == completed.total()


async def test_the_same_presence_told_to_two_instances_at_once_blocks_neither(
    tracker: ServiceUnderTest, twin: ServiceUnderTest
) -> None:
    """A deadlock would be raised here: the harness tries nothing again."""
    leads = [f"lead-{n:04}" for n in range(1000)]
    await tracker.receive(LIVE)

    for when in range(10, 90, 5):
        await asyncio.gather(tracker.receive(*room(when, leads)), twin.receive(*room(when, leads[::-1])))

    assert said_by_all(ClientWebinarEntered, tracker, twin) == Counter(leads)


async def test_finalising_waits_for_presence_that_is_being_written(
    tracker: ServiceUnderTest, twin: ServiceUnderTest
) -> None:
    await tracker.receive(LIVE, FINISHED)
    tracker.clock.advance(30)

    async with tracker.database.work() as work:
        await participations.lock_open(work, [WEBINAR])
        finalising = asyncio.create_task(twin.run(finalise_due))
        await eventually(lambda: someone_waits(tracker), what="finalising waiting for the lock")
        await participations.keep_presences(work, connections([report(600.1, entry("a", 0), version=3)]))
    await finalising

    assert said_by_all(WebinarCompleted, twin) == Counter(["a"])


async def someone_waits(tracker: ServiceUnderTest) -> bool:
    waiting = await tracker.database.pool.fetchval(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    return bool(waiting)


async def test_five_thousand_are_finalised_at_once(tracker: ServiceUnderTest) -> None:
    leads = [f"lead-{n:04}" for n in range(5000)]
    stayed, left = leads[:3000], leads[3000:]
    await tracker.receive(LIVE, *room(100, leads))
    await tracker.receive(FINISHED, *room(600.1, stayed, version=3))

    tracker.clock.advance(30)
    await tracker.run(finalise_due)

    assert said_by_all(WebinarCompleted, tracker) == Counter(stayed)
    assert said_by_all(ClientWebinarAttendanceEvaluate, tracker) == Counter(left)
    final = [event for event in tracker.said(ParticipationEvent) if event.final]
    assert Counter(event.watched_seconds for event in final) == {600: 3000, 100: 2000}
    assert Counter(event.lead_id for event in final) == Counter(leads)


async def test_figures_of_a_crowd_are_told_a_thousand_at_a_time(tracker: ServiceUnderTest) -> None:
    leads = [f"lead-{n:04}" for n in range(1500)]
    await tracker.receive(LIVE, *room(100, leads))
    tracker.clock.set(at(100))

    await tracker.run(tell_progress)
    first = said_by_all(ParticipationEvent, tracker)
    await tracker.run(tell_progress)
    second = said_by_all(ParticipationEvent, tracker)

    assert (first.total(), second.total()) == (1000, 500)
    assert first + second == Counter(leads)


async def test_of_two_webinars_on_air_the_figures_of_neither_wait_for_the_other(tracker: ServiceUnderTest) -> None:
    leads = [f"lead-{n:04}" for n in range(1000)]
    await tracker.receive(LIVE, webinar(version=2, on_air=((0, None),), webinar_id=OTHER_WEBINAR))
    for seconds in (100, 140):
        await tracker.receive(*room(seconds, leads), *room(seconds, leads[:10], webinar_id=OTHER_WEBINAR))
        tracker.clock.set(at(seconds))
        await tracker.run(tell_progress)

    told = Counter(event.webinar_id for event in tracker.said(ParticipationEvent))
    assert told[OTHER_WEBINAR] == 20
