"""The kit's own tables, in every service's database."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class KitTable(SQLModel):
    """Base of the kit's tables, with a metadata of their own."""

    metadata = MetaData()


def _time(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


class OutboxRow(KitTable, table=True):
    """A message to be published; deleted once the broker has confirmed it."""

    __tablename__ = "outbox"

    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    message_id: UUID
    exchange: str = Field(sa_type=Text)
    routing_key: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    app_id: str | None = Field(default=None, sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)
    correlation_id: str = Field(sa_type=Text)
    causation_id: UUID | None = None
    schema_version: int = 1
    traceparent: str | None = Field(default=None, sa_type=Text)
    created_at: datetime = _time()
    said_at: datetime | None = _time(default=None)
    """The timestamp of a message that was said before; else that of the row."""
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    last_error: str | None = Field(default=None, sa_type=Text)
    parked_at: datetime | None = _time(default=None)


class DeadLetterRow(KitTable, table=True):
    """A message that could not be handled, with why."""

    __tablename__ = "dead_letter"
    __table_args__ = (
        Index("dead_letter_once", "queue", "message_id", text("md5(body)"), unique=True),
        Index("dead_letter_dead_at", "dead_at", "id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    queue: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    message_id: str = Field(sa_type=Text)
    correlation_id: str = Field(sa_type=Text)
    app_id: str = Field(sa_type=Text)
    headers: Any = Field(sa_type=JSONB)
    body: bytes = Field(sa_type=LargeBinary)
    reason: str = Field(sa_type=Text)
    error: str = Field(sa_type=Text)
    attempts: int = 0
    dead_at: datetime = _time()
    said_at: datetime | None = _time(default=None)


class SuspectRow(KitTable, table=True):
    """A message that one process had in hand alone, because it had come back before (`suspects`)."""

    __tablename__ = "suspect"

    queue: str = Field(sa_type=Text, primary_key=True)
    message_id: UUID = Field(primary_key=True)
    held_by: UUID
    held_at: datetime = _time()
    deaths: int


class CommandOutcomeRow(KitTable, table=True):
    """The first outcome of a command: the same message id again gets this reply."""

    __tablename__ = "command_outcome"

    message_id: UUID = Field(primary_key=True)
    topic: str = Field(sa_type=Text)
    actor_id: str = Field(sa_type=Text)
    reply: Any = Field(sa_type=JSONB, nullable=True)
    decided_at: datetime = _time()


class SnapshotRunRow(KitTable, table=True):
    """How far an owner has come with announcing its present snapshots again."""

    __tablename__ = "snapshot_run"

    topic: str = Field(sa_type=Text, primary_key=True)
    asked_at: datetime = _time()
    cursor: str = Field(sa_type=Text)
    done: bool = False
    asked_again: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})


class SettledRestoreRow(KitTable, table=True):
    """A restored database that was settled (`after_restore`), by what tells it from the one that was dumped."""

    __tablename__ = "settled_restore"

    fingerprint: str = Field(sa_type=Text, primary_key=True)
    settled_at: datetime = _time()
    found: Any = Field(sa_type=JSONB)
