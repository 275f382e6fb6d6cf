"""channels: accounts, deliveries, tokens, cursors, phone codes and used hand-overs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.storage.columns import Json, UtcDateTime

revision = "0004_channels"
down_revision = "0001"

TABLES = (
    "used_hand_overs",
    "phone_codes",
    "channel_cursors",
    "channel_tokens",
    "channel_deliveries",
    "channel_accounts",
)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "channel_accounts",
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("external_id", sa.String(length=200), nullable=False),
        sa.Column("address", Json, nullable=False),
        sa.Column("window", sa.String(length=16), nullable=True),
        sa.Column("window_at", UtcDateTime(), nullable=True),
        sa.Column("used", sa.Integer(), nullable=False),
        sa.Column("busy_until", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("service_state", sa.Integer(), nullable=True),
        sa.Column("synced_epoch", sa.Integer(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"],
            name=op.f("fk_channel_accounts_conversation_id"),
        ),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_channel_accounts")),
    )
    op.create_index(
        "ix_channel_accounts_channel_synced_epoch", "channel_accounts", ["channel", "synced_epoch"]
    )
    op.create_table(
        "channel_deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("message_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("body", Json, nullable=True),
        sa.Column("carrier_id", sa.Integer(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=False),
        sa.Column("platform_id", sa.String(length=200), nullable=True),
        sa.Column("last_error", sa.String(length=300), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"],
            name=op.f("fk_channel_deliveries_conversation_id"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_channel_deliveries_message_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_channel_deliveries")),
        sa.UniqueConstraint("message_id", name=op.f("uq_channel_deliveries_message_id")),
    )
    op.create_index(
        "ix_channel_deliveries_state_next_at", "channel_deliveries", ["state", "next_at"]
    )
    op.create_index(
        "ix_channel_deliveries_conversation_id_state", "channel_deliveries",
        ["conversation_id", "state"],
    )
    op.create_table(
        "channel_tokens",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("renewing_until", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel_tokens")),
    )
    op.create_table(
        "channel_cursors",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_channel_cursors")),
    )
    op.create_table(
        "phone_codes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=False),
        sa.Column("phone_hash", sa.String(length=64), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_phone_codes_conversation_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phone_codes")),
    )
    op.create_index(
        op.f("ix_phone_codes_conversation_id"), "phone_codes", ["conversation_id"]
    )
    op.create_index(
        "ix_phone_codes_phone_hash_created_at", "phone_codes", ["phone_hash", "created_at"]
    )
    op.create_table(
        "used_hand_overs",
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("pk_used_hand_overs")),
    )


def downgrade() -> None:
    """Take back."""
    for table in TABLES:
        op.drop_table(table)
