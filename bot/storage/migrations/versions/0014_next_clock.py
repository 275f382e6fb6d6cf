"""next clock: a ticket keeps which of its clocks is due first, for the chips of lists."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014_next_clock"
down_revision = "0013_next_due"


def upgrade() -> None:
    """Apply; tickets of before get what their clocks say."""
    op.add_column("tickets", sa.Column("next_clock", sa.String(24), nullable=True))
    op.execute("UPDATE tickets SET next_clock = 'resolution'")
    op.execute(_ANOTHER)


# A running hold is stored among the clocks and is none; at one time with the solution the
# response alone comes before it.
_RUNNING = """
  FROM ticket_clocks AS clock
  WHERE clock.ticket_id = tickets.id AND clock.ended_at IS NULL AND clock.clock <> 'hold'
    AND clock.due_at = tickets.next_due_at
    AND (clock.clock = 'response' OR clock.due_at < tickets.resolution_due_at)
"""
_ANOTHER = f"""
UPDATE tickets SET next_clock = (
  SELECT clock.clock {_RUNNING}
  ORDER BY CASE clock.clock WHEN 'response' THEN 0 WHEN 'resolution' THEN 1 ELSE 2 END, clock.clock
  LIMIT 1
)
WHERE EXISTS (SELECT 1 {_RUNNING})
"""  # noqa: S608 - fixed words


def downgrade() -> None:
    """Take back."""
    op.drop_column("tickets", "next_clock")
