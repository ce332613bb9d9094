"""The oldest dead letters found without reading them all; which restored database was settled."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "kit0004"
down_revision = "kit0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("dead_letter_dead_at", "dead_letter", ["dead_at", "id"])
    op.create_table(
        "settled_restore",
        sa.Column("fingerprint", sa.Text(), primary_key=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("found", JSONB(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("settled_restore")
    op.drop_index("dead_letter_dead_at", "dead_letter")
