"""After a restore: whoever was dumped earlier hears of the latest verdicts once more."""

from datetime import timedelta
from uuid import uuid4

import pytest
from attendance.after_restore import settle
from attendance.main import create_service
from attendance.settings import AttendanceSettings
from attendance.testing import WEBINAR, completed, evaluation
from contracts import ClientWebinarAttendanceClassified, UserAttended
from servicekit.testing import Harness, ServiceUnderTest


@pytest.fixture
async def attendance(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, AttendanceSettings)


async def test_the_verdicts_of_the_last_day_are_said_again_as_they_were(attendance: ServiceUnderTest) -> None:
    await attendance.receive(completed("old", webinar_id=uuid4()))
    attendance.clock.advance(timedelta(days=1, seconds=1).total_seconds())
    await attendance.receive(completed("a"), evaluation("b"))
    first = [one for one in attendance.said(ClientWebinarAttendanceClassified) if one.webinar_id == WEBINAR]
    attendance.said(UserAttended)

    async with attendance.database.work() as work:
        await settle(work)
    await attendance.collect()

    assert attendance.said(ClientWebinarAttendanceClassified) == first
    assert attendance.said_topics() == []


async def test_an_empty_database_has_nothing_to_say(attendance: ServiceUnderTest) -> None:
    async with attendance.database.work() as work:
        [finding] = await settle(work)
    assert finding.count == 0
