"""The first schema: projections, verdicts and routes, the delivery ledger, chat links, texts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webinar",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scheduled_at", _MOMENT),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("started_at", _MOMENT),
        sa.Column("finished_at", _MOMENT),
        sa.Column("cta_link", sa.Text(), nullable=False),
        sa.Column("recording_url", sa.Text()),
        sa.Column("recording_at", _MOMENT),
    )
    op.create_table(
        "followup",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("control", sa.Text(), nullable=False),
    )
    op.create_table(
        "account",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("partner_id", sa.Text()),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "verdict",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("attended", sa.Boolean(), nullable=False),
        sa.Column("watched_seconds", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("classified_at", _MOMENT, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
    )
    op.create_index("ix_verdict_lead_id", "verdict", ["lead_id"])
    op.create_table(
        "route",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("routed_at", _MOMENT, nullable=False),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("planned", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.Uuid(), primary_key=True),
        sa.Column("webinar_id", sa.Uuid(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("copy", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("not_linked_at", _MOMENT),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("claim_id", sa.Uuid()),
        sa.Column("claimed_at", _MOMENT),
        sa.Column("message_id", sa.BigInteger()),
        sa.Column("sent_at", _MOMENT),
        sa.UniqueConstraint("webinar_id", "lead_id", "recipient", "step", "copy"),
    )
    op.create_index(
        "ix_delivery_due",
        "delivery",
        ["recipient", "due_at", "delivery_id"],
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_index("ix_delivery_claim_id", "delivery", ["claim_id"], postgresql_where=sa.text("claim_id IS NOT NULL"))
    op.create_index("ix_delivery_sending", "delivery", ["claimed_at"], postgresql_where=sa.text("state = 'sending'"))
    op.create_index(
        "ix_delivery_not_linked_at", "delivery", ["not_linked_at"], postgresql_where=sa.text("state = 'not_linked'")
    )
    op.create_index("ix_delivery_account_id", "delivery", ["account_id", "state", "due_at"])
    op.create_index(
        "ix_delivery_notice_claimed_at",
        "delivery",
        ["account_id", "claimed_at"],
        postgresql_where=sa.text("step = 'partner_notice' AND claimed_at IS NOT NULL"),
    )
    op.create_table(
        "chat_link",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("chat_id", sa.BigInteger(), unique=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("linked_at", _MOMENT),
    )
    op.create_table(
        "link_token",
        sa.Column("token_id", sa.Uuid(), primary_key=True),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        sa.Column("chat_id", sa.BigInteger()),
        sa.Column("used_at", _MOMENT),
    )
    op.create_index("ix_link_token_expires_at", "link_token", ["expires_at"])
    op.create_table(
        "message_template",
        sa.Column("step", sa.Text(), primary_key=True),
        sa.Column("locale", sa.Text(), primary_key=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", sa.Text()),
    )
    op.create_table(
        "bot",
        sa.Column("single", sa.Boolean(), primary_key=True),
        sa.Column("username", sa.Text()),
        sa.Column("checked_at", _MOMENT, nullable=False),
    )
