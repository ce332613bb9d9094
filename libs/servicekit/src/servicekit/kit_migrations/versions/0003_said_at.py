"""When a message that is replayed was first said."""

import sqlalchemy as sa
from alembic import op

revision = "kit0003"
down_revision = "kit0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("dead_letter", "outbox"):
        op.add_column(table, sa.Column("said_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    for table in ("outbox", "dead_letter"):
        op.drop_column(table, "said_at")
