"""The traces of verdicts and of messages, kept until these go out."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("verdict", sa.Column("traceparent", sa.Text()))
    op.add_column("delivery", sa.Column("traceparent", sa.Text()))


def downgrade() -> None:
    op.drop_column("delivery", "traceparent")
    op.drop_column("verdict", "traceparent")
