"""Builders for tests: webinars in every state, commands, accounts, and short ways to a decision or a live webinar."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from contracts import (
    CAPABILITIES,
    AccountEvent,
    CommandReply,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    ErrorCode,
    Role,
    StatusContext,
    WebinarEvent,
    WebinarStarted,
    WebinarStatus,
)
from servicekit import Actor, Obeyed
from servicekit.testing import ServiceUnderTest

from core_webinar import domain, repository
from core_webinar.domain import (
    CONTESTED,
    FRAME_HOSTS,
    Account,
    Decision,
    Refusal,
    Surroundings,
    Upsert,
    Webinar,
    Window,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
"""A Tuesday in winter, when Moscow is three hours ahead of UTC."""
YESTERDAY = NOON - timedelta(days=1)

ADMIN = Actor("admin-1", CAPABILITIES[Role.ADMIN])
SPEAKER = Actor("speaker-1", CAPABILITIES[Role.SPEAKER])
COLLEAGUE = Actor("speaker-2", CAPABILITIES[Role.SPEAKER])
CANDIDATE = Actor("candidate-1", CAPABILITIES[Role.CANDIDATE])
VERA = Account("speaker-2", 1, Role.SPEAKER, "Vera", active=True)

PLANNED: dict[str, Any] = {"title": "How to begin", "scheduled_at": "2026-12-01T15:00", "time_zone": "Europe/Moscow"}
"""What a form says that plans a webinar for noon."""


def webinar(status: WebinarStatus = WebinarStatus.SCHEDULED, **changes: Any) -> Webinar:
    """Return a webinar in that state, planned for noon and running since, as far as the state says so."""
    version = changes.pop("version", 1000)
    started = status not in {WebinarStatus.DRAFT, WebinarStatus.SCHEDULED}
    ended = status in {WebinarStatus.FINISHED, WebinarStatus.ARCHIVED}
    end = NOON + timedelta(minutes=60 if ended else 20)
    windows = (Window(NOON, None if status is WebinarStatus.LIVE else end),) if started else ()
    plain = Webinar(
        webinar_id=uuid4(),
        version=version,
        created_at=NOON - timedelta(days=7),
        owner_id=SPEAKER.account_id,
        speaker_id=SPEAKER.account_id,
        status=status,
        title="How to begin",
        scheduled_at=NOON,
        time_zone="Europe/Moscow",
        started_at=NOON if started else None,
        finished_at=end if ended else None,
        on_air=windows,
        field_versions=dict.fromkeys(CONTESTED, version),
    )
    return replace(plain, **changes)


def upsert_command(webinar_id: UUID | None = None, **said: Any) -> CoreWebinarUpsert:
    """Return the command with these fields beside `webinar_id`, `expected_version` and `action`."""
    return CoreWebinarUpsert.model_validate({"webinar_id": webinar_id, **said})


def status_command(webinar_id: UUID, word: str, reason: str | None = None) -> CoreWebinarSetStatus:
    """Return `start`, `stop` or another word."""
    return CoreWebinarSetStatus(webinar_id=webinar_id, status=word, context=StatusContext(source="desk", reason=reason))


def cta_command(webinar_id: UUID, visible: bool) -> CoreWebinarSetCtaVisibility:
    """Return the command that shows or hides the call to action."""
    return CoreWebinarSetCtaVisibility(webinar_id=webinar_id, visible=visible, context=StatusContext(source="desk"))


def account_event(account_id: str = "speaker-2", role: Role = Role.SPEAKER, **changes: Any) -> AccountEvent:
    """Return an active account of that role."""
    return AccountEvent(**{"account_id": account_id, "role": role, "display_name": "Vera", "version": 1} | changes)


def change(
    before: Webinar | None,
    *,
    now: datetime = YESTERDAY,
    former: dict[str, Any] | None = None,
    speaker: Account | None = VERA,
    action: str | None = None,
    expected_version: int | None = None,
    may_configure: bool = True,
    **changes: Any,
) -> Decision:
    """Return the decision on an upsert by speaker-1."""
    wish = Upsert(
        before.webinar_id if before else uuid4(),
        "speaker-1",
        may_configure=may_configure,
        changes=changes,
        expected_version=expected_version,
        action=action,
        is_named=before is not None or expected_version is not None,
    )
    return domain.upsert(before, wish, Surroundings(now, FRAME_HOSTS, speaker, former or {}))


def refusal(before: Webinar | None, **options: Any) -> tuple[ErrorCode, str | None]:
    """Return code and field of the refusal that an upsert gets."""
    try:
        change(before, **options)
    except Refusal as refused:
        return refused.code, refused.field
    raise AssertionError("it was not refused")


def told(reply: CommandReply) -> WebinarEvent:
    """Return the webinar of a reply that is ok."""
    if reply.webinar is None:
        raise AssertionError(reply.error)
    return reply.webinar


def code(reply: CommandReply) -> ErrorCode:
    """Return why a command was refused."""
    if reply.error is None:
        raise AssertionError("it was not refused")
    return reply.error.code


def obeyed(command: Any) -> Obeyed[Any]:
    """Return a command of the speaker as a handler gets it."""
    command = type(command).from_json(command.to_json())
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
    """Return the audit trail of a webinar, oldest first."""
    rows = await core.database.pool.fetch("select * from audit where webinar_id = $1 order by audit_id", webinar_id)
    return list(rows)


async def stored(core: ServiceUnderTest, webinar_id: UUID) -> Webinar:
    """Return a webinar as its row says."""
    async with core.database.work() as work:
        found = await repository.webinar_to_change(work, webinar_id)
    if found is None:
        raise AssertionError(f"there is no webinar {webinar_id}")
    return found
