import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from local_stack.demo import LEAD_TIME, soon


@pytest.fixture
def another_local_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Pacific/Kiritimati")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("another_local_time")
def test_the_demos_webinar_is_soon_in_the_zone_that_it_is_planned_in() -> None:
    before = datetime.now(UTC)

    begins, zone = soon()

    ahead = datetime.fromisoformat(begins).replace(tzinfo=ZoneInfo(zone)) - before
    assert LEAD_TIME - timedelta(minutes=1) <= ahead <= LEAD_TIME + timedelta(minutes=1)
