"""Webinars, the accounts that may speak, the audit trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webinar",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("cta_visibility", sa.Text(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("finished_at", _TIME),
        sa.Column("on_air", JSONB(), nullable=False),
        sa.Column("automatic_stop_at", _TIME),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("speaker_id", sa.Text()),
        sa.Column("scheduled_at", _TIME),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("poster_url", sa.Text()),
        sa.Column("recording_url", sa.Text()),
        sa.Column("player_src", sa.Text()),
        sa.Column("chat_src", sa.Text()),
        sa.Column("stream_type", sa.Text(), nullable=False),
        sa.Column("cta_text", sa.Text(), nullable=False),
        sa.Column("cta_link", sa.Text(), nullable=False),
        sa.Column("completion_percent", sa.Integer(), nullable=False),
        sa.Column("overrun_minutes", sa.Integer(), nullable=False),
        sa.Column("field_versions", JSONB(), nullable=False),
    )
    op.create_index(
        "webinar_to_stop",
        "webinar",
        ["automatic_stop_at"],
        postgresql_where=sa.text("automatic_stop_at is not null"),
    )
    op.create_index("webinar_to_archive", "webinar", ["finished_at"], postgresql_where=sa.text("status = 'finished'"))
    op.create_table(
        "account",
        sa.Column("account_id", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("webinar_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("actor_id", sa.Text()),
        sa.Column("message_id", sa.Uuid()),
        sa.Column("reason", sa.Text()),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("before", JSONB()),
        sa.Column("after", JSONB()),
    )
    op.create_index("audit_of_webinar", "audit", ["webinar_id", "version"])


def downgrade() -> None:
    for table in ("audit", "account", "webinar"):
        op.drop_table(table)
