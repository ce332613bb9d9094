"""Named errors, and which errors of others mean what."""

import asyncio

import aiormq.exceptions
import asyncpg
from contracts import ErrorCode

BROKER_AWAY: tuple[type[BaseException], ...] = (
    aiormq.exceptions.AMQPError,
    ConnectionError,
    asyncio.TimeoutError,
    TimeoutError,
    OSError,
)
"""Raised by publishing when the broker cannot take a message now; the outcome of a publish is then unknown."""

DATABASE_AWAY: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # asyncpg raises this one when a backend is terminated in mid-statement; it is no PostgresError.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
)

DATABASE_TROUBLE: tuple[type[BaseException], ...] = (*DATABASE_AWAY, asyncpg.PostgresError, TimeoutError)
"""Whatever may go wrong while a connection is made or watched."""

TRY_AGAIN: tuple[type[BaseException], ...] = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""The transaction was a victim of its neighbours: the same batch may simply run again."""


class ServicekitError(Exception):
    """Any error that the kit itself raises."""


class Refused(ServicekitError):
    """A command is refused: nothing is changed, the asker is told why."""

    def __init__(self, code: ErrorCode, message: str, *, field: str | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.field = field


class BrokerAwayError(ServicekitError):
    """The broker did not confirm in time; whether it has the message is not known."""


class CommandNotSent(ServicekitError):
    """The command's publish was never confirmed or was returned: nothing was changed."""


class CommandUnanswered(ServicekitError):
    """The command was taken by the broker and no reply came in time: the outcome is not known yet."""


class TopologyMissingError(ServicekitError):
    """A queue of this service is not there: `webinarctl provision` has not run."""
