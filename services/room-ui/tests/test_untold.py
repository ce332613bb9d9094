"""What the broker did not take is told by whoever is there when it is back."""

import asyncio
import gc
import weakref
from collections.abc import Sequence

import asyncpg
import pytest
from contracts import RoomPresence
from room_ui.rooms import reporter as reporting
from room_ui.rooms.reporter import INTERVAL_SECONDS, Reporter
from room_ui.rooms.room import Room
from room_ui.rooms.untold import Untold
from room_ui.testing import NOON, Web, webinar_event


async def rows(web: Web) -> list[tuple[str, int]]:
    """Return what is kept: instance, number of entries."""
    found = await web.parts.database.pool.fetch("select instance_id, reports from untold_presence order by 1")
    return [(row["instance_id"], sum(len(one["entries"]) for one in row["reports"])) for row in found]


async def test_what_an_instance_could_not_tell_before_it_was_killed_is_told_by_another(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna, boris = await web.member(), await web.member()
    killed = web.another_instance("killed")
    await killed.refresh()
    [room] = killed.all()
    web.broker.away = True
    first = killed.enter(room, anna.viewer, None, visible=True)
    killed.enter(room, boris.viewer, None, visible=True)
    web.under_test.clock.advance(600)
    killed.leave(room, first)
    await web.reporter(killed).report_all()

    other = web.reporter()
    await other.report_untold()
    assert web.broker.reports == []
    assert await rows(web) == [("killed", 2)]
    web.broker.away = False
    await other.report_untold()

    [told] = web.broker.reports
    at = web.parts.clock.now()
    assert (told.instance_id, told.webinar_id, told.at) == ("killed", webinar.webinar_id, at)
    assert [(one.account_id, one.since, one.until, one.seen) for one in told.entries] == [
        (anna.account_id, NOON, at, True),
        (boris.account_id, NOON, None, True),
    ]
    assert await rows(web) == []


async def test_newcomers_alone_are_not_kept_in_place_of_the_whole_room(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna, boris = await web.member(), await web.member()
    rooms, reporter = web.parts.rooms, web.reporter()
    [room] = rooms.all()
    rooms.enter(room, anna.viewer, None, visible=True)
    await reporter.report_news()
    web.broker.away = True

    rooms.enter(room, boris.viewer, None, visible=True)
    await reporter.report_news()

    assert await rows(web) == [("here", 2)]


async def test_a_broker_that_does_not_answer_counts_as_away(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "PUBLISHING_SECONDS", 0.01)
    await web.know(webinar_event("live"))
    anna = await web.member()
    rooms = web.parts.rooms
    [room] = rooms.all()
    rooms.enter(room, anna.viewer, None, visible=True)

    class Silent:
        async def publish(self, event: RoomPresence, *, correlation_id: str | None = None) -> None:
            del event, correlation_id
            await asyncio.Event().wait()

    await Reporter(rooms, Silent(), Untold(web.parts.database)).report_all()

    assert await rows(web) == [("here", 1)]


async def test_what_is_kept_is_at_most_an_interval_old_and_not_written_with_each_attempt(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna = await web.member()
    rooms = web.parts.rooms
    [room] = rooms.all()
    rooms.enter(room, anna.viewer, None, visible=True)
    web.broker.away = True
    kept: list[float] = []

    class Counting(Untold):
        async def keep(self, reports: Sequence[RoomPresence]) -> None:
            kept.append((reports[0].at - NOON).total_seconds())
            await super().keep(reports)

    reporter = Reporter(rooms, web.broker, Counting(web.parts.database))
    await reporter.report_all()
    for _ in range(INTERVAL_SECONDS + 1):
        web.under_test.clock.advance(1)
        await reporter.report_untold()

    assert kept == [0.0, INTERVAL_SECONDS]
    rooms.is_closing = True
    await reporter.report_all()
    assert kept[2:], "the last words of an instance that stops"


async def test_a_room_that_is_gone_is_not_held_by_who_reported_it(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    room = Room(webinar)
    gone = weakref.ref(room)
    reporter = web.reporter()
    web.broker.away = True
    await reporter.report(room)
    assert await Untold(web.parts.database).next() is not None

    del room
    gc.collect()
    assert gone() is None


async def test_a_newer_one_that_is_kept_while_it_is_told_stays(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    untold = Untold(web.parts.database)

    def report(round_: int) -> RoomPresence:
        return RoomPresence(
            webinar_id=webinar.webinar_id,
            instance_id="killed",
            round=round_,
            part=0,
            parts=1,
            at=NOON,
            interval_seconds=INTERVAL_SECONDS,
            webinar_version=1,
            entries=(),
        )

    await untold.keep([report(2)])
    await untold.keep([report(1)])
    kept = await untold.next()
    assert kept is not None
    assert kept.reports == [report(2)]
    await untold.keep([report(3)])
    await untold.forget(kept)

    newer = await untold.next()
    assert newer is not None
    assert newer.round == 3
    await untold.forget(newer)
    assert await untold.next() is None


async def test_without_a_database_everything_is_still_told_when_the_broker_is_back(web: Web) -> None:
    await web.know(webinar_event("live"))
    anna = await web.member()
    rooms = web.parts.rooms
    [room] = rooms.all()
    rooms.enter(room, anna.viewer, None, visible=True)

    class Away(Untold):
        async def keep(self, reports: Sequence[RoomPresence]) -> None:
            raise asyncpg.ConnectionDoesNotExistError("gone")

    reporter = Reporter(rooms, web.broker, Away(web.parts.database))
    web.broker.away = True
    await reporter.report_all()
    web.broker.away = False
    await reporter.report_untold()

    assert [one.account_id for one in web.broker.reports[-1].entries] == [anna.account_id]
