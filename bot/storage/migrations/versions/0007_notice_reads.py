"""notice reads: who has read which notice, each person for themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0007_notice_reads"
down_revision = "0002_clock"


def upgrade() -> None:
    """Apply; what was read stays read for who read it."""
    op.create_table(
        "notice_reads",
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Integer(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["notices.id"], name=op.f("fk_notice_reads_notice_id")
        ),
        sa.PrimaryKeyConstraint("notice_id", "staff_id", name=op.f("pk_notice_reads")),
    )
    op.execute(
        "INSERT INTO notice_reads (notice_id, staff_id, read_at)"
        " SELECT id, read_by, read_at FROM notices WHERE read_by IS NOT NULL AND read_at IS NOT NULL"
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("notice_reads")
