"""The bot's connection to the Bot API."""

from typing import Any, cast
from urllib.parse import urlsplit

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiohttp import ClientTimeout
from opentelemetry.trace import SpanKind
from servicekit import tracing

from post_webinar.measures import OUTCOMES, REQUESTS
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.outcomes import Ending, failure_of

REQUEST_SECONDS = 75.0
"""Longer than the minute after which a message is uncertain: a late answer still corrects it."""
CONNECT_SECONDS = 10.0
_EVERY_DAY = ("getMe", "getUpdates", "sendMessage")


class TokenRefusedError(Exception):
    """Telegram does not know our token: nothing can be sent until somebody gives a good one."""


class TracedRequests(BaseRequestMiddleware):
    """Writes a span for a request that is part of a trace: the method and how it ended, no token, chat or text."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        name = type(method).__api_method__
        attributes = {
            "http.request.method": "POST",
            "url.template": f"/bot{{token}}/{name}",
            "server.address": self._host,
        }
        with tracing.inside(f"POST /bot{{token}}/{name}", SpanKind.CLIENT, attributes):
            return await make_request(bot, method)


def make_bot(settings: PostWebinarSettings) -> Bot:
    """Return the bot of the settings; raises `aiogram.utils.token.TokenValidationError` for what is no token."""
    api = TelegramAPIServer.from_base(settings.telegram_api_url) if settings.telegram_api_url else PRODUCTION
    session = AiohttpSession(api=api)
    # aiogram hands this on to aiohttp as it is; a plain number would leave making the connection without a limit.
    session.timeout = cast(Any, ClientTimeout(total=REQUEST_SECONDS, sock_connect=CONNECT_SECONDS))
    session.middleware(count_requests)
    _begin_counting()
    session.middleware(TracedRequests(urlsplit(api.base).hostname or ""))
    return Bot(settings.telegram_bot_token.get_secret_value(), session)


def _begin_counting() -> None:
    """Show what is counted from the start: what appears with its first failure does not look like an increase."""
    endings = [ending.name.lower() for ending in Ending]
    for outcome in ("sent", *endings):
        OUTCOMES.labels(outcome)
    for method in _EVERY_DAY:
        for outcome in ("ok", *endings):
            REQUESTS.labels(method, outcome)


async def count_requests(
    make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
) -> Response[TelegramType] | TelegramType:
    """Count each request to the Bot API by how it ended."""
    try:
        answer = await make_request(bot, method)
    except Exception as error:
        REQUESTS.labels(method.__api_method__, failure_of(error).ending.name.lower()).inc()
        raise
    REQUESTS.labels(method.__api_method__, "ok").inc()
    return answer
