"""Commands, accounts and snapshots against a real database."""

import json
from typing import Any
from uuid import uuid4

import pytest
from contracts import (
    AccountEvent,
    Capability,
    Command,
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
from core_webinar import repository
from core_webinar.domain import SETTABLE
from core_webinar.handlers import archive_old, create_or_change, present_webinars, router, set_status
from core_webinar.settings import CoreWebinarSettings
from core_webinar.tables import CoreWebinarTable
from core_webinar.testing import (
    ADMIN,
    CANDIDATE,
    COLLEAGUE,
    NOON,
    PLANNED,
    SPEAKER,
    account_event,
    audit,
    code,
    cta_command,
    obeyed,
    planned,
    status_command,
    stored,
    told,
    upsert_command,
)
from servicekit.snapshots import announce_slices
from servicekit.testing import ServiceUnderTest, assert_migrations_match


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
    assert [(window.from_, window.to) for window in snapshots[-1].cta_windows] == [(NOON, None)]
    assert snapshots[:5] == [draft, published, live, shown, finished]
    [start] = core.said(WebinarStarted)
    assert (start.started_at, start.context.actor_id) == (NOON, SPEAKER.account_id)
    assert (start.context.source, start.context.reason) == ("desk", "ready")
    [end] = core.said(WebinarFinished)
    assert (end.finished_at, end.context.actor_id) == (finished.finished_at, COLLEAGUE.account_id)
    assert code(await core.obey(upsert_command(draft.webinar_id, title="x"))) is ErrorCode.LOCKED


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


async def test_a_value_that_makes_no_sense_is_looked_at_last(core: ServiceUnderTest) -> None:
    made = await planned(core)
    unknown, archived = uuid4(), (await planned(core, title="Over")).webinar_id
    await core.database.pool.execute("update webinar set status = 'archived' where webinar_id = $1", archived)
    odd: list[tuple[Command, dict[str, Any]]] = [
        (status_command(made.webinar_id, "start"), {"context": {"reason": "x" * 501}}),
        (status_command(made.webinar_id, "start"), {"context": "no object"}),
        (cta_command(made.webinar_id, True), {"visible": "perhaps"}),
        (upsert_command(made.webinar_id), {"expected_version": "abc", "title": "New"}),
        (upsert_command(made.webinar_id), {"action": ["publish"]}),
    ]
    for command, values in odd:
        for webinar_id, why in (
            (made.webinar_id, ErrorCode.INVALID_FIELD),
            (unknown, ErrorCode.NOT_FOUND),
            (archived, ErrorCode.LOCKED),
        ):
            body = json.loads(command.to_json()) | values | {"webinar_id": str(webinar_id)}
            assert code(await core.obey(command, actor=SPEAKER, body=json.dumps(body).encode())) is why, (values, why)
    word = json.loads(status_command(made.webinar_id, "start").to_json()) | {"status": 5}
    reply = await core.obey(status_command(made.webinar_id, "start"), body=json.dumps(word).encode())
    assert code(reply) is ErrorCode.STATUS_UNKNOWN
    assert core.said_topics() == []


async def test_no_value_of_any_field_is_more_than_a_clear_refusal(core: ServiceUnderTest) -> None:
    values: list[Any] = [None, "", "nul\x00", "x" * 20_000, 10**30, -1, 1.5, True, [], {"a": "\x00"}]
    for field in [*SETTABLE, "action", "status", "version", "unheard_of"]:
        for value in values:
            reply = await core.obey(upsert_command(**{field: value}), actor=ADMIN)
            expected = {ErrorCode.INVALID_FIELD, ErrorCode.STATUS_MUTATION_FORBIDDEN}
            assert reply.ok or code(reply) in expected, (field, value, reply.error)


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
