"""Sender and poller as one role: whoever holds it is the bot."""

import asyncio

from aiogram import Bot
from aiogram.exceptions import AiogramError
from aiogram.types import BotCommand
from aiogram.utils.token import TokenValidationError
from servicekit import Database
from servicekit.logs import get_logger

from post_webinar.domain.allowance import Allowance, Pace
from post_webinar.repository import links
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.bot import TokenRefusedError, make_bot
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.outcomes import Ending, failure_of
from post_webinar.telegram.phrases import phrase
from post_webinar.telegram.poller import Poller
from post_webinar.telegram.sender import Sender

log = get_logger(__name__)

LONGEST_PAUSE_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 60.0


async def hold_the_bot(database: Database, settings: PostWebinarSettings, pace: Pace) -> None:
    """Be the bot until cancelled. Without a token nothing is sent; with a refused one it says so and looks again."""
    if not settings.telegram_bot_token.get_secret_value():
        log.info("telegram.off")
        await _remember(database, None)
        await asyncio.Event().wait()
    try:
        bot = make_bot(settings)
    except TokenValidationError:
        log.error("telegram.token_malformed")  # noqa: TRY400 - the traceback would show the token
        await _remember(database, None)
        await asyncio.Event().wait()
        return
    async with bot:
        while True:
            try:
                await _remember(database, await _introduce(bot))
                await _work(bot, database, settings, pace)
            except TokenRefusedError as error:
                log.error("telegram.token_refused", words=str(error))  # noqa: TRY400 - the words say it all
                await _remember(database, None)
                await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _introduce(bot: Bot) -> str:
    """Return the bot's name, and make Telegram ready for polling; waits as long as Telegram is not reached."""
    pause = 1.0
    while True:
        try:
            me = await bot.get_me()
            await bot.delete_webhook()
            for locale, language_code in (("en", None), ("ru", "ru")):
                commands = [
                    BotCommand(command=name, description=phrase(locale, name))  # type: ignore[arg-type]
                    for name in ("start", "stop")
                ]
                await bot.set_my_commands(commands, language_code=language_code)
        except AiogramError as error:
            failure = failure_of(error)
            if failure.ending is Ending.NO_TOKEN:
                raise TokenRefusedError(failure.words) from error
            log.warning("telegram.not_reached", words=failure.words)
            await asyncio.sleep(failure.retry_after or pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            log.info("telegram.bot_found", username=me.username)
            return me.username or str(me.id)


async def _work(bot: Bot, database: Database, settings: PostWebinarSettings, pace: Pace) -> None:
    """Send and listen until one of the two fails; its error is raised as it is."""
    gate = Gate(Allowance(asyncio.get_running_loop().time(), pace))
    tasks = [
        asyncio.create_task(Sender(bot, database, settings, gate).run()),
        asyncio.create_task(Poller(bot, database, settings, gate).run()),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _remember(database: Database, username: str | None) -> None:
    async with database.work() as work:
        await links.set_bot(work, username)
