"""words at once: PostgreSQL sorts a ticket's words into their index when the ticket comes.

Left to itself it keeps up to 4 MB of them in a list that every search has to read through.
"""

from __future__ import annotations

from alembic import op

revision = "0015_words_at_once"
down_revision = "0003_staff"
INDEX = "ix_ticket_texts_words"


def upgrade() -> None:
    """Apply, and sort in what waits."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX {INDEX} SET (fastupdate = off)")
        op.execute(f"SELECT gin_clean_pending_list('{INDEX}')")


def downgrade() -> None:
    """Take back."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX {INDEX} RESET (fastupdate)")
