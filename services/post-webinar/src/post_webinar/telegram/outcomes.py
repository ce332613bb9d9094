"""What became of a request to Telegram, told from how it failed."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from aiogram.exceptions import (
    TelegramAPIError,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiohttp import ClientConnectorError, ConnectionTimeoutError, InvalidURL

DEFAULT_RETRY_SECONDS = 5
# Errors may quote the address that was asked, and the token is part of it.
_TOKEN_LIKE = re.compile(r"\d+:[A-Za-z0-9_-]{20,}")


class Ending(Enum):
    """The ways a request ends that was not answered with `ok`."""

    NOT_REACHED = auto()
    """No connection was made: Telegram has not heard of it."""
    TOO_MANY = auto()
    """Refused for now: the whole sender waits."""
    NO_TOKEN = auto()
    """Our token is not known: the sender stops."""
    BLOCKED = auto()
    """The person does not let the bot write."""
    REFUSED = auto()
    """This message will never be taken."""
    UNKNOWN = auto()
    """It was handed over, and whether it arrived is not known."""


_ENDINGS: tuple[tuple[tuple[type[Exception], ...], Ending], ...] = (
    ((TelegramUnauthorizedError, TelegramNotFound), Ending.NO_TOKEN),
    ((TelegramForbiddenError,), Ending.BLOCKED),
    ((TelegramNetworkError, TelegramServerError), Ending.UNKNOWN),
    ((TelegramAPIError,), Ending.REFUSED),
)
"""The first line that fits an error decides; an answer that cannot be read fits none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request failed, in Telegram's words where there are any."""

    ending: Ending
    words: str
    retry_after: float = 0.0


def failure_of(error: Exception) -> Failure:
    """Return what an error of aiogram says about the request."""
    words = str(getattr(error, "message", "") or repr(error)).split("\nOriginal description: ")[-1]
    words = _TOKEN_LIKE.sub("<token>", words)
    if isinstance(error, TelegramRetryAfter):
        return Failure(Ending.TOO_MANY, words, float(error.retry_after))
    if "too many requests" in words.lower():
        return Failure(Ending.TOO_MANY, words, DEFAULT_RETRY_SECONDS)
    if isinstance(error, TelegramNetworkError) and _never_connected(error.__cause__):
        return Failure(Ending.NOT_REACHED, words)
    ending = next((ending for kinds, ending in _ENDINGS if isinstance(error, kinds)), Ending.UNKNOWN)
    return Failure(ending, words)


def _never_connected(cause: BaseException | None) -> bool:
    return isinstance(cause, ClientConnectorError | ConnectionTimeoutError | InvalidURL)
