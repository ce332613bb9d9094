"""Webinars, presence, sessions, the stop."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "webinar",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("scheduled_at", TIME),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("completion_percent", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("on_air", JSONB(), nullable=False),
        sa.Column("version_without_start", sa.BigInteger(), nullable=False),
        sa.Column("version_with_start", sa.BigInteger()),
        sa.Column("version_without_finish", sa.BigInteger(), nullable=False),
        sa.Column("version_with_finish", sa.BigInteger()),
    )
    op.create_table(
        "ledger",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("finalised_at", TIME),
    )
    op.create_table(
        "stop",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("heard_at", TIME, nullable=False),
        sa.Column("due_at", TIME, nullable=False),
    )
    op.create_index("ix_stop_due_at", "stop", ["due_at"])
    op.create_table(
        "report",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("instance_id", sa.Text(), primary_key=True),
        sa.Column("part", sa.Integer(), primary_key=True),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("webinar_version", sa.BigInteger(), nullable=False),
        sa.Column("interval_seconds", sa.Integer(), nullable=False),
        sa.Column("heard_at", TIME, nullable=False),
    )
    op.create_table(
        "presence",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("instance_id", sa.Text(), primary_key=True),
        sa.Column("since", TIME, primary_key=True),
        sa.Column("until", TIME, nullable=False),
        sa.Column("seen_version", sa.BigInteger()),
        sa.Column("unseen_at", TIME),
        postgresql_with={"fillfactor": 70},
    )
    op.create_table(
        "session",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("pressed_at", ARRAY(TIME), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("entered_at", TIME),
        sa.Column("completed_at", TIME),
        sa.Column("completed_by", sa.Text()),
        sa.Column("watched_seconds", sa.Integer()),
        sa.Column("base_seconds", sa.Integer()),
        sa.Column("told_version", sa.BigInteger()),
        sa.Column("told_at", TIME),
    )
    op.create_index(
        "session_pressed_and_open",
        "session",
        ["webinar_id", "lead_id"],
        postgresql_where=sa.text("completed_at is null and cardinality(pressed_at) > 0"),
    )
    op.create_index("session_told_at", "session", ["webinar_id", "told_at"])


def downgrade() -> None:
    for table in ("session", "presence", "report", "stop", "ledger", "webinar"):
        op.drop_table(table)
