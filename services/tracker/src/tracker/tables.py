"""The tables of the tracker's own database."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, DateTime, Index, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class TrackerTable(SQLModel):
    """Base of the tracker's tables, with a metadata of their own."""

    metadata = MetaData()


def _time(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


def _version(**options: Any) -> Any:
    return Field(sa_type=BigInteger, **options)


class WebinarRow(TrackerTable, table=True):
    """What the tracker needs of a webinar, as its newest snapshot says."""

    __tablename__ = "webinar"

    webinar_id: UUID = Field(primary_key=True)
    version: int = _version()
    scheduled_at: datetime | None = _time(default=None)
    duration_minutes: int
    completion_percent: int
    started_at: datetime | None = _time(default=None)
    finished_at: datetime | None = _time(default=None)
    on_air: Any = Field(sa_type=JSONB)
    """A list of `[from, to]` in RFC 3339; `to` is null while the window lasts."""
    version_without_start: int = _version()
    version_with_start: int | None = _version(default=None)
    version_without_finish: int = _version()
    version_with_finish: int | None = _version(default=None)


class LedgerRow(TrackerTable, table=True):
    """The row of a webinar that everything locks that touches its participations; there before the webinar is known."""

    __tablename__ = "ledger"

    webinar_id: UUID = Field(primary_key=True)
    finalised_at: datetime | None = _time(default=None)


class StopRow(TrackerTable, table=True):
    """A finished webinar whose outcomes are not written yet; looked at from `due_at` on."""

    __tablename__ = "stop"

    webinar_id: UUID = Field(primary_key=True)
    heard_at: datetime = _time()
    due_at: datetime = _time(index=True)
    traceparent: str | None = Field(default=None, sa_type=Text)
    """The trace that the outcomes go on with."""


class ReportRow(TrackerTable, table=True):
    """The last report heard of one part of what one room-ui instance tells of one webinar."""

    __tablename__ = "report"

    webinar_id: UUID = Field(primary_key=True)
    instance_id: str = Field(primary_key=True, sa_type=Text)
    part: int = Field(primary_key=True)
    parts: int
    round: int = _version()
    at: datetime = _time()
    webinar_version: int = _version()
    interval_seconds: int
    heard_at: datetime = _time()


class PresenceRow(TrackerTable, table=True):
    """One connection of one account to one room-ui instance: from `since` to at least `until`."""

    __tablename__ = "presence"
    # Every report updates these rows: free space keeps the new version on the same page, without touching the index.
    __table_args__ = ({"postgresql_with": {"fillfactor": 70}},)

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    instance_id: str = Field(primary_key=True, sa_type=Text)
    since: datetime = _time(primary_key=True)
    until: datetime = _time()
    seen_version: int | None = _version(default=None)
    """The highest version of the webinar with which the page was said to have been visible."""
    unseen_at: datetime | None = _time(default=None)
    """The last time that the page was said not to have been visible."""


class SessionRow(TrackerTable, table=True):
    """One participation; there from the first of: entered, "finish" pressed."""

    __tablename__ = "session"
    __table_args__ = (
        Index(
            "session_pressed_and_open",
            "webinar_id",
            "lead_id",
            postgresql_where=text("completed_at is null and cardinality(pressed_at) > 0"),
        ),
        Index("session_told_at", "webinar_id", "told_at"),
    )

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    pressed_at: list[datetime] = Field(
        sa_type=ARRAY(DateTime(timezone=True)), sa_column_kwargs={"server_default": text("'{}'")}
    )
    entered_at: datetime | None = _time(default=None)
    completed_at: datetime | None = _time(default=None)
    completed_by: str | None = Field(default=None, sa_type=Text)
    watched_seconds: int | None = None
    """The figures are those of the last snapshot."""
    base_seconds: int | None = None
    told_version: int | None = _version(default=None)
    told_at: datetime | None = _time(default=None)
    """When the last snapshot was told, or was found to have no news; null: at the next opportunity."""
    windows: Any = Field(default=None, sa_type=JSONB, nullable=True)
    """What was watched, a list of `[from, to]`, where the connections behind it are forgotten; else null."""
