"""Connections are forgotten long after the outcomes; what was told of them stays as it was told."""

from datetime import timedelta

import pytest
from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    ParticipationEvent,
    SnapshotRequested,
    WebinarCompleted,
)
from servicekit.snapshots import announce_slices
from servicekit.testing import Harness, ServiceUnderTest
from tracker.handlers import finalise_due, forget_connections
from tracker.main import create_service
from tracker.settings import TrackerSettings
from tracker.testing import OTHER_WEBINAR, START, at, entry, finish, report, webinar

FINISHED = webinar(version=3, on_air=[(0, 3600)], finished=3600)
MONTH = timedelta(days=30)


@pytest.fixture
async def tracker(harness: Harness) -> ServiceUnderTest:
    """A tracker that has finalised a webinar: `a` stayed, `b` left and came again, `host` and `late` only looked in."""
    found = await harness(create_service, TrackerSettings, now=START)
    await found.receive(webinar(version=2, on_air=[(0, None)]))
    await found.receive(
        report(400, entry("a", 0), entry("b", 0, 300), entry("late", 0, 1, seen=False)),
        report(900, entry("a", 0), entry("b", 700, 900), entry("never", 5, seen=False), instance="room-2"),
    )
    await found.receive(report(3601, entry("a", 0), version=3))
    await found.receive(FINISHED)
    found.clock.set(at(3700))
    await found.run(finalise_due)
    return found


async def rows(tracker: ServiceUnderTest, table: str) -> int:
    return int(await tracker.database.pool.fetchval(f"select count(*) from {table}"))


async def snapshots(tracker: ServiceUnderTest) -> list[ParticipationEvent]:
    """Return what the tracker says when somebody with an empty database asks."""
    tracker.said(ParticipationEvent)
    await tracker.receive(SnapshotRequested(topic_name=ParticipationEvent.topic))
    tracker.clock.advance(61)
    await tracker.run(
        announce_slices({ParticipationEvent.topic: tracker.service.router.owned_snapshots[ParticipationEvent.topic]})
    )
    return tracker.said(ParticipationEvent)


async def test_connections_are_forgotten_a_month_after_the_outcomes(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(3700) + MONTH)
    await tracker.run(forget_connections)
    assert await rows(tracker, "presence") == 6, "it is not a month yet"

    tracker.clock.advance(1)
    await tracker.run(forget_connections)

    assert (await rows(tracker, "presence"), await rows(tracker, "report")) == (0, 0)
    assert await rows(tracker, "session") == 2


async def test_who_asks_later_is_told_what_was_told_before(tracker: ServiceUnderTest) -> None:
    before = await snapshots(tracker)
    assert [(one.lead_id, len(one.windows), one.final) for one in before] == [("a", 1, True), ("b", 2, True)]
    tracker.clock.advance(MONTH.total_seconds() + 1)
    await tracker.run(forget_connections)

    assert await snapshots(tracker) == before


async def test_what_comes_after_the_connections_are_forgotten_changes_nothing(tracker: ServiceUnderTest) -> None:
    """A dead letter may be replayed months later."""
    tracker.clock.advance(MONTH.total_seconds() + 1)
    await tracker.run(forget_connections)
    for topic in (
        ClientWebinarEntered,
        ClientWebinarCompleted,
        WebinarCompleted,
        ClientWebinarAttendanceEvaluate,
        ParticipationEvent,
    ):
        tracker.said(topic)

    await tracker.receive(report(900, entry("a", 0), entry("c", 0)), finish("b", 800), FINISHED)
    tracker.clock.advance(60)
    await tracker.run(finalise_due)

    assert await rows(tracker, "presence") == 0
    assert tracker.said_topics() == []


async def test_whoever_is_in_hand_elsewhere_is_left_alone(tracker: ServiceUnderTest) -> None:
    tracker.clock.advance(MONTH.total_seconds() + 1)
    async with tracker.database.work() as other:
        await other.connection.fetch("select from ledger for update")
        await tracker.run(forget_connections)
        assert await rows(tracker, "presence") == 6
    await tracker.run(forget_connections)
    assert await rows(tracker, "presence") == 0


async def test_the_lobby_of_what_never_started_is_forgotten_in_the_end(harness: Harness) -> None:
    tracker = await harness(create_service, TrackerSettings, now=START)
    await tracker.receive(webinar(version=1, webinar_id=OTHER_WEBINAR))
    await tracker.receive(report(10, entry("a", 0), version=1, webinar_id=OTHER_WEBINAR))
    await tracker.receive(report(10, entry("a", 0), version=1))
    tracker.clock.advance(89 * 86400)
    await tracker.run(forget_connections)
    assert await rows(tracker, "presence") == 2

    tracker.clock.advance(2 * 86400)
    await tracker.run(forget_connections)

    assert (await rows(tracker, "presence"), await rows(tracker, "report")) == (0, 0)


async def test_a_webinar_on_air_keeps_every_connection(harness: Harness) -> None:
    tracker = await harness(create_service, TrackerSettings, now=START)
    await tracker.receive(webinar(version=2, on_air=[(0, None)]))
    await tracker.receive(report(10, entry("a", 0)))
    tracker.clock.advance(400 * 86400)

    await tracker.run(forget_connections)

    assert (await rows(tracker, "presence"), await rows(tracker, "report")) == (1, 1)
