"""Commands against a real database: one outcome, one row, one trace, whoever presses however often."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    AccountEvent,
    Capability,
    Command,
    CommandReply,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    CtaVisibility,
    ErrorCode,
    Role,
    SnapshotRequested,
    WebinarEvent,
    WebinarFinished,
    WebinarStarted,
    WebinarStatus,
)
from contracts.topology import TOPICS
from core_webinar import domain, repository
from core_webinar.domain import SETTABLE, Authorship, Decision
from core_webinar.handlers import archive_old, create_or_change, present_webinars, router, set_status, stop_overrun
from core_webinar.recording import record
from core_webinar.settings import CoreWebinarSettings
from core_webinar.tables import CoreWebinarTable
from core_webinar.testing import (
    ADMIN,
    CANDIDATE,
    COLLEAGUE,
    NOON,
    SPEAKER,
    account_event,
    cta_command,
    status_command,
    upsert_command,
    webinar,
)
from servicekit import Obeyed
from servicekit.snapshots import announce_slices
from servicekit.testing import ServiceUnderTest, assert_migrations_match

PLANNED: dict[str, Any] = {"title": "How to begin", "scheduled_at": "2026-12-01T15:00", "time_zone": "Europe/Moscow"}


def told(reply: CommandReply) -> WebinarEvent:
    """Return the webinar of a reply that is ok."""
    assert reply.error is None, reply.error
    assert reply.webinar is not None
    return reply.webinar


def code(reply: CommandReply) -> ErrorCode:
    """Return why a command was refused."""
    assert reply.error is not None
    return reply.error.code


def obeyed(command: Any) -> Obeyed[Any]:
    """Return a command of the speaker as a handler gets it."""
    return Obeyed(command, SPEAKER, uuid4(), str(uuid4()), NOON, NOON)


async def planned(core: ServiceUnderTest, **fields: Any) -> WebinarEvent:
    """Return a published webinar, noon, with everything said about it forgotten."""
    made = told(await core.obey(upsert_command(action="publish", **PLANNED | fields), actor=SPEAKER))
    core.said(WebinarEvent)
    return made


async def started(core: ServiceUnderTest, **fields: Any) -> WebinarEvent:
    """Return a webinar that is live since noon."""
    made = await planned(core, **fields)
    core.clock.set(NOON)
    live = told(await core.obey(status_command(made.webinar_id, "start"), actor=SPEAKER))
    core.said(WebinarEvent)
    core.said(WebinarStarted)
    return live


async def audit(core: ServiceUnderTest, webinar_id: UUID) -> list[Any]:
    rows = await core.database.pool.fetch("select * from audit where webinar_id = $1 order by audit_id", webinar_id)
    return list(rows)


async def test_migrations_match_the_tables(core: ServiceUnderTest) -> None:
    await assert_migrations_match(core, CoreWebinarTable.metadata)


def test_it_handles_all_that_the_topology_says_it_hears() -> None:
    heard = {each.message for each in router.hearings} | {each.message for each in router.obeyings}
    assert heard | {each.message for each in TOPICS if each.name == "snapshot_requested"} == {
        each.message for each in TOPICS if "core-webinar" in each.heard_by
    }


# --- the story of a webinar -------------------------------------------------------------------------------------------


async def test_a_webinar_from_draft_to_archive(core: ServiceUnderTest) -> None:
    message_id = uuid4()
    draft = told(await core.obey(upsert_command(title="How to begin"), actor=SPEAKER, message_id=message_id))
    assert (draft.status, draft.owner_id) == (WebinarStatus.DRAFT, SPEAKER.account_id)
    published = told(
        await core.obey(
            upsert_command(draft.webinar_id, expected_version=draft.version, action="publish", **PLANNED), actor=SPEAKER
        )
    )
    assert (published.status, published.scheduled_at) == (WebinarStatus.SCHEDULED, NOON)
    core.clock.set(NOON)
    live = told(await core.obey(status_command(draft.webinar_id, "start", "ready"), actor=SPEAKER))
    assert (live.status, live.started_at) == (WebinarStatus.LIVE, NOON)
    shown = told(await core.obey(cta_command(draft.webinar_id, True), actor=SPEAKER))
    assert shown.cta_visibility is CtaVisibility.VISIBLE
    core.clock.advance(3600)
    finished = told(await core.obey(status_command(draft.webinar_id, "stop"), actor=COLLEAGUE))
    assert finished.status is WebinarStatus.FINISHED
    core.clock.advance(30 * 24 * 3600 - 1)
    await core.run(archive_old)
    assert (await stored(core, draft.webinar_id)).status is WebinarStatus.FINISHED
    core.clock.advance(1)
    await core.run(archive_old)

    snapshots = core.said(WebinarEvent)
    assert [each.status.value for each in snapshots] == ["draft", "scheduled", "live", "live", "finished", "archived"]
    assert [each.version for each in snapshots] == sorted({each.version for each in snapshots})
    assert snapshots[:5] == [draft, published, live, shown, finished]
    [start] = core.said(WebinarStarted)
    assert (start.started_at, start.context.actor_id) == (NOON, SPEAKER.account_id)
    assert (start.context.source, start.context.reason) == ("desk", "ready")
    [end] = core.said(WebinarFinished)
    assert (end.finished_at, end.context.actor_id) == (finished.finished_at, COLLEAGUE.account_id)
    assert code(await core.obey(upsert_command(draft.webinar_id, title="x"))) is ErrorCode.LOCKED


async def stored(core: ServiceUnderTest, webinar_id: UUID) -> Any:
    async with core.database.work() as work:
        return await repository.webinar_to_change(work, webinar_id)


async def test_every_field_is_stored_and_told(core: ServiceUnderTest) -> None:
    await core.receive(account_event("speaker-2"))
    fields: dict[str, Any] = {
        "title": "Всё сразу",
        "description": "One\ntwo",
        "speaker_id": "speaker-2",
        "time_zone": "Asia/Almaty",
        "scheduled_at": "2026-12-03T10:00:00.250000Z",
        "duration_minutes": 90,
        "poster_url": "https://example.org/poster.jpg",
        "recording_url": "https://example.org/recording",
        "stream_type": "zoom",
        "player_src": "https://us02web.zoom.us/j/1",
        "chat_src": "https://www.youtube.com/live_chat?v=1",
        "cta_text": "Come along",
        "cta_link": "/account/contacts/",
        "completion_percent": 50,
        "overrun_minutes": 120,
    }
    made = told(await core.obey(upsert_command(**fields), actor=ADMIN))
    assert made.model_dump(mode="json").items() >= fields.items()
    assert core.said(WebinarEvent) == [made]
    assert (await stored(core, made.webinar_id)).as_event() == made


async def test_messages_carry_the_commands_id_before_the_start_and_the_webinars_from_then_on(
    core: ServiceUnderTest,
) -> None:
    made = await planned(core)
    cancel = obeyed(upsert_command(made.webinar_id, action="cancel"))
    restore = obeyed(upsert_command(made.webinar_id, action="restore"))
    start, stop = (obeyed(status_command(made.webinar_id, word)) for word in ("start", "stop"))
    settings = core.service.settings
    assert isinstance(settings, CoreWebinarSettings)
    async with core.database.work() as work:
        await create_or_change(cancel, work, settings=settings)
        await create_or_change(restore, work, settings=settings)
        await set_status(start, work)
        await set_status(stop, work)
        announced = [(each.event.topic, each.correlation_id, each.causation_id) for each in work.announced]
    own = str(made.webinar_id)
    assert announced == [
        ("webinar_event", str(cancel.message_id), cancel.message_id),
        ("webinar_event", str(restore.message_id), restore.message_id),
        ("webinar_event", own, start.message_id),
        ("webinar_started", own, start.message_id),
        ("webinar_event", own, stop.message_id),
        ("webinar_finished", own, stop.message_id),
    ]


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [upsert_command(uuid4(), expected_version=1), status_command(uuid4(), "start"), cta_command(uuid4(), True)],
    ids=lambda command: command.topic,
)
async def test_every_command_answers_for_rights_and_for_what_is_not_there(core: ServiceUnderTest, command: Any) -> None:
    assert code(await core.obey(command, actor=CANDIDATE)) is ErrorCode.FORBIDDEN
    assert code(await core.obey(command, actor=SPEAKER)) is ErrorCode.NOT_FOUND
    assert core.said_topics() == []


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (CoreWebinarUpsert, Capability.WEBINAR_MANAGE),
        (CoreWebinarSetStatus, Capability.WEBINAR_MANAGE_STATUS),
        (CoreWebinarSetCtaVisibility, Capability.WEBINAR_MANAGE_CTA),
    ],
)
def test_each_command_asks_for_its_own_right(command: type[Command], needed: Capability) -> None:
    [obeying] = [each for each in router.obeyings if each.message is command]
    assert obeying.requires is needed


async def test_only_who_may_configure_sets_the_platform(core: ServiceUnderTest) -> None:
    made = await planned(core)
    wish = upsert_command(made.webinar_id, stream_type="zoom")
    assert code(await core.obey(wish, actor=SPEAKER)) is ErrorCode.FORBIDDEN
    assert told(await core.obey(wish, actor=ADMIN)).stream_type.value == "zoom"


async def test_a_command_past_its_deadline_changes_nothing(core: ServiceUnderTest) -> None:
    made = await planned(core)
    assert (
        code(await core.obey(status_command(made.webinar_id, "start"), actor=SPEAKER, seconds=-1)) is ErrorCode.EXPIRED
    )
    assert (await stored(core, made.webinar_id)).status is WebinarStatus.SCHEDULED


async def test_a_refused_command_changes_and_says_nothing(core: ServiceUnderTest) -> None:
    made = await planned(core)
    before = await stored(core, made.webinar_id)
    trail = await audit(core, made.webinar_id)
    refused = await core.obey(upsert_command(made.webinar_id, title="New", cta_text="x" * 81), actor=SPEAKER)
    assert refused.error is not None
    assert (refused.error.code, refused.error.field) == (ErrorCode.INVALID_FIELD, "cta_text")
    assert code(await core.obey(status_command(made.webinar_id, "explode"))) is ErrorCode.STATUS_UNKNOWN
    assert await stored(core, made.webinar_id) == before
    assert await audit(core, made.webinar_id) == trail
    assert core.said_topics() == []


async def test_a_reason_that_cannot_be_stored_is_refused(core: ServiceUnderTest) -> None:
    made = await planned(core)
    assert code(await core.obey(status_command(made.webinar_id, "start", "nul\x00"))) is ErrorCode.INVALID_FIELD
    assert (await stored(core, made.webinar_id)).status is WebinarStatus.SCHEDULED


async def test_no_value_of_any_field_is_more_than_a_clear_refusal(core: ServiceUnderTest) -> None:
    values: list[Any] = [None, "", "nul\x00", "x" * 20_000, 10**30, -1, 1.5, True, [], {"a": "\x00"}]
    for field in [*SETTABLE, "action", "status", "version", "unheard_of"]:
        for value in values:
            if field == "action" and not isinstance(value, str):
                continue
            reply = await core.obey(upsert_command(**{field: value}), actor=ADMIN)
            expected = {ErrorCode.INVALID_FIELD, ErrorCode.STATUS_MUTATION_FORBIDDEN}
            assert reply.ok or code(reply) in expected, (field, value, reply.error)


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


# --- accounts and snapshots -------------------------------------------------------------------------------------------


async def test_a_speaker_is_known_by_the_accounts_heard_of(core: ServiceUnderTest) -> None:
    made = await planned(core)
    wish = upsert_command(made.webinar_id, speaker_id="speaker-2")
    assert code(await core.obey(wish, actor=SPEAKER)) is ErrorCode.INVALID_FIELD
    await core.receive(account_event("speaker-2", version=2), account_event("someone", Role.CANDIDATE))
    assert told(await core.obey(wish, actor=SPEAKER)).speaker_id == "speaker-2"


async def test_of_an_account_the_highest_version_stays(core: ServiceUnderTest) -> None:
    newest = account_event("speaker-2", version=3, active=False)
    older = account_event("speaker-2", version=2, display_name="Before")
    await core.receive(newest)
    await core.receive(newest, older)
    await core.receive(older)
    async with core.database.work() as work:
        known = await repository.account(work, "speaker-2")
    assert known is not None
    assert (known.version, known.display_name, known.active) == (3, "Vera", False)


async def test_a_deactivated_account_commands_nothing(core: ServiceUnderTest) -> None:
    made = await planned(core)
    commands = [upsert_command(made.webinar_id, title="x"), status_command(made.webinar_id, "start")]
    commands += [cta_command(made.webinar_id, True), upsert_command(title="New")]
    await core.receive(account_event(SPEAKER.account_id, version=1, active=False))
    for command in commands:
        assert code(await core.obey(command, actor=SPEAKER)) is ErrorCode.UNAUTHENTICATED
    assert core.said_topics() == []
    await core.receive(account_event(SPEAKER.account_id, version=2, active=True))
    assert (await core.obey(commands[0], actor=SPEAKER)).ok


async def test_an_empty_service_asks_for_accounts() -> None:
    assert router.needed_snapshots == {AccountEvent: "account"}


async def test_snapshots_are_announced_again_for_who_asks(core: ServiceUnderTest) -> None:
    made = [await planned(core) for _ in range(3)]
    async with core.database.work() as work:
        keys = [key for key, _ in await present_webinars(work, "", 2)]
        assert len(keys) == 2
        rest = await present_webinars(work, keys[-1], 2)
        assert await present_webinars(work, rest[-1][0], 2) == []
    assert keys + [key for key, _ in rest] == sorted(str(each.webinar_id) for each in made)

    await core.receive(SnapshotRequested(topic_name="webinar_event"))
    await core.run(announce_slices(router.owned_snapshots))
    assert sorted(each.webinar_id for each in core.said(WebinarEvent)) == sorted(each.webinar_id for each in made)
