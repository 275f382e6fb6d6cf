"""next due: a ticket keeps when the first of its running clocks is due, for the order of lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0013_next_due"
down_revision = "0012_kept_calendars"
BEFORE, INDEX = "ix_tickets_state_resolution_due_at", "ix_tickets_state_next_due_at"


def upgrade() -> None:
    """Apply; tickets of before get what their clocks say."""
    op.add_column("tickets", sa.Column("next_due_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE tickets SET next_due_at = resolution_due_at")
    op.execute(_SOONER)
    op.drop_index(BEFORE, "tickets")
    op.create_index(INDEX, "tickets", ["state", "next_due_at"])


# A running hold is stored among the clocks and is none.
_RUNNING = "clock.ticket_id = tickets.id AND clock.ended_at IS NULL AND clock.clock <> 'hold'"
_SOONER = f"""
UPDATE tickets SET next_due_at = (SELECT min(due_at) FROM ticket_clocks AS clock WHERE {_RUNNING})
WHERE EXISTS (
  SELECT 1 FROM ticket_clocks AS clock WHERE {_RUNNING} AND clock.due_at < tickets.resolution_due_at
)
"""  # noqa: S608 - fixed words


def downgrade() -> None:
    """Take back."""
    op.drop_index(INDEX, "tickets")
    op.drop_column("tickets", "next_due_at")
    op.create_index(BEFORE, "tickets", ["state", "resolution_due_at"])
