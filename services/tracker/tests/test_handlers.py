"""What the tracker does with what it hears, on a real database."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from contracts import (
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    CompletedBy,
    Message,
    ParticipationEvent,
    WebinarCompleted,
    WebinarEvent,
    session_id_of,
)
from servicekit.batches import run_batch
from servicekit.span_testing import recorded_spans
from servicekit.testing import Harness, ServiceUnderTest, assert_migrations_match
from tracker.handlers import finalise_due, present_participations, tell_progress
from tracker.main import create_service
from tracker.settings import TrackerSettings
from tracker.tables import TrackerTable
from tracker.testing import OTHER_WEBINAR, START, WEBINAR, at, entry, finish, report, webinar

SCHEDULED = webinar(version=1)
LIVE = webinar(version=2, on_air=((0, None),))
FINISHED = webinar(version=3, on_air=((0, 600),), finished=600)


@pytest.fixture
async def tracker(harness: Harness) -> ServiceUnderTest:
    return await harness(create_service, TrackerSettings, now=START)


async def finalise(tracker: ServiceUnderTest, *, after: float = 31) -> None:
    """Let the longest wait for reports pass."""
    tracker.clock.advance(after)
    await tracker.run(finalise_due)


async def test_the_tables_are_what_the_migrations_make(tracker: ServiceUnderTest) -> None:
    await assert_migrations_match(tracker, TrackerTable.metadata)


async def test_who_is_there_and_looks_enters_once(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(10, entry("a", 3)), report(15, entry("a", 3)))
    await tracker.receive(report(15, entry("a", 3), entry("a", 14, seen=True), instance="room-2"))

    [entered] = tracker.said(ClientWebinarEntered)
    assert entered.lead_id == "a"
    assert entered.timestamp == at(3)
    assert entered.session_id == session_id_of("a", WEBINAR)


async def test_hosts_leave_no_trace(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(300, entry("speaker", 0, host=True)), FINISHED)
    await finalise(tracker)

    assert tracker.said_topics() == []
    assert await tracker.database.pool.fetchval("select count(*) from presence") == 0


async def test_the_lobby_enters_nobody_until_it_is_live_and_looked_at(tracker: ServiceUnderTest) -> None:
    await tracker.receive(SCHEDULED, report(-5, entry("a", -60), entry("b", -60), version=1))
    await tracker.receive(LIVE, report(0.2, entry("a", -60, seen=False), entry("b", -60, seen=False)))
    assert tracker.said(ClientWebinarEntered) == []

    await tracker.receive(report(5, entry("a", -60), entry("b", -60, seen=False)))

    [entered] = tracker.said(ClientWebinarEntered)
    assert (entered.lead_id, entered.timestamp) == ("a", at(0))


async def test_presence_heard_before_the_webinar_counts_once_it_is_known(tracker: ServiceUnderTest) -> None:
    await tracker.receive(report(10, entry("a", 3)), finish("a", 320), report(320, entry("a", 3)))
    assert tracker.said_topics() == []

    await tracker.receive(LIVE)

    assert [entered.lead_id for entered in tracker.said(ClientWebinarEntered)] == ["a"]
    [completed] = tracker.said(WebinarCompleted)
    assert completed.completed_at == at(320)


async def test_who_is_told_of_with_a_version_not_heard_yet_enters_when_it_is_heard(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(10, entry("a", 3), version=3), report(11, entry("b", 4), instance="room-2"))
    assert [entered.lead_id for entered in tracker.said(ClientWebinarEntered)] == ["b"]

    await tracker.receive(webinar(version=3, on_air=((0, None),)))

    assert [entered.lead_id for entered in tracker.said(ClientWebinarEntered)] == ["a"]


async def test_finish_completes_at_once_in_both_forms(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(400, entry("a", 0)), finish("a", 401), finish("a", 402))

    [client_form] = tracker.said(ClientWebinarCompleted)
    [completed] = tracker.said(WebinarCompleted)
    assert dict(client_form) == dict(completed)
    assert completed.completed_by is CompletedBy.FINISH
    assert completed.completed_at == at(401)
    assert completed.watched_seconds == 400
    assert completed.base_seconds == 401


async def test_finish_pressed_early_completes_when_the_minimum_is_reached(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(20, entry("a", 0)), finish("a", 20), report(295, entry("a", 0)))
    assert tracker.said(WebinarCompleted) == []

    await tracker.receive(report(305, entry("a", 0)))

    [completed] = tracker.said(WebinarCompleted)
    assert completed.completed_at == at(300)


async def test_finish_of_one_who_never_entered_changes_nothing(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, finish("made-up", 400), FINISHED)
    await finalise(tracker)

    assert tracker.said_topics() == []


async def test_at_the_stop_each_who_entered_gets_one_of_completed_or_evaluate(tracker: ServiceUnderTest) -> None:
    await tracker.receive(
        LIVE,
        report(400, entry("stays", 0), entry("leaves", 0, 60), entry("finishes", 0), entry("asleep", 0, seen=False)),
        finish("finishes", 400),
        FINISHED,
        report(600.1, entry("stays", 0), entry("finishes", 0), entry("asleep", 0, seen=False), version=3),
    )
    assert [event.lead_id for event in tracker.said(WebinarCompleted)] == ["finishes"]

    await finalise(tracker)

    [completed] = tracker.said(WebinarCompleted)
    [evaluated] = tracker.said(ClientWebinarAttendanceEvaluate)
    assert (completed.lead_id, completed.completed_by) == ("stays", CompletedBy.PRESENT_AT_STOP)
    assert (completed.completed_at, completed.watched_seconds, completed.base_seconds) == (at(600), 600, 600)
    assert (evaluated.lead_id, evaluated.watched_seconds, evaluated.base_seconds) == ("leaves", 60, 600)
    final = {event.lead_id: event for event in tracker.said(ParticipationEvent)}
    assert {lead: event.watched_seconds for lead, event in final.items()} == {
        "finishes": 600,
        "leaves": 60,
        "stays": 600,
    }
    assert all(event.final for event in final.values())
    assert final["stays"].windows[0].from_ == at(0)
    assert final["stays"].windows[0].to == at(600)


async def test_what_comes_after_finalising_changes_no_fact(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(60, entry("a", 0, 60)), FINISHED)
    await finalise(tracker)
    assert len(tracker.said(ClientWebinarAttendanceEvaluate)) == 1
    [told] = tracker.said(ParticipationEvent)
    tracker.said(ClientWebinarEntered)
    before = await tracker.database.pool.fetch("select * from session")

    late = report(640, entry("a", 0), entry("b", 0), version=3)
    await tracker.receive(late, finish("a", 599), FINISHED, webinar(version=4, on_air=((0, 600),), finished=600))
    await finalise(tracker)

    assert tracker.said_topics() == []
    assert await tracker.database.pool.fetch("select * from session") == before
    async with tracker.database.work() as work:
        [(_, snapshot)] = await present_participations(work, "", 10)
    assert snapshot == told


async def test_presence_told_late_still_counts_before_finalising(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, FINISHED, report(601, entry("a", 0, 590), version=3))
    assert tracker.said_topics() == []

    await finalise(tracker)

    assert [event.lead_id for event in tracker.said(ClientWebinarEntered)] == ["a"]
    assert [event.lead_id for event in tracker.said(WebinarCompleted)] == ["a"]


async def test_outcomes_are_written_as_soon_as_all_have_spoken(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(600))
    await tracker.receive(LIVE, report(600, entry("a", 0)), report(600, entry("b", 0), instance="room-2"), FINISHED)
    await tracker.receive(report(600.1, entry("a", 0), version=3))
    await finalise(tracker, after=3)
    assert tracker.said(WebinarCompleted) == []

    await tracker.receive(report(603, entry("b", 0), version=3, instance="room-2"))
    await finalise(tracker, after=0.5)

    assert [event.lead_id for event in tracker.said(WebinarCompleted)] == ["a", "b"]


async def test_an_older_report_that_comes_again_takes_nothing_back(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(600))
    before, after = report(600, entry("a", 0)), report(600.1, entry("a", 0), version=3)
    await tracker.receive(LIVE, before, FINISHED, after)
    await tracker.receive(before)

    await finalise(tracker, after=3)

    assert len(tracker.said(WebinarCompleted)) == 1


async def test_a_page_first_looked_at_after_the_stop_has_not_entered(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, FINISHED, report(600.1, entry("a", 0, seen=False), version=3))
    await tracker.receive(report(599, entry("a", 0, seen=False)), report(605, entry("a", 0), version=3))

    await finalise(tracker)

    assert tracker.said_topics() == []


async def test_a_stop_that_was_left_behind_is_cleared_without_a_second_outcome(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(60, entry("a", 0, 60)), FINISHED)
    await finalise(tracker)
    tracker.said(ClientWebinarEntered)
    tracker.said(ParticipationEvent)
    assert len(tracker.said(ClientWebinarAttendanceEvaluate)) == 1

    await tracker.database.pool.execute("insert into stop values ($1, $2, $2)", WEBINAR, at(0))
    await finalise(tracker)

    assert tracker.said_topics() == []
    assert await tracker.database.pool.fetchval("select count(*) from stop") == 0


async def test_outcomes_go_on_in_the_trace_of_the_stop(harness: Harness) -> None:
    stop = f"00-{'a' * 32}-{'b' * 16}-01"
    with recorded_spans() as spans:
        tracker = await harness(create_service, TrackerSettings, now=START)
        await tracker.receive(LIVE, report(60, entry("a", 0, 60)))
        [hearing] = [one for one in tracker.service.hearings() if one.message is WebinarEvent]
        await run_batch(tracker.database, hearing.handler, [replace(tracker.heard(FINISHED), traceparent=stop)])
        spans.clear()
        await finalise(tracker)
    finalised, evaluated = spans.one("finalise"), spans.one(f"create {ClientWebinarAttendanceEvaluate.topic}")
    assert (finalised.trace_id, finalised.parent_id) == ("a" * 32, "b" * 16)
    assert evaluated.parent_id == finalised.span_id
    assert spans.one("DELETE stop").parent_id == finalised.span_id


async def test_outcomes_wait_at_least_three_seconds(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(600))
    await tracker.receive(LIVE, FINISHED, report(600.1, entry("a", 0), version=3))
    await finalise(tracker, after=2.9)
    assert tracker.said(WebinarCompleted) == []

    await finalise(tracker, after=0.1)

    assert len(tracker.said(WebinarCompleted)) == 1


async def test_one_webinar_that_waits_keeps_no_other_waiting(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(600))
    await tracker.receive(LIVE, report(600, entry("a", 0)), FINISHED)
    await tracker.receive(
        webinar(version=2, on_air=((0, None),), webinar_id=OTHER_WEBINAR),
        webinar(version=3, on_air=((0, 600),), finished=600, webinar_id=OTHER_WEBINAR),
    )
    await tracker.receive(report(600.1, entry("b", 0), version=3, webinar_id=OTHER_WEBINAR))

    await finalise(tracker, after=3)

    assert [event.webinar_id for event in tracker.said(WebinarCompleted)] == [OTHER_WEBINAR]


async def test_one_webinar_that_cannot_be_finalised_keeps_no_other_waiting(tracker: ServiceUnderTest) -> None:
    tracker.clock.set(at(600))
    await tracker.receive(LIVE, report(600, entry("a", 0)), FINISHED)
    await tracker.database.pool.execute("update session set completed_by = 'nobody knows'")
    tracker.clock.advance(1)
    await tracker.receive(webinar(version=2, on_air=((0, None),), webinar_id=OTHER_WEBINAR))
    await tracker.receive(report(600, entry("b", 0), webinar_id=OTHER_WEBINAR))
    await tracker.receive(webinar(version=3, on_air=((0, 600),), finished=600, webinar_id=OTHER_WEBINAR))
    with pytest.raises(ValueError, match="nobody knows"):
        await finalise(tracker)

    await finalise(tracker, after=0.5)

    assert [event.webinar_id for event in tracker.said(WebinarCompleted)] == [OTHER_WEBINAR]
    await tracker.database.pool.execute("update session set completed_by = null")
    await finalise(tracker)
    assert [event.webinar_id for event in tracker.said(WebinarCompleted)] == [WEBINAR]


async def test_a_stop_that_a_newer_snapshot_takes_back_is_forgotten(tracker: ServiceUnderTest) -> None:
    await tracker.receive(FINISHED)
    await tracker.receive(webinar(version=4, on_air=((0, None),)), report(650, entry("a", 0)))
    await finalise(tracker)
    assert tracker.said(WebinarCompleted) == []
    assert await tracker.database.pool.fetchval("select count(*) from stop") == 0

    await tracker.receive(webinar(version=5, on_air=((0, 700),), finished=700))
    await finalise(tracker)

    assert [event.completed_at for event in tracker.said(WebinarCompleted)] == [at(700)]


async def test_figures_are_told_at_a_bounded_rate_while_live(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(10, entry("a", 0)))
    tracker.clock.set(at(11))
    await tracker.run(tell_progress)
    [first] = tracker.said(ParticipationEvent)
    assert (first.watched_seconds, first.base_seconds, first.final) == (10, 11, False)

    tracker.clock.set(at(20))
    await tracker.receive(report(20, entry("a", 0)))
    await tracker.run(tell_progress)
    assert tracker.said(ParticipationEvent) == []

    tracker.clock.set(at(45))
    await tracker.receive(report(44, entry("a", 0, 40)))
    await tracker.run(tell_progress)
    [second] = tracker.said(ParticipationEvent)
    assert second.watched_seconds == 40
    assert second.version > first.version

    tracker.clock.set(at(145))
    await tracker.run(tell_progress)
    assert tracker.said(ParticipationEvent) == []
    assert await tracker.database.pool.fetchval("select told_at from session") == at(45)


async def test_a_completion_is_told_at_the_next_opportunity(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(400, entry("a", 0)))
    tracker.clock.set(at(400))
    await tracker.run(tell_progress)
    [first] = tracker.said(ParticipationEvent)

    await tracker.receive(finish("a", 399))
    await tracker.run(tell_progress)

    [told] = tracker.said(ParticipationEvent)
    assert told.completed_by is CompletedBy.FINISH
    assert told.version == first.version + 1


async def test_figures_that_have_not_changed_are_not_told_again(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(10, entry("a", 0)), webinar(version=3, on_air=((0, 10),)))
    tracker.clock.set(at(10))
    await tracker.run(tell_progress)
    assert len(tracker.said(ParticipationEvent)) == 1

    tracker.clock.set(at(50))
    await tracker.receive(report(50, entry("a", 0)))
    await tracker.run(tell_progress)

    assert tracker.said(ParticipationEvent) == []


async def test_present_snapshots_are_those_told_last_in_order(tracker: ServiceUnderTest) -> None:
    await tracker.receive(LIVE, report(600, *(entry(f"lead-{n}", 0) for n in range(5))), FINISHED)
    await finalise(tracker)
    told = {event.lead_id: event for event in tracker.said(ParticipationEvent)}

    async with tracker.database.work() as work:
        first = await present_participations(work, "", 3)
        second = await present_participations(work, first[-1][0], 3)
        nothing = await present_participations(work, second[-1][0], 3)

    assert [key for key, _ in [*first, *second]] == [f"{WEBINAR}/lead-{n}" for n in range(5)]
    assert {event.lead_id: event for _, event in [*first, *second]} == told
    assert nothing == []


STORY: Sequence[Message] = (
    SCHEDULED,
    LIVE,
    FINISHED,
    report(5, entry("a", 0), entry("b", 4, seen=False)),
    report(300, entry("a", 0), entry("b", 4), entry("c", 299)),
    report(302, entry("a", 301, seen=False), instance="room-2"),
    report(600, entry("a", 0, 500), entry("b", 4)),
    report(600.1, entry("b", 4), entry("c", 299, 400), version=3),
    report(600.1, entry("a", 301, 310), version=3, instance="room-2"),
    report(605, entry("b", 4), entry("came-too-late", 601), version=3),
    finish("came-too-late", 606),
    finish("a", 400),
    finish("c", 310),
)


async def outcome_of(tracker: ServiceUnderTest, story: Sequence[Message]) -> set[tuple[str, str, str]]:
    await tracker.receive(*story)
    await finalise(tracker)
    said = {("entered", event.lead_id, str(event.timestamp)) for event in tracker.said(ClientWebinarEntered)}
    said |= {("completed", event.lead_id, event.completed_by) for event in tracker.said(WebinarCompleted)}
    said |= {
        ("evaluated", event.lead_id, f"{event.watched_seconds}/{event.base_seconds}")
        for event in tracker.said(ClientWebinarAttendanceEvaluate)
    }
    said |= {
        ("final", event.lead_id, f"{event.watched_seconds}/{event.base_seconds} {event.completed_by}")
        for event in tracker.said(ParticipationEvent)
        if event.final
    }
    return said


@pytest.mark.parametrize("seed", range(12))
async def test_the_order_and_the_repetition_of_messages_change_no_outcome(
    harness: Harness, tracker: ServiceUnderTest, seed: int
) -> None:
    other = await harness(create_service, TrackerSettings, now=START)
    shuffled = [*STORY, *STORY]
    random.Random(seed).shuffle(shuffled)

    in_order = await outcome_of(tracker, STORY)

    assert in_order == await outcome_of(other, shuffled)
    assert {said[:2] for said in in_order if said[0] != "final"} == {
        ("entered", "a"), ("entered", "b"), ("entered", "c"),
        ("completed", "a"), ("completed", "b"), ("evaluated", "c"),
    }  # fmt: skip


async def test_two_webinars_live_at_once_are_kept_apart(tracker: ServiceUnderTest) -> None:
    other_live = webinar(version=2, on_air=((0, None),), webinar_id=OTHER_WEBINAR)
    await tracker.receive(LIVE, other_live)
    await tracker.receive(
        report(10, entry("a", 0)),
        report(11, entry("a", 1), webinar_id=OTHER_WEBINAR),
        report(12, entry("b", 2), webinar_id=OTHER_WEBINAR),
    )

    entered = {(event.webinar_id, event.lead_id): event.timestamp for event in tracker.said(ClientWebinarEntered)}
    assert entered == {(WEBINAR, "a"): at(0), (OTHER_WEBINAR, "a"): at(1), (OTHER_WEBINAR, "b"): at(2)}
