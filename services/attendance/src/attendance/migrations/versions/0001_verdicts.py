"""Verdicts and their evidence."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "classification",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("attended", sa.Boolean(), nullable=False),
        sa.Column("timestamp", TIME, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("watched_seconds", sa.Integer(), nullable=False),
        sa.Column("base_seconds", sa.Integer(), nullable=False),
        sa.Column("watched_percent", sa.Integer(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("decided_from", sa.Uuid(), nullable=False),
        sa.Column("classified_at", TIME, nullable=False),
    )
    op.create_table(
        "entrance",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("lead_id", sa.Text(), primary_key=True),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
    )
    op.create_table(
        "webinar",
        sa.Column("webinar_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("scheduled_at", TIME),
        sa.Column("duration_minutes", sa.Integer(), nullable=False),
        sa.Column("completion_percent", sa.Integer(), nullable=False),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
    )


def downgrade() -> None:
    for table in ("webinar", "entrance", "classification"):
        op.drop_table(table)
