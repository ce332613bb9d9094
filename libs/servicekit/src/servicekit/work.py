"""One transaction: what a handler reads and writes, and what it announces."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import Message
from contracts.topology import EXCHANGE
from uuid6 import uuid7

from servicekit import traced_messages, tracing
from servicekit.messages import Heard, Obeyed

_INSERT_OUTBOX = """
insert into outbox (message_id, exchange, routing_key, type, body, correlation_id, causation_id, schema_version,
                    traceparent, created_at)
select * from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::uuid[], $8::int[],
                     $9::text[], $10::timestamptz[])
"""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A row of the outbox to be."""

    message_id: UUID
    event: Message
    correlation_id: str
    causation_id: UUID | None
    traceparent: str | None
    """The trace that it goes on with; None: one of its own."""
    linked: str | None = None
    """What let it go on, where that is of another trace."""


def new_traceparent() -> str:
    """Return a W3C `traceparent` that begins a trace."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


class Work:
    """What one transaction offers its handler; made by `Database.work`, which commits it."""

    def __init__(self, connection: Any, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self.occasion = "transaction"
        """What it is for, as the trace is named that begins with it."""
        self._began = time.time_ns()
        self.announced: list[Announcement] = []
        self.callbacks: list[Callable[[], None]] = []

    def announce(
        self,
        event: Message,
        *,
        cause: "Heard[Any] | Obeyed[Any] | None" = None,
        correlation_id: str | None = None,
        continues: str | None = None,
    ) -> UUID:
        """Say `event` if and only if this transaction commits; returns the message id.

        Without a `correlation_id` the cause's is taken, else the event's `webinar_id`, else the message's own id.
        `continues`: the `traceparent` of what it is the outcome of, kept in a row until now; without one that of the
        cause, else of what is being done.
        """
        message_id = UUID(bytes=uuid7().bytes)
        if correlation_id is None:
            webinar_id = getattr(event, "webinar_id", None)
            correlation_id = cause.correlation_id if cause else str(webinar_id or message_id)
        led_by = cause.traceparent if cause else tracing.current()
        self.announced.append(
            Announcement(
                message_id=message_id,
                event=event,
                correlation_id=correlation_id,
                causation_id=cause.message_id if cause else None,
                traceparent=continues or led_by,
                linked=led_by if continues else None,
            )
        )
        return message_id

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once the transaction is committed."""
        self.callbacks.append(callback)

    async def write_outbox(self) -> None:
        """Insert the outbox rows: last, so that they come after the locks on what they tell of."""
        if not self.announced:
            return
        rows = self.announced
        if tracing.is_on():
            traceparents = traced_messages.created(rows, occasion=self.occasion, began=self._began)
        else:
            traceparents = [row.traceparent or new_traceparent() for row in rows]
        await self.connection.execute(
            _INSERT_OUTBOX,
            [row.message_id for row in rows],
            [EXCHANGE for _ in rows],
            [row.event.topic for row in rows],
            [row.event.topic for row in rows],
            [row.event.to_json() for row in rows],
            [row.correlation_id for row in rows],
            [row.causation_id for row in rows],
            [row.event.schema_version for row in rows],
            traceparents,
            [self.now for _ in rows],
        )
