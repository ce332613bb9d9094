"""Which messages a process had in hand alone, so that one that kills processes is found out."""

import sqlalchemy as sa
from alembic import op

revision = "kit0005"
down_revision = "kit0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "suspect",
        sa.Column("queue", sa.Text(), primary_key=True),
        sa.Column("message_id", sa.Uuid(), primary_key=True),
        sa.Column("held_by", sa.Uuid(), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("suspect")
