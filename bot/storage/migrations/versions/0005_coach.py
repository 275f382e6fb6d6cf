"""coach: inbox of turns, labels, switches of the model."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import Json, UtcDateTime

revision = "0005_coach"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "inbox_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("open_items", sa.Integer(), nullable=False),
        sa.Column("worth", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_groups")),
    )
    op.create_index(
        "ix_inbox_groups_open_items_worth", "inbox_groups", ["open_items", "worth", "id"]
    )
    op.create_table(
        "inbox_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=80), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("reading", Json, nullable=False),
        sa.Column("worth", sa.Float(), nullable=False),
        sa.Column("sample", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=True),
        sa.Column("urgency", sa.String(length=16), nullable=True),
        sa.Column("labelled_by", sa.String(length=64), nullable=True),
        sa.Column("labelled_at", UtcDateTime(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["inbox_groups.id"], name=op.f("fk_inbox_items_group_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_items")),
        sa.UniqueConstraint("origin", name=op.f("uq_inbox_items_origin")),
    )
    op.create_index("ix_inbox_items_group_id", "inbox_items", ["group_id"])
    op.create_index("ix_inbox_items_state_group_id", "inbox_items", ["state", "group_id"])
    op.create_index("ix_inbox_items_labelled_at", "inbox_items", ["labelled_at"])
    op.create_table(
        "inbox_labels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("labeller", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=40), nullable=False),
        sa.Column("urgency", sa.String(length=16), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["inbox_items.id"], name=op.f("fk_inbox_labels_item_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbox_labels")),
        sa.UniqueConstraint(
            "item_id", "labeller", name=op.f("uq_inbox_labels_item_id_labeller")
        ),
    )
    op.create_table(
        "inbox_cursors",
        sa.Column("source", sa.String(length=24), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_inbox_cursors")),
    )
    op.create_table(
        "model_switches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("previous", sa.String(length=120), nullable=True),
        sa.Column("staff_name", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", Json, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_switches")),
    )


def downgrade() -> None:
    """Take back."""
    for table in ("model_switches", "inbox_cursors", "inbox_labels", "inbox_items", "inbox_groups"):
        op.drop_table(table)
