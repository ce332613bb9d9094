"""What attendance does with what it hears, on a real database."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from attendance.handlers import classify_completed
from attendance.main import create_service
from attendance.settings import AttendanceSettings
from attendance.tables import AttendanceTable
from attendance.testing import START, STOP, WEBINAR, completed, entered, evaluation, webinar
from contracts import ClientWebinarAttendanceClassified, CompletedBy, UserAttended
from servicekit.testing import NOON, Harness, ServiceUnderTest, assert_migrations_match, eventually


@pytest.fixture
async def attendance(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, AttendanceSettings)


@pytest.fixture
async def twin(attendance: ServiceUnderTest) -> AsyncIterator[ServiceUnderTest]:
    """A second instance on the database and the clock of the first."""
    service = create_service(AttendanceSettings.model_validate(attendance.service.settings.model_dump()))
    service.database.clock = attendance.clock
    await service.database.open()
    yield ServiceUnderTest(service, attendance.clock)
    await service.database.close()


async def test_the_tables_are_what_the_migrations_make(attendance: ServiceUnderTest) -> None:
    await assert_migrations_match(attendance, AttendanceTable.metadata)


async def test_who_completed_is_classified_and_announced_as_attended(attendance: ServiceUnderTest) -> None:
    await attendance.receive(completed("a", by=CompletedBy.WATCHED_ENOUGH, watched=2700))

    [classified] = attendance.said(ClientWebinarAttendanceClassified)
    assert dict(classified) == {
        "lead_id": "a",
        "webinar_id": WEBINAR,
        "attended": True,
        "timestamp": STOP,
        "reason": "watched_enough",
        "watched_seconds": 2700,
        "base_seconds": 3600,
        "watched_percent": 75,
        "rule_version": 1,
    }
    [attended] = attendance.said(UserAttended)
    assert (attended.lead_id, attended.webinar_id, attended.timestamp) == ("a", WEBINAR, STOP)


async def test_who_did_not_complete_is_classified_with_the_time_of_the_evaluation(attendance: ServiceUnderTest) -> None:
    said_at = NOON + timedelta(minutes=61)
    await attendance.receive(evaluation("a"), timestamp=said_at)

    [classified] = attendance.said(ClientWebinarAttendanceClassified)
    assert (classified.attended, classified.reason, classified.timestamp) == (False, "not_completed", said_at)
    assert attendance.said(UserAttended) == []


async def test_a_redelivered_message_classifies_nobody_twice(attendance: ServiceUnderTest) -> None:
    for _ in range(2):
        await attendance.receive(evaluation("a"), evaluation("a"), completed("b"), completed("b"))

    assert sorted(event.lead_id for event in attendance.said(ClientWebinarAttendanceClassified)) == ["a", "b"]
    assert [event.lead_id for event in attendance.said(UserAttended)] == ["b"]


async def test_the_first_verdict_stands(attendance: ServiceUnderTest) -> None:
    await attendance.receive(evaluation("a"), completed("a"))
    await attendance.receive(completed("b"), evaluation("b"))

    verdicts = {event.lead_id: event.attended for event in attendance.said(ClientWebinarAttendanceClassified)}
    assert verdicts == {"a": False, "b": True}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_the_verdict_does_not_wait_for_its_evidence(attendance: ServiceUnderTest, order: tuple[int, ...]) -> None:
    messages = (webinar(version=1), entered("a"), completed("a"))
    await attendance.receive(*(messages[i] for i in order))

    [classified] = attendance.said(ClientWebinarAttendanceClassified)
    assert classified.attended is True
    row = await attendance.database.pool.fetchrow(
        "select * from classification join entrance using (webinar_id, lead_id, session_id) "
        "join webinar using (webinar_id)"
    )
    assert (row["attended"], row["entered_at"], row["title"]) == (True, START, "How partners work")


async def test_evidence_keeps_the_first_entrance_and_the_highest_version(attendance: ServiceUnderTest) -> None:
    await attendance.receive(webinar(version=2, title="new"), entered("a"))
    await attendance.receive(webinar(version=1, title="old"), entered("a", when=STOP))

    row = await attendance.database.pool.fetchrow(
        "select title, entered_at from webinar join entrance using (webinar_id)"
    )
    assert (row["title"], row["entered_at"]) == ("new", START)


async def test_a_crowd_is_classified_in_one_batch(attendance: ServiceUnderTest) -> None:
    await attendance.receive(*(completed(f"lead-{n}") for n in range(200)))

    assert len(attendance.said(ClientWebinarAttendanceClassified)) == 200
    assert len(attendance.said(UserAttended)) == 200


async def test_two_instances_given_the_same_leads_at_once_give_each_one_verdict(
    attendance: ServiceUnderTest, twin: ServiceUnderTest
) -> None:
    """Both are held up in the middle of their leads; a deadlock would be raised here, nothing is tried again."""
    leads = [f"lead-{n:03}" for n in range(200)]

    async def both_wait() -> bool:
        waiting = await attendance.database.pool.fetchval(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return bool(waiting == 2)

    async with attendance.database.work() as work:
        await classify_completed([attendance.heard(completed(leads[100]))], work)
        classifying = asyncio.gather(
            attendance.receive(*(completed(lead) for lead in leads)),
            twin.receive(*(evaluation(lead) for lead in reversed(leads))),
        )
        await eventually(both_wait, what="both waiting")
    await classifying
    await attendance.collect()

    classified = [event for one in (attendance, twin) for event in one.said(ClientWebinarAttendanceClassified)]
    assert Counter(event.lead_id for event in classified) == Counter(leads)
    attended = Counter(event.lead_id for one in (attendance, twin) for event in one.said(UserAttended))
    assert attended == Counter(event.lead_id for event in classified if event.attended)
