"""kept calendars: every version of a service calendar that tickets may have been opened under."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import Json, UtcDateTime

revision = "0012_kept_calendars"
down_revision = "0011_late_improvements"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "kept_calendars",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("content", Json, nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_kept_calendars")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("kept_calendars")
