"""The tables of attendance's own database: the verdicts, and the evidence beside them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, MetaData, Text
from sqlmodel import Field, SQLModel


class AttendanceTable(SQLModel):
    """Base of attendance's tables, with a metadata of their own."""

    metadata = MetaData()


def _time(**options: Any) -> Any:
    return Field(sa_type=DateTime(timezone=True), **options)


class ClassificationRow(AttendanceTable, table=True):
    """The one verdict on a lead in a webinar, and which message it was decided from."""

    __tablename__ = "classification"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    session_id: UUID
    attended: bool
    timestamp: datetime = _time()
    reason: str = Field(sa_type=Text)
    watched_seconds: int
    base_seconds: int
    watched_percent: int
    rule_version: int
    decided_from: UUID
    """The message id."""
    classified_at: datetime = _time()


class EntranceRow(AttendanceTable, table=True):
    """Evidence: when a lead entered a webinar."""

    __tablename__ = "entrance"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    session_id: UUID
    entered_at: datetime = _time()


class WebinarRow(AttendanceTable, table=True):
    """Evidence: plan, time on air and bar of a webinar, as its newest snapshot says."""

    __tablename__ = "webinar"

    webinar_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text)
    title: str = Field(sa_type=Text)
    scheduled_at: datetime | None = _time(default=None)
    duration_minutes: int
    completion_percent: int
    started_at: datetime | None = _time(default=None)
    finished_at: datetime | None = _time(default=None)
