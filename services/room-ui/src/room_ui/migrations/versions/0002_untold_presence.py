"""Reports of presence that the broker did not take."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "untold_presence",
        sa.Column("webinar_id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Text(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("reports", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("webinar_id", "instance_id"),
    )


def downgrade() -> None:
    op.drop_table("untold_presence")
