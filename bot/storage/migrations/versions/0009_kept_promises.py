"""kept promises: a call that was made and a complaint that was answered count for who did it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009_kept_promises"
down_revision = "0008_late_facts"


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    changed = connection.execute(sa.text(_PERSON), {"yes": True})
    if changed.rowcount:
        connection.execute(
            sa.text(
                "INSERT INTO late_facts (day) SELECT DISTINCT day FROM figure_days"
                " WHERE name IN ('callback_rate', 'complaint_rate') ORDER BY day"
            )
        )


_PERSON = """
UPDATE ticket_outcomes SET holder_id = (
  SELECT entry.actor_id FROM ticket_entries AS entry
  WHERE entry.ticket_id = ticket_outcomes.ticket_id AND entry.at = ticket_outcomes.at
    AND (entry.step = 'answer' OR (entry.step IN ('respond', 'contact') AND ticket_outcomes.name = 'callback'))
    AND entry.actor_kind IN ('staff', 'leader')
  ORDER BY entry.seq LIMIT 1
) WHERE name IN ('callback', 'complaint') AND ok = :yes
"""


def downgrade() -> None:
    """Take back nothing: the log says who it was."""
