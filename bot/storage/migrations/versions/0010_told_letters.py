"""told letters: when people were told that a delivery was given up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0010_told_letters"
down_revision = "0009_kept_promises"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("deliveries") as table:
        table.add_column(sa.Column("told_at", UtcDateTime(), nullable=True))
        table.create_index("ix_deliveries_state_told_at", ["state", "told_at"], unique=False)
    # What was given up before is seen in the console, and is no news.
    op.execute("UPDATE deliveries SET told_at = created_at WHERE state = 'dead'")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("deliveries") as table:
        table.drop_index("ix_deliveries_state_told_at")
        table.drop_column("told_at")
