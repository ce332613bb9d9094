"""Twice, and at once: one outcome, whoever presses however often, and nobody overwrites anybody."""

import asyncio
from typing import Any
from uuid import uuid4

from contracts import (
    CommandReply,
    ErrorCode,
    WebinarEvent,
    WebinarFinished,
    WebinarStarted,
)
from core_webinar.domain import SETTABLE
from core_webinar.handlers import stop_overrun
from core_webinar.testing import (
    ADMIN,
    COLLEAGUE,
    NOON,
    PLANNED,
    SPEAKER,
    audit,
    code,
    cta_command,
    planned,
    started,
    status_command,
    stored,
    told,
    upsert_command,
)
from servicekit.testing import ServiceUnderTest

# --- twice and at once ------------------------------------------------------------------------------------------------


async def test_the_same_command_again_gets_the_first_outcome(core: ServiceUnderTest) -> None:
    wish, message_id = upsert_command(**PLANNED), uuid4()
    first = await core.obey(wish, actor=SPEAKER, message_id=message_id)
    core.clock.advance(60)
    assert await core.obey(wish, actor=SPEAKER, message_id=message_id) == first
    assert core.said(WebinarEvent) == [told(first)]
    assert await core.database.pool.fetchval("select count(*) from webinar") == 1

    start, message_id = status_command(told(first).webinar_id, "start"), uuid4()
    refused = await core.obey(start, actor=SPEAKER, message_id=message_id)
    assert code(refused) is ErrorCode.INVALID_START
    await core.obey(upsert_command(told(first).webinar_id, action="publish"), actor=SPEAKER)
    assert await core.obey(start, actor=SPEAKER, message_id=message_id) == refused


async def test_one_command_delivered_twice_at_once_is_one_webinar(core: ServiceUnderTest) -> None:
    wish, message_id = upsert_command(**PLANNED), uuid4()
    first, second = await asyncio.gather(*(core.obey(wish, actor=SPEAKER, message_id=message_id) for _ in range(2)))
    assert told(first) == told(second)
    assert core.said(WebinarEvent) == [told(first)]


async def test_a_form_sent_twice_makes_one_webinar(core: ServiceUnderTest) -> None:
    wish = upsert_command(uuid4(), expected_version=0, action="publish", **PLANNED)
    replies = await asyncio.gather(*(core.obey(wish, actor=SPEAKER) for _ in range(4)))
    assert len({told(reply).version for reply in replies}) == 1
    assert core.said(WebinarEvent) == [told(replies[0])]
    other = upsert_command(wish.webinar_id, expected_version=0, **PLANNED | {"title": "Another"})
    assert code(await core.obey(other, actor=SPEAKER)) is ErrorCode.VERSION_CONFLICT


async def test_two_starts_at_once_are_one_start(core: ServiceUnderTest) -> None:
    made = await planned(core)
    core.clock.set(NOON)
    wish = status_command(made.webinar_id, "start")
    replies = await asyncio.gather(*(core.obey(wish, actor=actor) for actor in (SPEAKER, COLLEAGUE, ADMIN)))
    assert len({told(reply) for reply in replies}) == 1
    assert len(core.said(WebinarStarted)) == 1
    assert len(core.said(WebinarEvent)) == 1
    statuses = [row for row in await audit(core, made.webinar_id) if row["field"] == "status"]
    assert [row["after"] for row in statuses] == ["scheduled", "live"]


async def test_start_and_stop_again_change_nothing(core: ServiceUnderTest) -> None:
    live = await started(core)
    core.clock.advance(600)
    assert told(await core.obey(status_command(live.webinar_id, "start"), actor=COLLEAGUE)) == live
    finished = told(await core.obey(status_command(live.webinar_id, "stop"), actor=SPEAKER))
    core.clock.advance(600)
    assert told(await core.obey(status_command(live.webinar_id, "stop"), actor=COLLEAGUE)) == finished
    assert core.said_topics() == ["webinar_event", "webinar_finished"]
    assert code(await core.obey(status_command(live.webinar_id, "start"))) is ErrorCode.INVALID_RESTART


async def test_two_stops_and_an_automatic_one_at_once_are_one_end(core: ServiceUnderTest) -> None:
    live = await started(core)
    core.clock.advance(2 * 3600)
    stop = status_command(live.webinar_id, "stop")
    first, second, _ = await asyncio.gather(
        core.obey(stop, actor=SPEAKER), core.obey(stop, actor=COLLEAGUE), core.run(stop_overrun)
    )
    assert told(first) == told(second)
    assert len(core.said(WebinarFinished)) == 1
    assert len(core.said(WebinarEvent)) == 1


async def test_a_hundred_people_pressing_everything_leave_growing_versions_and_clean_windows(
    core: ServiceUnderTest,
) -> None:
    made = await planned(core)
    core.clock.set(NOON)
    commands = [status_command(made.webinar_id, "start"), cta_command(made.webinar_id, True)]
    commands += [cta_command(made.webinar_id, False), status_command(made.webinar_id, "stop")]
    await asyncio.gather(*(core.obey(command, actor=SPEAKER) for command in commands * 6))
    snapshots = core.said(WebinarEvent)
    versions = [each.version for each in snapshots]
    assert len(versions) == len(set(versions))
    end = await stored(core, made.webinar_id)
    assert end.as_event() == max(snapshots, key=lambda each: each.version)
    assert len(end.on_air) <= 1


# --- whose change wins ------------------------------------------------------------------------------------------------


async def test_two_people_editing_different_fields_both_succeed(core: ServiceUnderTest) -> None:
    read = await planned(core)
    edits = [{"title": "Mine"}, {"description": "Yours"}, {"cta_text": "Theirs"}]
    replies = await asyncio.gather(
        *(core.obey(upsert_command(read.webinar_id, expected_version=read.version, **edit)) for edit in edits)
    )
    assert [reply.error for reply in replies] == [None] * 3
    present = (await stored(core, read.webinar_id)).as_event()
    assert (present.title, present.description, present.cta_text) == ("Mine", "Yours", "Theirs")


async def test_two_people_sending_the_whole_form_back_meet_only_where_both_edited(core: ServiceUnderTest) -> None:
    read = await planned(core, player_src="https://rutube.ru/play/embed/1")
    form = read.model_dump(mode="json", include=set(SETTABLE)) | {"scheduled_at": "2026-12-01T15:00"}

    async def send(**edits: Any) -> CommandReply:
        wish = upsert_command(read.webinar_id, expected_version=read.version, action="publish", **form | edits)
        return await core.obey(wish, actor=SPEAKER)

    moved = told(await send(scheduled_at="2026-12-01T16:00", player_src=""))
    both = told(await send(title="Edited in an old form"))
    assert (both.title, both.scheduled_at, both.player_src) == ("Edited in an old form", moved.scheduled_at, None)
    conflict = (await send(scheduled_at="2026-12-01T17:00")).error
    assert conflict is not None
    assert (conflict.code, conflict.field) == (ErrorCode.VERSION_CONFLICT, "scheduled_at")
    assert told(await send(scheduled_at="2026-12-01T16:00")) == both
