"""The bot as people meet it: the whole role against the sandbox."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from contracts import CAPABILITIES, ChatLinkEvent, ChatLinkRequested, PostWebinarDelivery, Role
from post_webinar.domain.allowance import Allowance, Pace
from post_webinar.handlers import settle_due_deliveries
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram import role as role_module
from post_webinar.telegram.bot import make_bot
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.poller import Poller
from post_webinar.telegram.role import hold_the_bot
from post_webinar.testing import PAUL, QUICK, ledger, link_chat, newest, person, tell, verdict, webinar
from servicekit import Actor
from servicekit.testing import ServiceUnderTest, eventually
from telegram_sandbox.faults import Fault
from telegram_sandbox.messenger import Chat, Entry
from telegram_sandbox.server import Sandbox


@pytest.fixture
def pace() -> Pace:
    """How fast the bot may write."""
    return QUICK


@pytest.fixture
async def bot(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, pace: Pace
) -> AsyncIterator[asyncio.Task[None]]:
    """The role at work, ready to be written to; `anna` (English) and `paul` have accounts."""
    await service.receive(person(), PAUL)
    task = asyncio.create_task(hold_the_bot(service.database, settings, pace))
    await eventually(bot_is_known(service), what="the bot is known")
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def bot_is_known(service: ServiceUnderTest, known: bool = True) -> Any:
    async def reached() -> bool:
        row = await service.database.pool.fetchrow("select username from bot")
        return row is not None and (row["username"] is not None) is known

    return reached


async def address(service: ServiceUnderTest, account_id: str = "anna") -> str:
    actor = Actor(account_id, CAPABILITIES[Role.CANDIDATE])
    reply = await service.obey(ChatLinkRequested(account_id=account_id), actor=actor)
    assert reply.address, reply
    return reply.address


async def said(chat: Chat, count: int) -> list[Entry]:
    """What the bot has said, once it has said so much."""
    async with asyncio.timeout(10):
        while len(found := [entry for entry in chat.entries if entry.sender == "bot"]) < count:
            await asyncio.sleep(0.02)
    return found


async def pressed(sandbox: Sandbox, chat: Chat, label: str) -> str:
    """Press a button; returns what the message with it became."""
    entry = chat.entries[-1]
    sandbox.messenger.press(chat, label)
    async with asyncio.timeout(10):
        while entry.edited_at is None:
            await asyncio.sleep(0.02)
    assert entry.buttons == []
    return entry.text


async def linked(service: ServiceUnderTest, sandbox: Sandbox, account_id: str = "anna") -> Chat:
    chat = sandbox.messenger.add_person(account_id)
    sandbox.messenger.say(chat, await address(service, account_id))
    await said(chat, 1)
    await pressed(sandbox, chat, "Yes, link it")
    await service.collect()
    return chat


async def test_a_person_comes_by_the_link_is_asked_and_is_linked(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = sandbox.messenger.add_person("Anna")
    sandbox.messenger.say(chat, await address(service))
    [question] = await said(chat, 1)
    assert "Link this chat to the account “Anna”?" in question.text
    assert service.said(ChatLinkEvent) == []

    assert "Done: the chat is linked to the account “Anna”" in await pressed(sandbox, chat, "Yes, link it")
    await service.collect()
    [event] = service.said(ChatLinkEvent)
    assert (event.account_id, event.linked, event.blocked) == ("anna", True, False)
    assert "chat_id" not in event.model_dump()
    assert {command["command"] for command in sandbox.messenger.commands} == {"start", "stop"}


async def test_who_declines_is_not_linked_and_the_link_is_used_up(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = sandbox.messenger.add_person("Anna")
    link = await address(service)
    sandbox.messenger.say(chat, link)
    await said(chat, 1)
    assert await pressed(sandbox, chat, "No") == "All right, the chat is not linked."
    sandbox.messenger.say(chat, link)
    assert "used already or is too old" in (await said(chat, 2))[1].text
    await service.collect()
    assert service.said(ChatLinkEvent) == []


async def test_a_link_works_once_for_15_minutes_and_for_the_first_chat_alone(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    anna, eve = sandbox.messenger.add_person("Anna"), sandbox.messenger.add_person("Eve", language="en")
    link = await address(service)
    sandbox.messenger.say(anna, link)
    await said(anna, 1)
    sandbox.messenger.say(eve, link)
    assert "used already or is too old" in (await said(eve, 1))[0].text
    eve.language = "ru"
    sandbox.messenger.say(eve, "/start made-up-token")
    assert "устарела" in (await said(eve, 2))[1].text, "the person's own language where no account is known"

    service.clock.advance(15 * 60)
    assert "used already or is too old" in await pressed(sandbox, anna, "Yes, link it")
    sandbox.messenger.say(anna, link)
    assert "used already or is too old" in (await said(anna, 2))[1].text
    await service.collect()
    assert service.said(ChatLinkEvent) == []


async def test_a_press_of_another_chat_s_button_does_nothing(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    anna, eve = (sandbox.messenger.add_person(name) for name in ("Anna", "Eve"))
    sandbox.messenger.say(anna, await address(service))
    [question] = await said(anna, 1)
    sandbox.messenger.say(eve, "hello")
    [greeting] = await said(eve, 1)
    for pressed_data in (question.buttons[0][0]["callback_data"], "link:yes:zz", "link:yes:", "nonsense"):
        greeting.buttons = [[{"text": "Yes", "callback_data": pressed_data}]]
        sandbox.messenger.press(eve, "Yes")

        async def acknowledged() -> bool:
            return not sandbox.messenger.queries

        await eventually(acknowledged)
    await service.collect()
    assert service.said(ChatLinkEvent) == []
    assert greeting.edited_at is None


async def test_stop_unlinks_and_start_explains(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = await linked(service, sandbox)
    sandbox.messenger.say(chat, "/start")
    assert "is linked to the account “Anna”" in (await said(chat, 2))[1].text
    sandbox.messenger.say(chat, "/stop")
    stopped = (await said(chat, 3))[2].text
    assert "No more messages" in stopped
    assert "https://webinars.example/account/" in stopped
    await service.collect()
    on, off = service.said(ChatLinkEvent)
    assert (on.linked, off.linked) == (True, False)
    assert off.version > on.version
    sandbox.messenger.say(chat, "/stop")
    assert "ни с кем не связан" in (await said(chat, 4))[3].text


async def test_an_account_has_one_chat_and_a_chat_one_account(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    first = await linked(service, sandbox)
    service.said(ChatLinkEvent)
    second = await linked(service, sandbox)
    assert "linked to another chat now" in (await said(first, 2))[1].text
    [moved] = service.said(ChatLinkEvent)
    assert (moved.account_id, moved.linked) == ("anna", True)

    sandbox.messenger.say(second, await address(service, "paul"))
    question = (await said(second, 2))[1]
    assert "account “Paul”?" in question.text
    assert "linked to the account “Anna” now; that link will end" in question.text
    await pressed(sandbox, second, "Yes, link it")
    await service.collect()
    assert {(one.account_id, one.linked) for one in service.said(ChatLinkEvent)} == {("anna", False), ("paul", True)}
    rows = await service.database.pool.fetch("select account_id, chat_id from chat_link order by account_id")
    assert [tuple(row) for row in rows] == [("anna", None), ("paul", second.chat_id)]


async def test_a_second_link_in_the_same_chat_moves_nothing(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    """Both were opened before the first was accepted."""
    chat = sandbox.messenger.add_person("Anna")
    for count in (1, 2, 3):
        sandbox.messenger.say(chat, await address(service))
        await said(chat, count)
    questions = await said(chat, 3)
    for question, button in zip(questions, (0, 0, 1), strict=True):
        sandbox.messenger.press(chat, question.buttons[0][button]["callback_data"])

        async def edited(entry: Entry = question) -> bool:
            return entry.edited_at is not None

        await eventually(edited)
    assert ["Done: the chat is linked" in question.text for question in questions] == [True, True, False]
    assert questions[2].text.startswith("This chat is linked to the account “Anna”")
    assert len(await said(chat, 3)) == 3


async def test_who_links_late_gets_what_waited(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    ended = webinar()
    await tell(service, ended, verdict(ended.webinar_id))
    service.clock.advance(3600)
    await service.run(settle_due_deliveries)
    assert set(newest(service.said(PostWebinarDelivery)).values()) == {"not_linked"}
    chat = await linked(service, sandbox)
    assert "thank you for being at the webinar" in (await said(chat, 2))[1].text


async def test_blocking_and_letting_write_again_is_told(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = await linked(service, sandbox)
    service.said(ChatLinkEvent)
    for blocked in (True, False):
        sandbox.messenger.set_blocked(chat, blocked)

        async def told(wanted: bool = blocked) -> bool:
            return bool(await service.database.pool.fetchval("select blocked from chat_link")) is wanted

        await eventually(told)
    await service.collect()
    assert [(one.linked, one.blocked) for one in service.said(ChatLinkEvent)] == [(True, True), (True, False)]


async def test_an_account_that_is_deactivated_meanwhile_is_not_linked(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = sandbox.messenger.add_person("Anna")
    sandbox.messenger.say(chat, await address(service))
    await said(chat, 1)
    await service.receive(person(version=2, active=False))
    assert "used already or is too old" in await pressed(sandbox, chat, "Yes, link it")


async def test_troubles_of_polling_and_answering_pass(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    sandbox.api.faults.waiting += [
        Fault("500", method="getupdates"),
        Fault("reset", method="getupdates"),
        Fault("429", method="sendmessage", retry_after=1),
    ]
    chat = sandbox.messenger.add_person("Anna")
    sandbox.messenger.say(chat, await address(service))
    assert "Anna" in (await said(chat, 1))[0].text
    assert not bot.done()


@pytest.mark.parametrize("pace", [Pace(spacing=0.001, chat_spacing=0.6)])
async def test_a_message_is_edited_no_sooner_than_another_may_be_written_to_the_chat(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    chat = sandbox.messenger.add_person("Anna")
    sandbox.messenger.say(chat, await address(service))
    await said(chat, 1)
    await pressed(sandbox, chat, "No")
    assert time.monotonic() - sandbox.api.requests[-1].clock >= 0.5


async def test_too_many_polls_make_the_whole_sender_wait(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings
) -> None:
    now = asyncio.get_running_loop().time
    allowance = Allowance(now() - 10, QUICK)
    sandbox.api.faults.waiting.append(Fault("429", method="getupdates", retry_after=30))
    async with make_bot(settings) as connection:
        task = asyncio.create_task(Poller(connection, service.database, settings, Gate(allowance)).run())

        async def pauses() -> bool:
            return allowance.wait(now()) > 20

        try:
            await eventually(pauses, what="the pause")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_an_update_that_cannot_be_read_keeps_nobody_from_being_heard(
    service: ServiceUnderTest, sandbox: Sandbox, bot: asyncio.Task[None]
) -> None:
    sandbox.messenger.updates.append({"update_id": 0, "message": {"of a kind": "not known yet"}})
    chat = sandbox.messenger.add_person("Anna")
    sandbox.messenger.say(chat, await address(service))
    assert "Anna" in (await said(chat, 1))[0].text
    sandbox.messenger.say(chat, "hello")
    await said(chat, 2)
    assert all(update["update_id"] for update in sandbox.messenger.updates)


async def test_a_webhook_of_an_earlier_life_is_removed(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings
) -> None:
    await sandbox.api.webhook.set("http://127.0.0.1:9/hook", "")
    await service.receive(person())
    task = asyncio.create_task(hold_the_bot(service.database, settings, QUICK))
    try:
        await eventually(bot_is_known(service))
        assert sandbox.api.webhook.url == ""
        await linked(service, sandbox)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_refused_token_is_said_and_tried_again_later(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role_module, "LOOK_AGAIN_SECONDS", 0.2)
    ended = webinar()
    chat = sandbox.messenger.add_person("anna", started=True)
    await tell(service, ended, person(partner_id=None), verdict(ended.webinar_id))
    await link_chat(service, "anna", chat.chat_id)
    service.clock.advance(301)
    sandbox.api.faults.waiting.append(Fault("401", method="*", count=3))
    task = asyncio.create_task(hold_the_bot(service.database, settings, QUICK))
    try:
        await eventually(bot_is_known(service, known=False), what="said to be refused")
        await eventually(bot_is_known(service), what="found again")
        await said(chat, 1)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    [row] = await ledger(service)
    assert (row["state"], row["attempts"]) == ("sent", 1)


@pytest.mark.parametrize("token", ["", "no token at all"])
async def test_without_a_good_token_there_is_no_bot_and_nothing_changes(
    service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings, token: str
) -> None:
    async with service.database.work() as work:
        await work.connection.execute("insert into bot values (true, 'of_yesterday', $1)", work.now)
    off = PostWebinarSettings(**(settings.model_dump() | {"telegram_bot_token": token}))
    task = asyncio.create_task(hold_the_bot(service.database, off, QUICK))
    try:
        await eventually(bot_is_known(service, known=False))
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert sandbox.api.requests == []
