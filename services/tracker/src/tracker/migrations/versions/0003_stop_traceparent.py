"""The trace of a stop, kept until its outcomes are written."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stop", sa.Column("traceparent", sa.Text()))


def downgrade() -> None:
    op.drop_column("stop", "traceparent")
