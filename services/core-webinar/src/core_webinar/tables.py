"""The tables of core-webinar; imported by the migrations and the tests only."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel


class CoreWebinarTable(SQLModel):
    """Base of this service's tables, with a metadata of their own."""

    metadata = MetaData()


def _time(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


def _text(**options: Any) -> Any:
    return Field(sa_type=Text, **options)


class WebinarRow(CoreWebinarTable, table=True):
    """A webinar as it is; `on_air` and `cta_windows` are lists of `[from, to]`.

    `automatic_stop_at` is there while on air or paused.
    """

    __tablename__ = "webinar"
    __table_args__ = (
        Index("webinar_to_stop", "automatic_stop_at", postgresql_where=text("automatic_stop_at is not null")),
        Index("webinar_to_archive", "finished_at", postgresql_where=text("status = 'finished'")),
    )

    webinar_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    created_at: datetime = _time()
    owner_id: str = _text()
    status: str = _text()
    cta_visibility: str = _text()
    cancelled: bool
    started_at: datetime | None = _time(default=None)
    finished_at: datetime | None = _time(default=None)
    on_air: Any = Field(sa_type=JSONB)
    cta_windows: Any = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'[]'::jsonb")))
    automatic_stop_at: datetime | None = _time(default=None)
    title: str = _text()
    description: str = _text()
    speaker_id: str | None = _text(default=None)
    scheduled_at: datetime | None = _time(default=None)
    time_zone: str = _text()
    duration_minutes: int
    poster_url: str | None = _text(default=None)
    recording_url: str | None = _text(default=None)
    player_src: str | None = _text(default=None)
    chat_src: str | None = _text(default=None)
    stream_type: str = _text()
    cta_text: str = _text()
    cta_link: str = _text()
    completion_percent: int
    overrun_minutes: int
    field_versions: Any = Field(sa_type=JSONB)


class AccountRow(CoreWebinarTable, table=True):
    """A projection of `account_event`: who may be a webinar's speaker."""

    __tablename__ = "account"

    account_id: str = _text(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    role: str = _text()
    display_name: str = _text()
    active: bool


class AuditRow(CoreWebinarTable, table=True):
    """One field of one webinar, changed: who, when, by which message, from what to what. Never changed itself."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_of_webinar", "webinar_id", "version"),)

    audit_id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    webinar_id: UUID
    version: int = Field(sa_type=BigInteger)
    changed_at: datetime = _time()
    source: str = _text()
    actor_id: str | None = _text(default=None)
    message_id: UUID | None = None
    reason: str | None = _text(default=None)
    field: str = _text()
    before: Any = Field(sa_type=JSONB, nullable=True)
    after: Any = Field(sa_type=JSONB, nullable=True)
