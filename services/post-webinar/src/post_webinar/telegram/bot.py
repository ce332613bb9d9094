"""The bot's connection to the Bot API."""

from typing import Any, cast

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiohttp import ClientTimeout

from post_webinar.settings import PostWebinarSettings

REQUEST_SECONDS = 75.0
"""Longer than the minute after which a message is uncertain: a late answer still corrects it."""
CONNECT_SECONDS = 10.0


class TokenRefusedError(Exception):
    """Telegram does not know our token: nothing can be sent until somebody gives a good one."""


def make_bot(settings: PostWebinarSettings) -> Bot:
    """Return the bot of the settings; raises `aiogram.utils.token.TokenValidationError` for what is no token."""
    api = TelegramAPIServer.from_base(settings.telegram_api_url) if settings.telegram_api_url else PRODUCTION
    session = AiohttpSession(api=api)
    # aiogram hands this on to aiohttp as it is; a plain number would leave making the connection without a limit.
    session.timeout = cast(Any, ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS))
    return Bot(settings.telegram_bot_token.get_secret_value(), session)
