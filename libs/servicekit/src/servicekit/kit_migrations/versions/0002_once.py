"""A dead letter once, its sender kept; whoever asks for snapshots during a run gets another."""

import sqlalchemy as sa
from alembic import op

revision = "kit0002"
down_revision = "kit0001"
branch_labels = None
depends_on = None
no_longer_used = {
    "unique (queue, message_id, md5(body)) of dead_letter is new, and an insert may break it": (
        "kit0001 buried twice only what it had not acknowledged: its second burial fails, and the message waits at the "
        "broker for a process of this release"
    )
}


def upgrade() -> None:
    op.add_column("outbox", sa.Column("app_id", sa.Text()))
    op.add_column("snapshot_run", sa.Column("asked_again", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "delete from dead_letter older using dead_letter newer where older.queue = newer.queue "
        "and older.message_id = newer.message_id and older.body = newer.body and older.id < newer.id"
    )
    # A message is buried once, however often it comes; messages without an id of their own differ in their bodies.
    op.create_index("dead_letter_once", "dead_letter", ["queue", "message_id", sa.text("md5(body)")], unique=True)


def downgrade() -> None:
    op.drop_index("dead_letter_once", "dead_letter")
    op.drop_column("snapshot_run", "asked_again")
    op.drop_column("outbox", "app_id")
