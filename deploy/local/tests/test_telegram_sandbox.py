"""The sandbox as a bot sees it through aiogram, and as a person sees it through its control interface."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import BotCommand, InlineKeyboardButton, InlineKeyboardMarkup
from local_stack.chromium import chromium
from playwright.async_api import async_playwright, expect
from telegram_sandbox.server import Sandbox, running_sandbox

TOKEN = "123456:sandbox-token"


@pytest.fixture
async def served() -> AsyncIterator[tuple[Sandbox, str]]:
    async with running_sandbox() as found:
        yield found


@pytest.fixture
def sandbox(served: tuple[Sandbox, str]) -> Sandbox:
    return served[0]


@pytest.fixture
async def bot(served: tuple[Sandbox, str]) -> AsyncIterator[Bot]:
    async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(served[1]))) as found:
        yield found


@pytest.fixture
async def http(served: tuple[Sandbox, str]) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(served[1]) as session:
        yield session


async def _post(http: aiohttp.ClientSession, path: str, **body: object) -> dict[str, object]:
    async with http.post(f"/sandbox/{path}", json=body) as response:
        assert response.status < 300, await response.text()
        found: dict[str, object] = await response.json()
        return found


async def test_the_bot_is_who_its_token_says(bot: Bot) -> None:
    me = await bot.get_me()
    assert me.id == 123456
    assert me.is_bot
    assert me.username


async def test_a_person_says_start_and_the_bot_answers_with_a_button(bot: Bot, http: aiohttp.ClientSession) -> None:
    chat_id = (await _post(http, "chats", name="Anna"))["chat_id"]
    await _post(http, f"chats/{chat_id}/say", text="https://t.me/webinar_sandbox_bot?start=abc_1")

    [update] = await bot.get_updates(timeout=5)
    assert update.message
    assert update.message.text == "/start abc_1"
    assert update.message.chat.type == "private"

    keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="link:yes")]])
    sent = await bot.send_message(
        update.message.chat.id, "<b>Anna</b> &amp; you?", parse_mode="HTML", reply_markup=keyboard
    )
    await _post(http, f"chats/{chat_id}/press", label="Yes")
    [update] = await bot.get_updates(offset=update.update_id + 1, timeout=5)
    assert update.callback_query
    assert update.callback_query.data == "link:yes"
    assert update.callback_query.message
    assert update.callback_query.message.message_id == sent.message_id

    assert await bot.answer_callback_query(update.callback_query.id, "Done")
    with pytest.raises(TelegramBadRequest, match="query is too old"):
        await bot.answer_callback_query(update.callback_query.id)
    await bot.edit_message_text("Linked", chat_id=sent.chat.id, message_id=sent.message_id)
    with pytest.raises(TelegramBadRequest, match="not modified"):
        await bot.edit_message_text("Linked", chat_id=sent.chat.id, message_id=sent.message_id)

    async with http.get(f"/sandbox/chats/{chat_id}/messages") as response:
        shown = await response.json()
    assert [(one["from"], one["text"]) for one in shown] == [("person", "/start abc_1"), ("bot", "Linked")]
    assert shown[1]["buttons"] == []
    async with http.get("/sandbox/chats") as response:
        assert await response.json() == [{"chat_id": chat_id, "name": "Anna"}]


async def test_html_reaches_the_reader_as_plain_text_with_entities(bot: Bot, sandbox: Sandbox) -> None:
    chat = sandbox.messenger.add_person("Anna", started=True)
    text = '👋 <b>A &lt; B</b> <a href="https://e.org/?a=1&amp;b=2">here</a>'
    sent = await bot.send_message(chat.chat_id, text, parse_mode="HTML")
    assert sent.text == "👋 A < B here"
    assert sent.entities
    assert [(one.type, one.offset, one.length) for one in sent.entities] == [("bold", 3, 5), ("text_link", 9, 4)]
    assert sent.entities[1].url == "https://e.org/?a=1&b=2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "message text is empty"),
        ("   ", "message text is empty"),
        ("x" * 4097, "message is too long"),
        ("<b>open", "can't parse entities"),
        ("a < b", "can't parse entities"),
        ("<blink>a</blink>", "Unsupported start tag"),
    ],
)
async def test_a_bad_text_is_refused(bot: Bot, sandbox: Sandbox, text: str, words: str) -> None:
    chat = sandbox.messenger.add_person("Anna", started=True)
    with pytest.raises(TelegramBadRequest, match=words):
        await bot.send_message(chat.chat_id, text, parse_mode="HTML")
    assert chat.entries == []


async def test_the_bot_may_write_only_to_who_began_and_did_not_block_it(bot: Bot, sandbox: Sandbox) -> None:
    with pytest.raises(TelegramBadRequest, match="chat not found"):
        await bot.send_message(1, "hello")
    chat = sandbox.messenger.add_person("Anna")
    with pytest.raises(TelegramForbiddenError, match="can't initiate"):
        await bot.send_message(chat.chat_id, "hello")
    sandbox.messenger.say(chat, "/start")
    await bot.send_message(chat.chat_id, "hello")
    sandbox.messenger.set_blocked(chat, True)
    with pytest.raises(TelegramForbiddenError, match="blocked"):
        await bot.send_message(chat.chat_id, "hello")
    updates = await bot.get_updates()
    assert updates[-1].my_chat_member
    assert updates[-1].my_chat_member.new_chat_member.status == "kicked"


async def test_a_poll_waits_for_an_update_and_an_offset_confirms(bot: Bot, sandbox: Sandbox) -> None:
    chat = sandbox.messenger.add_person("Anna")
    waiting = asyncio.create_task(bot.get_updates(timeout=20))
    while sandbox.messenger.poll is None:
        await asyncio.sleep(0.005)
    sandbox.messenger.say(chat, "one")
    [first] = await asyncio.wait_for(waiting, 5)
    sandbox.messenger.say(chat, "two")
    assert [one.update_id for one in await bot.get_updates(limit=1)] == [first.update_id]
    [second] = await bot.get_updates(offset=first.update_id + 1)
    assert second.message
    assert second.message.text == "two"
    assert await bot.get_updates(offset=second.update_id + 1) == []


async def test_a_poll_without_news_ends_after_its_timeout(bot: Bot) -> None:
    started = asyncio.get_running_loop().time()
    assert await bot.get_updates(timeout=1) == []
    assert asyncio.get_running_loop().time() - started >= 0.95


async def test_a_second_poll_ends_the_first(bot: Bot, sandbox: Sandbox) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=20))
    while sandbox.messenger.poll is None:
        await asyncio.sleep(0.005)
    second = asyncio.create_task(bot.get_updates(timeout=20))
    with pytest.raises(TelegramConflictError):
        await asyncio.wait_for(first, 5)
    sandbox.messenger.say(sandbox.messenger.add_person("Anna"), "hi")
    assert len(await asyncio.wait_for(second, 5)) == 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("400", TelegramBadRequest),
        ("401", TelegramUnauthorizedError),
        ("403", TelegramForbiddenError),
        ("404", TelegramNotFound),
        ("429", TelegramRetryAfter),
        ("500", TelegramServerError),
        ("reset", TelegramNetworkError),
        ("silence", TelegramNetworkError),
    ],
)
async def test_a_fault_hits_as_many_requests_as_asked(
    bot: Bot, sandbox: Sandbox, http: aiohttp.ClientSession, kind: str, error: type[Exception]
) -> None:
    chat = sandbox.messenger.add_person("Anna", started=True)
    await _post(http, "faults", kind=kind, count=2, retry_after=7)
    for _ in range(2):
        with pytest.raises(error) as caught:
            await bot.send_message(chat.chat_id, "hello", request_timeout=1)
    if isinstance(caught.value, TelegramRetryAfter):
        assert caught.value.retry_after == 7
    assert chat.entries == []
    await bot.send_message(chat.chat_id, "hello")
    assert len(chat.entries) == 1
    async with http.get("/sandbox/requests") as response:
        recorded = await response.json()
    status = int(kind) if kind.isdigit() else 0
    assert [one["outcome"] for one in recorded] == [status, status, 200]
    assert [one["chat_id"] for one in recorded] == [chat.chat_id] * 3


async def test_a_fault_can_strike_one_chat_after_the_message_got_there(
    bot: Bot, sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    anna, boris = (sandbox.messenger.add_person(name, started=True) for name in ("Anna", "Boris"))
    await _post(http, "faults", kind="500", chat_id=anna.chat_id, applied=True)
    await bot.send_message(boris.chat_id, "hello")
    with pytest.raises(TelegramServerError):
        await bot.send_message(anna.chat_id, "hello")
    assert len(anna.entries) == len(boris.entries) == 1


async def test_every_form_of_body_is_understood(served: tuple[Sandbox, str], http: aiohttp.ClientSession) -> None:
    sandbox = served[0]
    chat = sandbox.messenger.add_person("Anna", started=True)
    fields = {"chat_id": str(chat.chat_id), "text": "hello"}
    path = f"/bot{TOKEN}/sendMessage"
    multipart = aiohttp.FormData(fields, default_to_multipart=True)
    for arguments in ({"data": fields}, {"data": multipart}, {"json": fields}, {"params": fields}):
        async with http.post(path, **arguments) as response:
            assert (await response.json())["ok"] is True, arguments
    async with http.post(path, data=b"{", headers={"Content-Type": "application/json"}) as response:
        assert response.status == 400
    async with http.post("/botnonsense/getMe") as response:
        assert (response.status, (await response.json())["error_code"]) == (404, 404)
    assert len(chat.entries) == 4


async def test_commands_and_the_webhook_are_kept(bot: Bot, sandbox: Sandbox) -> None:
    assert await bot.set_my_commands([BotCommand(command="stop", description="Stop")])
    assert [one.command for one in await bot.get_my_commands()] == ["stop"]
    with pytest.raises(TelegramBadRequest, match="this machine only"):
        await bot.set_webhook("https://example.org/hook")

    received: asyncio.Queue[tuple[str, object]] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        received.put_nowait(("head", head))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as hook:
        port = hook.sockets[0].getsockname()[1]
        assert await bot.set_webhook(f"http://127.0.0.1:{port}/hook", secret_token="s3cret")
        with pytest.raises(TelegramConflictError, match="webhook is active"):
            await bot.get_updates()
        sandbox.messenger.say(sandbox.messenger.add_person("Anna"), "hi")
        _, head = await asyncio.wait_for(received.get(), 5)
        assert b"s3cret" in bytes(head)  # type: ignore[call-overload]
        while (await bot.get_webhook_info()).pending_update_count:
            await asyncio.sleep(0.01)
        await bot.delete_webhook()
    assert (await bot.get_webhook_info()).url == ""


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("chats", {"name": ""}, 400),
        ("chats/77/say", {"text": "hi"}, 404),
        ("chats/1001/say", {"text": ""}, 409),
        ("chats/1001/press", {"data": "nothing"}, 409),
        ("faults", {"kind": "flood"}, 400),
        ("faults", {"kind": "500", "count": "many"}, 400),
    ],
)
async def test_bad_control_requests_are_refused_in_words(
    sandbox: Sandbox, http: aiohttp.ClientSession, path: str, body: dict[str, object], status: int
) -> None:
    sandbox.messenger.add_person("Anna", started=True)
    async with http.post(f"/sandbox/{path}", json=body) as response:
        assert response.status == status
        assert (await response.json())["error"]


async def test_a_form_of_another_page_cannot_command_the_sandbox(http: aiohttp.ClientSession, sandbox: Sandbox) -> None:
    async with http.post("/sandbox/chats", data={"name": "Mallory"}) as response:
        assert response.status == 415
    assert sandbox.messenger.chats == {}


async def test_a_press_waits_for_the_button_to_appear(bot: Bot, sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    chat = sandbox.messenger.add_person("Anna", started=True)
    pressing = asyncio.create_task(_post(http, f"chats/{chat.chat_id}/press", data="yes", wait=10))
    keyboard = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="Yes", callback_data="yes")]])
    await bot.send_message(chat.chat_id, "Well?", reply_markup=keyboard)
    assert (await pressing)["text"] == "Yes"


async def test_the_page_and_its_parts_are_there(http: aiohttp.ClientSession) -> None:
    scripts = [(f"page/{name}.js", "text/javascript") for name in ("page", "words")]
    for path, kind in [("", "text/html"), ("page/page.css", "text/css"), *scripts]:
        async with http.get(f"/sandbox/{path}") as response:
            assert response.status == 200
            assert response.content_type == kind
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    async with http.get("/sandbox/page/__main__.py") as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("locale", "query", "language", "words"),
    [
        ("ru-RU", "", "ru", ["Песочница Telegram", "Новый человек", "Чатов пока нет", "Сообщение"]),
        ("en-GB", "", "en", ["Telegram sandbox", "New person", "No chat yet", "Message"]),
        ("de-DE", "", "ru", ["Песочница Telegram", "Новый человек", "Чатов пока нет", "Сообщение"]),
        ("ru-RU", "?lang=en", "en", ["Telegram sandbox", "New person", "No chat yet", "Message"]),
    ],
)
async def test_the_page_speaks_russian_and_english_to_who_asks_for_it(
    served: tuple[Sandbox, str], locale: str, query: str, language: str, words: list[str]
) -> None:
    # Chromium does not sandbox itself for root.
    arguments = ["--no-sandbox"] * (os.geteuid() == 0)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=arguments)
        page = await (await browser.new_context(locale=locale)).new_page()
        await page.goto(f"{served[1]}/sandbox/{query}")
        await expect(page.locator("h2")).to_have_text(words[2])
        assert await page.evaluate("document.documentElement.lang") == language
        assert await page.title() == words[0]
        name = page.locator("#add-name")
        assert await name.get_attribute("placeholder") == words[1]
        assert await page.locator("#say-text").get_attribute("aria-label") == words[3]
        whole = await page.locator("body").inner_text()
        assert bool(re.search("[а-яё]", whole.lower())) is (language == "ru")
        await browser.close()


async def test_it_runs_as_a_program_and_stops_when_told(unused_tcp_port: int) -> None:
    environment = os.environ | {"SANDBOX_PORT": str(unused_tcp_port)}
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", "telegram_sandbox", env=environment)
    base = f"http://127.0.0.1:{unused_tcp_port}"
    async with Bot(TOKEN, AiohttpSession(api=TelegramAPIServer.from_base(base))) as bot:
        async with asyncio.timeout(20):
            while True:
                try:
                    await bot.get_me()
                    break
                except TelegramNetworkError:
                    await asyncio.sleep(0.05)
        polling = asyncio.create_task(bot.get_updates(timeout=30))
        await asyncio.sleep(0.2)
        program.terminate()
        assert await asyncio.wait_for(program.wait(), 5) in {0, -15}
        assert await asyncio.gather(polling, return_exceptions=True)
