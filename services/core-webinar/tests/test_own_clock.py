"""Core's own clock, and the trail that it and everybody else leaves."""

from datetime import timedelta
from uuid import uuid4

from contracts import (
    WebinarFinished,
    WebinarStatus,
)
from core_webinar import domain, repository
from core_webinar.domain import Authorship, Decision
from core_webinar.handlers import archive_old, stop_overrun
from core_webinar.recording import record
from core_webinar.testing import (
    COLLEAGUE,
    NOON,
    SPEAKER,
    audit,
    cta_command,
    planned,
    started,
    status_command,
    told,
    upsert_command,
    webinar,
)
from servicekit.testing import ServiceUnderTest

# --- Core's own clock -------------------------------------------------------------------------------------------------


async def test_core_stops_what_was_left_running(core: ServiceUnderTest) -> None:
    live = await started(core)
    paused = await started(core)
    async with core.database.work() as work:
        present = await repository.webinar_to_change(work, paused.webinar_id)
        assert present is not None
        await record(work, [domain.pause(present, work.now)], Authorship("system"))
    core.clock.advance(2 * 3600 - 1)
    await core.run(stop_overrun)
    assert core.said(WebinarFinished) == []
    core.clock.advance(1)
    await core.run(stop_overrun)
    await core.run(stop_overrun)
    ends = core.said(WebinarFinished)
    assert {end.webinar_id for end in ends} == {live.webinar_id, paused.webinar_id}
    assert {(end.context.source, end.context.reason, end.context.actor_id) for end in ends} == {
        ("system", "automatic", None)
    }
    assert {end.finished_at for end in ends} == {core.clock.now()}


async def test_the_automatic_stop_is_put_off(core: ServiceUnderTest) -> None:
    live = await started(core)
    core.clock.advance(110 * 60)
    later = told(await core.obey(upsert_command(live.webinar_id, overrun_minutes=120), actor=SPEAKER))
    assert live.automatic_stop_at is not None
    assert later.automatic_stop_at == live.automatic_stop_at + timedelta(hours=1)
    core.clock.advance(30 * 60)
    await core.run(stop_overrun)
    assert core.said(WebinarFinished) == []
    core.clock.advance(40 * 60)
    await core.run(stop_overrun)
    assert len(core.said(WebinarFinished)) == 1


async def test_a_job_waits_for_nobody_and_leaves_what_somebody_holds(core: ServiceUnderTest) -> None:
    held, free = await started(core), await started(core)
    core.clock.advance(3 * 3600)
    async with core.database.work() as work:
        assert await repository.webinar_to_change(work, held.webinar_id)
        await core.run(stop_overrun)
        assert [end.webinar_id for end in core.said(WebinarFinished)] == [free.webinar_id]
    await core.run(stop_overrun)
    assert [end.webinar_id for end in core.said(WebinarFinished)] == [held.webinar_id]


async def test_a_job_does_hundreds_in_one_go(core: ServiceUnderTest) -> None:
    live = [webinar(WebinarStatus.LIVE) for _ in range(250)]
    async with core.database.work() as work:
        await record(work, [Decision(None, each) for each in live], Authorship("system"))
    core.clock.set(NOON + timedelta(hours=3))
    await core.run(stop_overrun)
    assert len(core.said(WebinarFinished)) == 250
    core.clock.advance(30 * 24 * 3600)
    await core.run(archive_old)
    assert await core.database.pool.fetchval("select count(*) from webinar where status = 'archived'") == 250


# --- the audit trail --------------------------------------------------------------------------------------------------


async def test_the_audit_trail_says_who_changed_what_when_by_which_message(core: ServiceUnderTest) -> None:
    made = await planned(core)
    created = {row["field"]: row for row in await audit(core, made.webinar_id)}
    assert created["title"]["before"] is None
    assert created["title"]["after"] == "How to begin"
    assert created["scheduled_at"]["after"] == NOON.isoformat()

    core.clock.advance(60)
    by_message = uuid4()
    edit = upsert_command(made.webinar_id, title="Another", duration_minutes=90)
    after = told(await core.obey(edit, actor=COLLEAGUE, message_id=by_message))
    core.clock.set(NOON)
    await core.obey(status_command(made.webinar_id, "start", "all here"), actor=SPEAKER)
    core.clock.advance(4 * 3600)
    await core.run(stop_overrun)

    rows = [row for row in await audit(core, made.webinar_id) if row["version"] >= after.version]
    assert [(row["field"], row["before"], row["after"]) for row in rows[:2]] == [
        ("title", "How to begin", "Another"),
        ("duration_minutes", 60, 90),
    ]
    assert {(row["actor_id"], row["source"], row["message_id"], row["version"]) for row in rows[:2]} == {
        (COLLEAGUE.account_id, "desk", by_message, after.version)
    }
    assert rows[0]["changed_at"] == NOON - timedelta(minutes=59)
    assert [
        (row["field"], row["after"], row["actor_id"], row["reason"]) for row in rows[2:] if row["field"] == "status"
    ] == [
        ("status", "live", SPEAKER.account_id, "all here"),
        ("status", "finished", None, "automatic"),
    ]


async def test_what_changes_nothing_leaves_no_trace(core: ServiceUnderTest) -> None:
    live = await started(core)
    trail = await audit(core, live.webinar_id)
    await core.obey(status_command(live.webinar_id, "start"), actor=SPEAKER)
    await core.obey(cta_command(live.webinar_id, False), actor=SPEAKER)
    await core.obey(upsert_command(live.webinar_id, title=live.title), actor=SPEAKER)
    assert await audit(core, live.webinar_id) == trail
    assert core.said_topics() == []
