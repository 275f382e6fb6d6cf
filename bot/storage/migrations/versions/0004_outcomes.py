"""outcomes: the facts that the figures count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import UtcDateTime

revision = "0004_outcomes"
down_revision = "0002_clock"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ticket_outcomes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("cause", sa.String(length=20), nullable=True),
        sa.Column("deadline_class", sa.String(length=32), nullable=False),
        sa.Column("team", sa.String(length=32), nullable=False),
        sa.Column("holder_id", sa.Integer(), nullable=True),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name=op.f("fk_ticket_outcomes_ticket_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticket_outcomes")),
        sa.UniqueConstraint(
            "ticket_id", "place", name=op.f("uq_ticket_outcomes_ticket_id_place")
        ),
    )
    op.create_index("ix_ticket_outcomes_at_name", "ticket_outcomes", ["at", "name"])


def downgrade() -> None:
    """Take back."""
    op.drop_table("ticket_outcomes")
