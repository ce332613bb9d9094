"""What `webinarctl doctor` asks of post-webinar: does Telegram know the bot's token."""

import asyncio
import os

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.exceptions import AiogramError
from aiogram.utils.token import TokenValidationError
from servicekit.operator.findings import Finding, Report, State

from post_webinar.telegram.outcomes import Ending, failure_of

WHAT = "post-webinar: Telegram"
LIMIT_SECONDS = 4


async def telegram(report: Report) -> None:
    """Ask Telegram who the bot is; the token is in no word that is said."""
    token, address = os.environ.get("TELEGRAM_BOT_TOKEN"), os.environ.get("TELEGRAM_API_URL", "").rstrip("/")
    if token is None:
        report.leave_out("the bot (TELEGRAM_BOT_TOKEN)")
        return
    if not token:
        advice = "Set TELEGRAM_BOT_TOKEN of post-webinar, if messages are wanted."
        report.add(Finding(WHAT, State.ATTENTION, "there is no bot: nothing is sent, nobody can link", advice))
        return
    api = TelegramAPIServer.from_base(address) if address else PRODUCTION
    try:
        async with asyncio.timeout(LIMIT_SECONDS), Bot(token, AiohttpSession(api=api)) as bot:
            me = await bot.get_me(request_timeout=LIMIT_SECONDS)
    except TokenValidationError:
        advice = "Set TELEGRAM_BOT_TOKEN to the one that @BotFather gave."
        report.add(Finding(WHAT, State.BROKEN, "the token has not the form of one", advice))
    except (AiogramError, TimeoutError) as error:
        failure = failure_of(error)
        if failure.ending is Ending.NO_TOKEN:
            advice = "Ask @BotFather for a new token, set TELEGRAM_BOT_TOKEN, restart post-webinar."
            report.add(Finding(WHAT, State.BROKEN, f"the token is refused: {failure.words}", advice))
        else:
            words = "it does not answer" if isinstance(error, TimeoutError) else failure.words
            advice = "Messages wait and go when it answers. Is the way out open, and TELEGRAM_API_URL right?"
            report.add(Finding(WHAT, State.BROKEN, f"cannot be asked: {words}", advice))
    else:
        report.add(Finding(WHAT, State.OK, f"the bot is @{me.username}"))
