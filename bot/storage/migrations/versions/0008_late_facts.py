"""late facts: what reaches a day whose figures are stored; a reopening counts with its resolution."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008_late_facts"
down_revision = "0004_outcomes"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "late_facts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_late_facts_ticket_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_late_facts")),
    )
    with op.batch_alter_table("ticket_outcomes") as table:
        table.add_column(sa.Column("reopened_after", sa.Float(), nullable=True))
    _count_as_now(op.get_bind())


def _count_as_now(connection: sa.engine.Connection) -> None:
    """Put stored facts as the log gives them now, and have the stored days reckoned anew."""
    reopened = connection.execute(
        sa.text("SELECT id, ticket_id, place, value FROM ticket_outcomes WHERE name = 'reopened' ORDER BY ticket_id, place DESC")
    ).all()
    for id_, ticket_id, place, days in reopened:
        here = {"id": id_, "ticket": ticket_id, "place": place, "days": days}
        # The resolution before it, unless an earlier reopening has taken that back already.
        connection.execute(sa.text(_NOTE), here)
        connection.execute(sa.text("DELETE FROM ticket_outcomes WHERE id = :id"), here)
        later = connection.execute(
            sa.text("SELECT id FROM ticket_outcomes WHERE ticket_id = :ticket AND place > :place ORDER BY place"), here
        ).scalars()
        for each in later.all():
            connection.execute(
                sa.text("UPDATE ticket_outcomes SET place = place - 1 WHERE id = :id"), {"id": each}
            )
    connection.execute(sa.text(_PERSON), {"yes": True})
    connection.execute(
        sa.text("INSERT INTO late_facts (day) SELECT DISTINCT day FROM figure_days ORDER BY day")
    )


_NOTE = """
UPDATE ticket_outcomes SET reopened_after = :days WHERE id = (
  SELECT id FROM ticket_outcomes
  WHERE ticket_id = :ticket AND place < :place AND name IN ('resolved', 'reopened')
  ORDER BY place DESC LIMIT 1
) AND name = 'resolved'
"""
_PERSON = """
UPDATE ticket_outcomes SET holder_id = (
  SELECT entry.actor_id FROM ticket_entries AS entry
  WHERE entry.ticket_id = ticket_outcomes.ticket_id AND entry.at = ticket_outcomes.at
    AND entry.step IN ('respond', 'contact', 'answer') AND entry.actor_kind IN ('staff', 'leader')
  ORDER BY entry.seq LIMIT 1
) WHERE name = 'first_response' OR (name = 'response' AND ok = :yes)
"""


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("ticket_outcomes") as table:
        table.drop_column("reopened_after")
    op.drop_table("late_facts")
