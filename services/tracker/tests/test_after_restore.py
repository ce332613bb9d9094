"""After a restore: the latest facts are said again as they were, figures under versions that nobody has seen."""

from datetime import timedelta

import pytest
from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    ParticipationEvent,
    WebinarCompleted,
)
from servicekit.after_restore import version_at
from servicekit.testing import Harness, ServiceUnderTest
from tracker.after_restore import settle
from tracker.handlers import finalise_due, tell_progress
from tracker.main import create_service
from tracker.settings import TrackerSettings
from tracker.testing import OTHER_WEBINAR, START, at, entry, report, webinar

FACTS = (ClientWebinarEntered, WebinarCompleted, ClientWebinarAttendanceEvaluate)


@pytest.fixture
async def tracker(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, TrackerSettings, now=START)


async def play(tracker: ServiceUnderTest, *, finish: bool = True) -> dict[type, list[object]]:
    """Play a webinar in which `a` stays and `b` leaves; return what was said."""
    await tracker.receive(webinar(version=2, on_air=[(0, None)]))
    await tracker.receive(report(900, entry("a", 0), entry("b", 0, 300)))
    tracker.clock.set(at(900))
    await tracker.run(tell_progress)
    if finish:
        await tracker.receive(report(3601, entry("a", 0), version=3))
        await tracker.receive(webinar(version=3, on_air=[(0, 3600)], finished=3600))
        tracker.clock.set(at(3700))
        await tracker.run(finalise_due)
    return said(tracker)


def said(tracker: ServiceUnderTest) -> dict[type, list[object]]:
    tracker.said(ClientWebinarCompleted)
    return {topic: list(tracker.said(topic)) for topic in FACTS}


async def restore(tracker: ServiceUnderTest) -> None:
    async with tracker.database.work() as work:
        await settle(work)
    await tracker.collect()


async def test_what_attendance_decides_from_is_said_again_as_it_was(tracker: ServiceUnderTest) -> None:
    first = await play(tracker)
    assert all(first.values())
    tracker.clock.advance(timedelta(days=20).total_seconds())

    await restore(tracker)

    assert said(tracker) == first


async def test_while_it_is_on_air_nobody_is_said_not_to_have_completed(tracker: ServiceUnderTest) -> None:
    first = await play(tracker, finish=False)

    await restore(tracker)

    again = said(tracker)
    assert again == first
    assert again[ClientWebinarAttendanceEvaluate] == []


async def test_what_everybody_had_long_heard_is_not_said_again(tracker: ServiceUnderTest) -> None:
    await play(tracker)
    later = at(3700) + timedelta(days=1, seconds=1)
    await tracker.database.pool.execute(
        "insert into ledger (webinar_id, finalised_at) values ($1, $2)", OTHER_WEBINAR, later
    )

    await restore(tracker)

    assert not any(said(tracker).values())


async def test_figures_get_versions_that_nobody_has_seen(tracker: ServiceUnderTest) -> None:
    await play(tracker)
    told = {one.lead_id: one.version for one in tracker.said(ParticipationEvent)}
    tracker.clock.advance(3600)

    await restore(tracker)

    versions = await tracker.database.pool.fetch("select lead_id, told_version from session order by lead_id")
    assert [row["lead_id"] for row in versions] == sorted(told)
    assert all(row["told_version"] == version_at(tracker.clock.now()) > told[row["lead_id"]] for row in versions)
