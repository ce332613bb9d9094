"""What a participant watched, kept when the connections behind it are forgotten."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("session", sa.Column("windows", JSONB()))


def downgrade() -> None:
    op.drop_column("session", "windows")
