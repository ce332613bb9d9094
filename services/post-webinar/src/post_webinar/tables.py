"""What post-webinar keeps: projections, verdicts and routes, the delivery ledger, chat links, texts.

Imported by migrations and administration only; the statements are in `repository`.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, MetaData, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

_MOMENT = DateTime(timezone=True)


class PostWebinarTable(SQLModel):
    """The base of every table of this service."""

    metadata = MetaData()


class WebinarRow(PostWebinarTable, table=True):
    """A webinar as Core last told it. `recording_at`: since when the recording link has been there."""

    __tablename__ = "webinar"

    webinar_id: UUID = Field(primary_key=True)
    version: int = Field(sa_type=BigInteger)
    title: str = Field(sa_type=Text)
    scheduled_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    time_zone: str = Field(sa_type=Text)
    started_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    finished_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    cta_link: str = Field(sa_type=Text)
    recording_url: str | None = Field(default=None, sa_type=Text)
    recording_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class FollowupRow(PostWebinarTable, table=True):
    """The lock under which a webinar's messages are planned, and what the desk has said of them."""

    __tablename__ = "followup"

    webinar_id: UUID = Field(primary_key=True)
    control: str = Field(sa_type=Text)


class AccountRow(PostWebinarTable, table=True):
    """An account as room-ui last told it."""

    __tablename__ = "account"

    account_id: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    display_name: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    partner_id: str | None = Field(default=None, sa_type=Text)
    locale: str = Field(sa_type=Text)
    active: bool


class VerdictRow(PostWebinarTable, table=True):
    """The one verdict on a lead in a webinar, and what its route still waits for."""

    __tablename__ = "verdict"
    __table_args__ = (Index("ix_verdict_lead_id", "lead_id"),)

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    attended: bool
    watched_seconds: int
    reason: str = Field(sa_type=Text)
    classified_at: datetime = Field(sa_type=_MOMENT)
    state: str = Field(sa_type=Text)
    traceparent: str | None = Field(default=None, sa_type=Text)
    """The trace of what decided it, which its route goes on with."""


class RouteRow(PostWebinarTable, table=True):
    """The one route of a lead after a webinar. `planned`: its messages are in the ledger."""

    __tablename__ = "route"

    webinar_id: UUID = Field(primary_key=True)
    lead_id: str = Field(primary_key=True, sa_type=Text)
    route: str = Field(sa_type=Text)
    routed_at: datetime = Field(sa_type=_MOMENT)
    heard: bool
    planned: bool


class DeliveryRow(PostWebinarTable, table=True):
    """One message to one person. Rows with one `claim_id` left as one Telegram message; `copy` counts resends."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("webinar_id", "lead_id", "recipient", "step", "copy"),
        Index("ix_delivery_due", "recipient", "due_at", "delivery_id", postgresql_where=text("state = 'planned'")),
        Index("ix_delivery_claim_id", "claim_id", postgresql_where=text("claim_id IS NOT NULL")),
        Index("ix_delivery_sending", "claimed_at", postgresql_where=text("state = 'sending'")),
        Index("ix_delivery_not_linked_at", "not_linked_at", postgresql_where=text("state = 'not_linked'")),
        Index("ix_delivery_account_id", "account_id", "state", "due_at"),
        Index(
            "ix_delivery_notice_claimed_at",
            "account_id",
            "claimed_at",
            postgresql_where=text("step = 'partner_notice' AND claimed_at IS NOT NULL"),
        ),
    )

    delivery_id: UUID = Field(primary_key=True)
    webinar_id: UUID
    lead_id: str = Field(sa_type=Text)
    account_id: str = Field(sa_type=Text)
    recipient: str = Field(sa_type=Text)
    step: str = Field(sa_type=Text)
    copy_: int = Field(sa_column_kwargs={"name": "copy"})
    state: str = Field(sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    attempts: int
    due_at: datetime = Field(sa_type=_MOMENT)
    not_linked_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    """When it could have gone and had no chat to go to; may lie long after `due_at`, after a hold for instance."""
    version: int = Field(sa_type=BigInteger)
    claim_id: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    message_id: int | None = Field(default=None, sa_type=BigInteger)
    sent_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    traceparent: str | None = Field(default=None, sa_type=Text)
    """The trace of what planned it, which its sending goes on with."""


class ChatLinkRow(PostWebinarTable, table=True):
    """The one Telegram chat of an account; the row stays, without a chat, when the link ends."""

    __tablename__ = "chat_link"

    account_id: str = Field(primary_key=True, sa_type=Text)
    chat_id: int | None = Field(default=None, sa_type=BigInteger, unique=True)
    blocked: bool
    version: int = Field(sa_type=BigInteger)
    linked_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class LinkTokenRow(PostWebinarTable, table=True):
    """A one-time token that links a chat, as its SHA-256; the first chat that brings it is the only one."""

    __tablename__ = "link_token"
    __table_args__ = (Index("ix_link_token_expires_at", "expires_at"),)

    token_id: UUID = Field(primary_key=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    account_id: str = Field(sa_type=Text)
    expires_at: datetime = Field(sa_type=_MOMENT)
    chat_id: int | None = Field(default=None, sa_type=BigInteger)
    used_at: datetime | None = Field(default=None, sa_type=_MOMENT)


class MessageTemplateRow(PostWebinarTable, table=True):
    """The text of one step in one language."""

    __tablename__ = "message_template"

    step: str = Field(primary_key=True, sa_type=Text)
    locale: str = Field(primary_key=True, sa_type=Text)
    text: str = Field(sa_type=Text)
    version: int = Field(sa_type=BigInteger)
    changed_by: str | None = Field(default=None, sa_type=Text)


class BotRow(PostWebinarTable, table=True):
    """The bot that the sender found: one row; `username` is None while there is none that works."""

    __tablename__ = "bot"

    single: bool = Field(primary_key=True)
    username: str | None = Field(default=None, sa_type=Text)
    checked_at: datetime = Field(sa_type=_MOMENT)
