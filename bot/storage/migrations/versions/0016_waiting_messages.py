"""waiting messages: only what waits is indexed by state; a conversation is read by its own index.

With every message in it, SQLite took the index of states for each look into a conversation and
read through all that had ever been sent.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0016_waiting_messages"
down_revision = "0001"
WAITING = text("state = 'received' OR state = 'pending'")


def upgrade() -> None:
    """Apply."""
    op.drop_index("ix_messages_state_direction", table_name="messages")
    op.create_index(
        "ix_messages_waiting", "messages", ["state", "direction"],
        sqlite_where=WAITING, postgresql_where=WAITING,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_messages_waiting", table_name="messages")
    op.create_index("ix_messages_state_direction", "messages", ["state", "direction"])
