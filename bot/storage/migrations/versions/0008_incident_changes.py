"""incident changes: when an incident has something to tell its members, and what each has heard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0008_incident_changes"
down_revision = "0002_clock"


def upgrade() -> None:
    """Apply; incidents that are being served go on."""
    with op.batch_alter_table("incidents") as batch_op:
        batch_op.add_column(sa.Column("next_at", UtcDateTime(), nullable=True))
        batch_op.create_index("ix_incidents_next_at", ["next_at"], unique=False)
    with op.batch_alter_table("fault_reports") as batch_op:
        batch_op.add_column(sa.Column("heard", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("next_at", UtcDateTime(), nullable=True))
    op.execute("UPDATE incidents SET next_at = opened_at WHERE state IN ('restored', 'ending')")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("fault_reports") as batch_op:
        batch_op.drop_column("next_at")
        batch_op.drop_column("heard")
    with op.batch_alter_table("incidents") as batch_op:
        batch_op.drop_index("ix_incidents_next_at")
        batch_op.drop_column("next_at")
