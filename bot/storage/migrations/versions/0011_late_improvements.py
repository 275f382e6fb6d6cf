"""late improvements: when people hear again of an improvement item that is still open."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0011_late_improvements"
down_revision = "0010_told_letters"


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("improvements") as table:
        table.add_column(sa.Column("next_at", UtcDateTime(), nullable=True))
        table.create_index("ix_improvements_next_at", ["next_at"], unique=False)
    op.execute("UPDATE improvements SET next_at = due_at WHERE state = 'open'")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("improvements") as table:
        table.drop_index("ix_improvements_next_at")
        table.drop_column("next_at")
