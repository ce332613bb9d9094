"""What the statements promise to those who come second."""

from datetime import datetime

import pytest
from contracts import CompletedBy
from servicekit.testing import Harness, ServiceUnderTest
from tracker.domain.participation import Completion, Figures
from tracker.main import create_service
from tracker.repository import participations
from tracker.settings import TrackerSettings
from tracker.testing import START, WEBINAR, at


@pytest.fixture
async def tracker(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, TrackerSettings, now=START)


def completion(completed_at: datetime) -> Completion:
    return Completion(CompletedBy.FINISH, completed_at, Figures((), 10, 20, 50))


async def test_who_has_entered_is_not_added_again(tracker: ServiceUnderTest) -> None:
    async with tracker.database.work() as work:
        first = await participations.add_entries(work, WEBINAR, {"a": at(1)})
        second = await participations.add_entries(work, WEBINAR, {"b": at(2), "a": at(0)})

    assert (first, second) == (["a"], ["b"])
    entered_at = await tracker.database.pool.fetchval("select entered_at from session where lead_id = 'a'")
    assert entered_at == at(1)


async def test_who_has_completed_does_not_complete_again(tracker: ServiceUnderTest) -> None:
    async with tracker.database.work() as work:
        await participations.add_entries(work, WEBINAR, {"a": at(1), "b": at(1)})
        first = await participations.add_completions(work, WEBINAR, {"a": completion(at(5))})
        second = await participations.add_completions(work, WEBINAR, {"b": completion(at(6)), "a": completion(at(4))})

    assert (first, second) == (["a"], ["b"])
    completed_at = await tracker.database.pool.fetchval("select completed_at from session where lead_id = 'a'")
    assert completed_at == at(5)


async def test_the_fifty_earliest_presses_are_kept_once_each(tracker: ServiceUnderTest) -> None:
    async with tracker.database.work() as work:
        await participations.keep_presses(work, [(WEBINAR, "a", at(n)) for n in range(60, 20, -1)])
        await participations.keep_presses(work, [(WEBINAR, "a", at(n)) for n in range(40)])
        await participations.keep_presses(work, [(WEBINAR, "a", at(7))])

    pressed_at = await tracker.database.pool.fetchval("select pressed_at from session")
    assert pressed_at == [at(n) for n in range(50)]
