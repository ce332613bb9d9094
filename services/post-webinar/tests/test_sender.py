"""The sender against the sandbox: real HTTP, every fault, the ledger afterwards."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from contracts import ChatLinkEvent, PostWebinarDelivery, PostWebinarFollowupControl, Role
from post_webinar.domain.allowance import TELEGRAMS_PACE, Allowance, Pace
from post_webinar.handlers import settle_due_deliveries
from post_webinar.main import create_service
from post_webinar.repository.claims import claim_next
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram import bot as bot_module
from post_webinar.telegram.bot import TokenRefusedError, make_bot
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.role import hold_the_bot
from post_webinar.telegram.sender import Sender
from post_webinar.testing import END, PAUL, QUICK, SPEAKER, ledger, link_chat, person, tell, verdict, webinar
from servicekit import Work
from servicekit.jobs import hold_role, lock_key
from servicekit.testing import ServiceUnderTest, eventually
from telegram_sandbox.faults import Fault
from telegram_sandbox.messenger import Chat
from telegram_sandbox.server import Sandbox

Reached = Callable[[], Awaitable[bool]]


@pytest.fixture
async def ended(service: ServiceUnderTest, sandbox: Sandbox) -> UUID:
    """A webinar whose follow-ups are due; `paul` is the partner of all."""
    event = webinar()
    await tell(service, event, PAUL)
    service.clock.advance(301)
    return event.webinar_id


async def candidate(
    service: ServiceUnderTest,
    sandbox: Sandbox,
    webinar_id: UUID,
    name: str = "anna",
    *,
    attended: bool = True,
    **changes: Any,
) -> Chat:
    """A candidate with a linked chat, classified, whose follow-up is due."""
    chat = sandbox.messenger.add_person(name, started=True)
    await service.receive(person(name, **({"partner_id": None} | changes)))
    await link_chat(service, name, chat.chat_id)
    await tell(service, verdict(webinar_id, name, attended=attended))
    return chat


async def with_chat(service: ServiceUnderTest, sandbox: Sandbox, account_id: str) -> Chat:
    chat = sandbox.messenger.add_person(account_id, started=True)
    await link_chat(service, account_id, chat.chat_id)
    return chat


def at_once(pace: Pace) -> Gate:
    """Return a gate through which something may go at once."""
    return Gate(Allowance(asyncio.get_running_loop().time() - 10, pace))


@asynccontextmanager
async def sending(
    service: ServiceUnderTest, settings: PostWebinarSettings, *, pace: Pace = QUICK, gate: Gate | None = None
) -> AsyncIterator[asyncio.Task[None]]:
    """A sender at work; it may send at once."""
    gate = gate or at_once(pace)
    async with make_bot(settings) as bot:
        task = asyncio.create_task(Sender(bot, service.database, settings, gate).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def states(service: ServiceUnderTest) -> dict[tuple[str, str], str]:
    return {(row["lead_id"], row["step"]): row["state"] for row in await ledger(service)}


def all_are(service: ServiceUnderTest, *wanted: str) -> Reached:
    async def reached() -> bool:
        return set((await states(service)).values()) <= set(wanted)

    return reached


async def test_a_due_message_is_sent_and_told_of(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    chat = await candidate(service, sandbox, ended, display_name="Anna <b>", locale="ru")
    service.said(PostWebinarDelivery)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"), what="sent")
    await service.collect()
    told = service.said(PostWebinarDelivery)
    assert [(one.state, one.attempts) for one in told] == [("sending", 1), ("sent", 1)]
    [entry] = chat.entries
    assert entry.text.startswith("Anna <b>, спасибо, что были на вебинаре «How to begin» (2 марта 2026, 14:00, Москва")
    assert "Вы смотрели 41 мин." in entry.text
    assert "https://webinars.example/account/contacts/" in entry.text
    [row] = await ledger(service)
    assert row["message_id"] == entry.message_id
    assert row["sent_at"] == service.clock.now()


async def test_who_pressed_finish_watched_at_least_so_long(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    """What they watched after the press is not in the verdict."""
    paul = await with_chat(service, sandbox, "paul")
    anna = sandbox.messenger.add_person("anna", started=True)
    await service.receive(person(locale="ru"))
    await link_chat(service, "anna", anna.chat_id)
    await tell(service, verdict(ended, watched_seconds=1200, reason="finish"))
    service.clock.advance(6)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"), what="sent")
    assert "Вы смотрели не меньше 20 мин." in anna.entries[0].text
    assert "• Anna: at least 20 min, counted as attended" in paul.entries[0].text


async def test_nothing_goes_before_it_is_due_nor_when_held(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings
) -> None:
    event = webinar()
    await tell(service, event)
    await candidate(service, sandbox, event.webinar_id)
    held = await candidate(service, sandbox, event.webinar_id, "boris")
    due = await candidate(service, sandbox, event.webinar_id, "vera")
    await service.database.pool.execute(
        "update delivery set state = 'held', due_at = now() - interval '1 year' where lead_id = 'boris'"
    )
    await service.database.pool.execute(
        "update delivery set due_at = due_at - interval '1 hour' where lead_id = 'vera'"
    )
    async with sending(service, settings):

        async def vera_has_hers() -> bool:
            return len(due.entries) == 1

        await eventually(vera_has_hers)
        await asyncio.sleep(0.5)
    assert [len(chat.entries) for chat in sandbox.messenger.chats.values()] == [0, 0, 1]
    assert held.entries == []


async def test_follow_up_and_recording_are_one_message_and_a_later_recording_another(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    boris = await candidate(service, sandbox, ended, "boris", attended=False)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"))
    await tell(service, webinar(ended, version=6, recording_url="https://video.example/1"))
    anna = await candidate(service, sandbox, ended, attended=False)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"))
    assert len(anna.entries) == 1
    assert "watched 41 min" in anna.entries[0].text
    assert "https://video.example/1" in anna.entries[0].text
    assert len(boris.entries) == 2
    assert boris.entries[1].text == "The recording of “How to begin”: https://video.example/1"
    assert len(await states(service)) == 4


async def test_a_partner_gets_one_notice_about_all_and_after_the_candidates(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    paul = await with_chat(service, sandbox, "paul")
    for name in ("anna", "boris", "vera"):
        await candidate(service, sandbox, ended, name, partner_id="paul", attended=name != "boris")
    # Due before the candidates, and still not first.
    await service.database.pool.execute("update delivery set due_at = $1 where step = 'partner_notice'", END)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"))
    assert [request.chat_id for request in sandbox.api.requests][-1] == paul.chat_id
    [notice] = paul.entries
    assert notice.text.splitlines()[1:4] == [
        "• Anna: 41 min, counted as attended",
        "• Vera: 41 min, counted as attended",
        "• Boris: 41 min, not counted as attended",
    ]
    assert "https://webinars.example/account/candidates/" in notice.text
    claims = {row["claim_id"] for row in await ledger(service) if row["step"] == "partner_notice"}
    assert len(claims) == 1


async def test_notices_due_within_a_minute_are_one_message_when_the_last_is_due(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings
) -> None:
    """Webinars end 30 and 75 s after the first; only what falls due within a minute of the first waits for."""
    paul = await with_chat(service, sandbox, "paul")
    names = {"anna": 0, "boris": 30, "vera": 75}
    for name, seconds in names.items():
        event = webinar(title=f"For {name}", finished_at=END + timedelta(seconds=seconds))
        await tell(service, PAUL, person(name), event, verdict(event.webinar_id, name))
    # What will not be sent waits for nothing, and nothing waits for it.
    over = webinar(title="Called off", finished_at=END + timedelta(seconds=45))
    await tell(service, over, verdict(over.webinar_id, "anna"))
    await service.obey(PostWebinarFollowupControl(action="cancel", webinar_id=over.webinar_id), actor=SPEAKER)

    service.clock.set(END + timedelta(seconds=300 + 29))
    async with service.database.work() as work:
        assert await claim_next(work, [], settings) is None
    service.clock.advance(1)
    async with sending(service, settings):

        async def has_one() -> bool:
            return len(paul.entries) == 1

        await eventually(has_one, what="both in one")
    assert [title in paul.entries[0].text for title in ("For anna", "For boris", "For vera")] == [True, True, False]

    service.clock.set(END + timedelta(seconds=300 + 89))
    async with service.database.work() as work:
        assert await claim_next(work, [], settings) is None
    service.clock.advance(1)
    async with service.database.work() as work:
        last = await claim_next(work, [], settings)
    assert last is not None
    assert "For vera" in last.text


async def test_a_straggler_s_notice_goes_a_minute_after_the_last(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    paul = await with_chat(service, sandbox, "paul")
    await candidate(service, sandbox, ended, partner_id="paul")
    service.clock.advance(6)
    async with sending(service, settings):
        await eventually(all_are(service, "sent"))
        await candidate(service, sandbox, ended, "boris", partner_id="paul")
        await candidate(service, sandbox, ended, "vera", partner_id="paul")
        await eventually(all_are(service, "sent", "planned"))
        service.clock.advance(54)
        await asyncio.sleep(0.5)
        assert len(paul.entries) == 1
        service.clock.advance(6)
        await eventually(all_are(service, "sent"))
    assert len(paul.entries) == 2
    assert paul.entries[1].text.count("•") == 2


@pytest.mark.parametrize(
    ("fault", "state", "reason"),
    [
        (Fault("400"), "failed", "Bad Request: chat not found"),
        (Fault("403"), "blocked", "Forbidden: bot was blocked by the user"),
        (Fault("500"), "uncertain", "Internal Server Error"),
        (Fault("502", applied=True), "uncertain", "Bad Gateway"),
        (Fault("reset"), "uncertain", None),
        (Fault("silence", applied=True), "uncertain", None),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
async def test_each_failure_has_its_state_and_is_not_tried_again(
    service: ServiceUnderTest,
    sandbox: Sandbox,
    settings: PostWebinarSettings,
    ended: UUID,
    fault: Fault,
    state: str,
    reason: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bot_module, "REQUEST_SECONDS", 1.0)
    await candidate(service, sandbox, ended)
    sandbox.api.faults.waiting.append(fault)
    service.said(ChatLinkEvent)
    async with sending(service, settings):
        await eventually(all_are(service, state), what=state)
        await asyncio.sleep(0.4)
    assert len(sandbox.api.requests) == 1
    [row] = await ledger(service)
    assert (row["state"], row["attempts"]) == (state, 1)
    assert row["reason"] == reason if reason else row["reason"]
    await service.collect()
    assert [link.blocked for link in service.said(ChatLinkEvent)] == ([True] if state == "blocked" else [])


async def test_a_chat_that_blocked_the_bot_is_not_written_to_again(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    chat = await candidate(service, sandbox, ended)
    sandbox.messenger.set_blocked(chat, True)
    async with sending(service, settings):
        await eventually(all_are(service, "blocked"))
        other = webinar()
        await tell(service, other, verdict(other.webinar_id))
        service.clock.advance(301)
        await service.run(settle_due_deliveries)
    assert [row["state"] for row in await ledger(service)] == ["blocked", "blocked"]
    assert len(sandbox.api.requests) == 1


async def test_too_many_requests_make_the_whole_sender_wait(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    for name in ("anna", "boris", "vera"):
        await candidate(service, sandbox, ended, name)
    sandbox.api.faults.waiting.append(Fault("429", retry_after=2))
    async with sending(service, settings):
        await eventually(all_are(service, "sent"), what="all sent in the end")
    refused, *later = sandbox.api.requests
    assert refused.outcome == 429
    # One more may have been under way when the first was refused.
    assert sum(one.clock < refused.clock + 2 for one in later) <= 1
    assert [one.outcome for one in later] == [200] * 3
    assert max(row["attempts"] for row in await ledger(service)) == 2


async def test_a_connection_that_is_never_made_leaves_the_message_planned(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    chat = await candidate(service, sandbox, ended)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free_port = taken.getsockname()[1]
    gate = at_once(QUICK)
    nowhere = settings.model_copy(update={"telegram_api_url": f"http://127.0.0.1:{free_port}"})
    async with sending(service, nowhere, gate=gate):

        async def tried() -> bool:
            return bool((await ledger(service))[0]["reason"])

        await eventually(tried, what="tried")
    [row] = await ledger(service)
    assert (row["state"], row["reason"]) == ("planned", "telegram_not_reached")
    async with sending(service, settings, gate=gate):
        await eventually(all_are(service, "sent"))
    assert len(chat.entries) == 1


@pytest.mark.parametrize("status", ["401", "404"])
async def test_a_refused_token_stops_the_sender_and_changes_no_row(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID, status: str
) -> None:
    await candidate(service, sandbox, ended)
    await candidate(service, sandbox, ended, "boris")
    before = [(row["state"], row["attempts"], row["reason"]) for row in await ledger(service)]
    sandbox.api.faults.waiting.append(Fault(status, count=10))
    async with sending(service, settings) as sender:
        with pytest.raises(TokenRefusedError):
            await asyncio.wait_for(asyncio.shield(sender), 5)
    assert [(row["state"], row["attempts"], row["reason"]) for row in await ledger(service)] == before
    assert len(sandbox.api.requests) <= 2


async def test_a_silent_chat_keeps_nobody_else_waiting(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    silent = await candidate(service, sandbox, ended)
    sandbox.api.faults.waiting.append(Fault("silence", chat_id=silent.chat_id))
    others = [await candidate(service, sandbox, ended, name) for name in ("boris", "vera")]
    async with sending(service, settings):
        await eventually(all_are(service, "sent", "sending"))
        await asyncio.wait_for(_all_have_one(others), 5)
        assert (await states(service))["anna", "attended"] == "sending"


async def _all_have_one(chats: list[Chat]) -> None:
    while not all(chat.entries for chat in chats):
        await asyncio.sleep(0.02)


async def test_a_late_answer_corrects_what_was_uncertain(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    chat = await candidate(service, sandbox, ended)
    sandbox.api.faults.waiting.append(Fault("delay", seconds=1.0))
    async with sending(service, settings):

        async def on_its_way() -> bool:
            return (await states(service))["anna", "attended"] == "sending"

        await eventually(on_its_way)
        await service.database.pool.execute("update delivery set state = 'uncertain'")
        await eventually(all_are(service, "sent"), what="corrected")
    assert len(chat.entries) == 1


async def test_a_sender_that_is_stopped_still_writes_down_the_answers_under_way(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    await candidate(service, sandbox, ended)
    sandbox.api.faults.waiting.append(Fault("delay", seconds=0.5))
    async with sending(service, settings):

        async def on_its_way() -> bool:
            return bool(sandbox.api.requests)

        await eventually(on_its_way)
    assert await states(service) == {("anna", "attended"): "sent"}


async def test_a_claim_that_is_committed_while_the_sender_is_stopped_is_handed_back(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    await candidate(service, sandbox, ended)
    committed, left = asyncio.Event(), asyncio.Event()
    original = service.database.work

    @asynccontextmanager
    async def work() -> AsyncIterator[Work]:
        """The way back from a commit takes time, too: the connection is cleaned before others get it."""
        async with original() as found:
            yield found
        if not committed.is_set():
            committed.set()
            await left.wait()

    service.database.work = work  # type: ignore[method-assign]
    async with sending(service, settings) as sender:
        await asyncio.wait_for(committed.wait(), 5)
        assert await states(service) == {("anna", "attended"): "sending"}
        sender.cancel()
        left.set()
    [row] = await ledger(service)
    assert (row["state"], row["attempts"]) == ("planned", 0)
    assert sandbox.api.requests == []


async def test_of_two_senders_one_sends_and_the_other_goes_on_when_the_lock_is_lost(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    chats = [sandbox.messenger.add_person(f"lead-{number:02}", started=True) for number in range(40)]
    await service.receive(*(person(chat.name, partner_id=None) for chat in chats))
    for chat in chats:
        await link_chat(service, chat.name, chat.chat_id)
    await tell(service, *(verdict(ended, chat.name) for chat in chats))

    async def be_the_bot() -> None:
        await hold_the_bot(service.database, settings, TELEGRAMS_PACE)

    senders = [asyncio.create_task(hold_role(service.database, be_the_bot, "telegram")) for _ in range(2)]
    try:
        await eventually(lambda: _reached(len(sandbox.api.requests) >= 10), what="the middle of the burst")
        pids = await service.database.pool.fetch(
            "select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted and objid = $1 "
            "and database = (select oid from pg_database where datname = current_database())",
            lock_key("telegram"),
        )
        lost_at = time.monotonic()
        assert len(pids) == 1
        await eventually(all_are(service, "sent"), what="all sent", seconds=20)
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
    assert [len(chat.entries) for chat in chats] == [1] * len(chats)
    arrivals = [request.clock - lost_at for request in sandbox.api.requests]
    assert len(arrivals) == len(chats)
    # The new one waits for the old to hear of it, and then a second more: its allowance is empty.
    assert [at for at in arrivals if 0.5 < at < 2] == []


async def _reached(holds: bool) -> bool:
    return holds


async def test_no_more_than_30_a_second_and_one_a_second_per_chat(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    """By the service as it is put together for an operator."""
    crowd = [sandbox.messenger.add_person(f"lead-{number:03}", started=True) for number in range(60)]
    await service.receive(*(person(chat.name, partner_id=None) for chat in crowd))
    for chat in crowd:
        await link_chat(service, chat.name, chat.chat_id)
    # Two webinars: each person has two messages due.
    other = webinar(UUID(int=7), title="Second")
    await tell(service, other)
    for webinar_id in (ended, other.webinar_id):
        await tell(service, *(verdict(webinar_id, chat.name) for chat in crowd[:20]))
    await tell(service, *(verdict(ended, chat.name) for chat in crowd[20:]))
    [pace] = [part for part in create_service(settings).parts if isinstance(part, Pace)]
    async with sending(service, settings, pace=pace):
        await eventually(all_are(service, "sent"), seconds=30)
    arrivals = [(request.clock, request.chat_id) for request in sandbox.api.requests]
    assert len(arrivals) == 80
    for start, _ in arrivals:
        within = [chat_id for at, chat_id in arrivals if start <= at < start + 1]
        assert len(within) <= 30
        assert len(set(within)) == len(within)


async def test_a_partner_who_took_part_comes_after_nobody(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, ended: UUID
) -> None:
    paul = await with_chat(service, sandbox, "paul")
    await tell(service, person("paul", Role.PARTNER, version=2), verdict(ended, "paul"))
    async with sending(service, settings):
        await eventually(all_are(service, "sent"))
    assert "thank you for being at the webinar" in paul.entries[0].text
