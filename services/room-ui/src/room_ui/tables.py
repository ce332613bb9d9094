"""What room-ui keeps: accounts and sessions, which it owns, and projections of what the other services say.

Imported by migrations and administration only; the statements are in the `repository` modules.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

_MOMENT = DateTime(timezone=True)


class RoomUiTable(SQLModel):
    """The base of every table of this service."""

    metadata = MetaData()


class AccountRow(RoomUiTable, table=True):
    """Somebody who may sign in. `contact` is a `contracts.ContactCard`; `login` is kept in lower case."""

    __tablename__ = "account"

    account_id: str = Field(primary_key=True, sa_type=Text)
    login: str = Field(unique=True, sa_type=Text)
    password_hash: str | None = Field(default=None, sa_type=Text)
    display_name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    partner_id: str | None = Field(default=None, sa_type=Text, index=True)
    locale: str = Field(sa_type=Text)
    country: str | None = Field(default=None, sa_type=Text)
    contact: dict[str, Any] = Field(sa_type=JSONB)
    active: bool
    version: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=_MOMENT)
    updated_at: datetime = Field(sa_type=_MOMENT, index=True)


class SignInAttemptRow(RoomUiTable, table=True):
    """A sign-in that was tried and has not succeeded; rows older than the limit's window are swept away."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        Index("ix_sign_in_attempt_login", "login", "at"),
        Index("ix_sign_in_attempt_address", "address", "at"),
    )

    attempt_id: UUID = Field(primary_key=True)
    login: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=_MOMENT)


class SessionRow(RoomUiTable, table=True):
    """A signed-in browser. Ended once and for good by `ended_at`."""

    __tablename__ = "session"
    __table_args__ = (
        Index("ix_session_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
        Index("ix_session_expires_at", "expires_at"),
    )

    session_id: str = Field(primary_key=True, sa_type=Text)
    account_id: str = Field(sa_type=Text, index=True)
    created_at: datetime = Field(sa_type=_MOMENT)
    expires_at: datetime = Field(sa_type=_MOMENT)
    ended_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class OneTimeLinkRow(RoomUiTable, table=True):
    """A way in without a password, used up by the first POST. Only the token's hash is kept."""

    __tablename__ = "one_time_link"

    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    account_id: str = Field(sa_type=Text, index=True)
    created_at: datetime = Field(sa_type=_MOMENT)
    expires_at: datetime = Field(sa_type=_MOMENT)
    used_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class WebinarRow(RoomUiTable, table=True):
    """A webinar as Core last told it; `snapshot` is the whole `contracts.WebinarEvent`."""

    __tablename__ = "webinar"

    webinar_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    status: str = Field(sa_type=Text, index=True)
    cancelled: bool
    scheduled_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    started_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    finished_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    duration_minutes: int
    speaker_id: str | None = Field(default=None, sa_type=Text)
    snapshot: dict[str, Any] = Field(sa_type=JSONB)


class EnteredRow(RoomUiTable, table=True):
    """`client_webinar_entered`: this lead's participation began."""

    __tablename__ = "entered"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    session_id: UUID
    entered_at: datetime = Field(sa_type=_MOMENT)


class ParticipationRow(RoomUiTable, table=True):
    """`participation_event`: how much a lead has watched; `windows` is a list of `{"from", "to"}` in UTC."""

    __tablename__ = "participation"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    watched_seconds: int
    base_seconds: int
    completed_by: str | None = Field(default=None, sa_type=Text)
    final: bool
    windows: list[dict[str, str]] = Field(sa_type=JSONB)


class ClassificationRow(RoomUiTable, table=True):
    """`client_webinar_attendance_classified`: the one verdict on a lead."""

    __tablename__ = "classification"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    attended: bool
    classified_at: datetime = Field(sa_type=_MOMENT)
    reason: str = Field(sa_type=Text)
    watched_seconds: int
    base_seconds: int
    watched_percent: int
    rule_version: int


class DeliveryRow(RoomUiTable, table=True):
    """`post_webinar_delivery`: one message to one person as the delivery ledger has it."""

    __tablename__ = "delivery"
    __table_args__ = (Index("ix_delivery_webinar_lead", "webinar_id", "lead_id"),)

    delivery_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    webinar_id: UUID
    lead_id: str = Field(sa_type=Text)
    recipient: str = Field(sa_type=Text)
    step: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    attempts: int
    reason: str | None = Field(default=None, sa_type=Text)
    due_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class ChatLinkRow(RoomUiTable, table=True):
    """`chat_link_event`: whether an account's Telegram chat is linked."""

    __tablename__ = "chat_link"

    account_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    linked: bool
    blocked: bool


class MessageTemplateRow(RoomUiTable, table=True):
    """`message_template_event`: the text of one step in one language."""

    __tablename__ = "message_template"

    step: str = Field(primary_key=True, sa_type=Text)
    locale: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    text: str = Field(sa_type=Text)


class CtaRow(RoomUiTable, table=True):
    """`cta_shown` and `cta_clicked` (`kind`: `shown` or `clicked`): once per lead and webinar."""

    __tablename__ = "cta"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=_MOMENT)


class FinishRow(RoomUiTable, table=True):
    """A participant's first press of "finish", announced as `room_finish`."""

    __tablename__ = "finish"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    at: datetime = Field(sa_type=_MOMENT)


class UntoldPresenceRow(RoomUiTable, table=True):
    """A report that the broker did not take; `reports` are its parts, each a whole `contracts.RoomPresence`."""

    __tablename__ = "untold_presence"

    webinar_id: UUID = Field(primary_key=True)
    instance_id: str = Field(primary_key=True, sa_type=Text)
    round: int = Field(sa_type=BigInteger)
    reports: list[dict[str, Any]] = Field(sa_type=JSONB)
