"""Named errors, and which errors of others mean what."""

import asyncio

import aiormq.exceptions
import asyncpg
from contracts import ErrorCode

BROKER_AWAY: tuple[type[BaseException], ...] = (
    aiormq.exceptions.AMQPError,
    # A channel that closed with its connection says so by a plain RuntimeError of its own.
    aiormq.exceptions.ChannelInvalidStateError,
    # And one that ends before the broker's first word says so by this one.
    StopAsyncIteration,
    ConnectionError,
    asyncio.TimeoutError,
    TimeoutError,
    OSError,
)
"""Raised by publishing when the broker cannot take a message now; the outcome of a publish is then unknown."""


def is_broker_away(error: BaseException) -> bool:
    """Whether an error is one of `BROKER_AWAY`, or the plain one that says of a connection only that it is closed."""
    return isinstance(error, BROKER_AWAY) or (isinstance(error, RuntimeError) and str(error).endswith("closed"))


DATABASE_UNABLE: tuple[type[BaseException], ...] = (
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
)
"""The server answers but cannot work: no disk, no memory, no connection left, a replica that is not promoted yet."""

DATABASE_AWAY: tuple[type[BaseException], ...] = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # asyncpg raises this one when a backend is terminated in mid-statement; it is no PostgresError.
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    *DATABASE_UNABLE,
)
"""What an absent database looks like; a bug or a slow statement may look the same, so ask `Database.answers` too."""

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


class NotPublishedError(BrokerAwayError):
    """The broker surely does not have the message: it was not reached, or it gave the message back."""


class DatabaseAwayError(ServicekitError):
    """The database cannot work now; what was in hand is still the broker's."""


class OutcomeUnknownError(ServicekitError, ConnectionError):
    """The connection was lost while a transaction was being committed: it may be there or not."""


AWAY: tuple[type[BaseException], ...] = (BrokerAwayError, DatabaseAwayError)
"""Infrastructure is away: messages go back to the broker, and no attempt is counted."""


class CommandNotSent(ServicekitError):
    """The command never left this process, or the broker gave it back: nothing was changed."""


class CommandUnanswered(ServicekitError):
    """The command may have been taken and no reply came in time: the outcome is not known yet."""
