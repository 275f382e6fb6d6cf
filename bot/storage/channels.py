"""Rows of channels (渠道): accounts, deliveries, shared tokens, cursors, codes, used hand-overs."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Text

from bot.storage.columns import Base, Json, UtcDateTime


class ChannelAccount(Base):
    """Where one conversation is answered on its platform, and what may still be sent there.

    `window_at`, `window` and `used` count a platform's quota; `busy_until` lets one process at a
    time send; `service_state` and `synced_epoch` mirror a platform that has states of its own.
    """

    __tablename__ = "channel_accounts"
    __table_args__ = (Index("ix_channel_accounts_channel_synced_epoch", "channel", "synced_epoch"),)

    conversation_id = Column(String(40), ForeignKey("conversations.id"), primary_key=True)
    channel = Column(String(32), nullable=False)
    external_id = Column(String(200), nullable=False)
    address = Column(Json, nullable=False)
    window = Column(String(16))
    window_at = Column(UtcDateTime)
    used = Column(Integer, nullable=False, default=0)
    busy_until = Column(UtcDateTime)
    closed_at = Column(UtcDateTime)
    service_state = Column(Integer)
    synced_epoch = Column(Integer)
    updated_at = Column(UtcDateTime, nullable=False)


class ChannelDelivery(Base):
    """One outbound message on its way: queued, sending, sent, merged, held, failed, expired, dropped.

    What is sent is fixed in `body` before the first try, so that a repetition is the same.
    """

    __tablename__ = "channel_deliveries"
    __table_args__ = (
        Index("ix_channel_deliveries_state_next_at", "state", "next_at"),
        Index("ix_channel_deliveries_conversation_id_state", "conversation_id", "state"),
    )

    id = Column(Integer, primary_key=True)
    message_id = Column(Integer, ForeignKey("messages.id"), nullable=False, unique=True)
    conversation_id = Column(String(40), ForeignKey("conversations.id"), nullable=False)
    channel = Column(String(32), nullable=False)
    target = Column(String(200), nullable=False)
    outcome = Column(Boolean, nullable=False, default=False)
    state = Column(String(12), nullable=False)
    body = Column(Json)
    carrier_id = Column(Integer)
    attempts = Column(Integer, nullable=False, default=0)
    next_at = Column(UtcDateTime, nullable=False)
    platform_id = Column(String(200))
    last_error = Column(String(300))
    created_at = Column(UtcDateTime, nullable=False)
    sent_at = Column(UtcDateTime)


class ChannelToken(Base):
    """An access token that all instances share; one of them renews it at a time."""

    __tablename__ = "channel_tokens"

    name = Column(String(120), primary_key=True)
    token = Column(Text)
    expires_at = Column(UtcDateTime)
    renewing_until = Column(UtcDateTime)


class ChannelCursor(Base):
    """How far something has been read, kept over restarts."""

    __tablename__ = "channel_cursors"

    name = Column(String(200), primary_key=True)
    value = Column(Text, nullable=False)
    updated_at = Column(UtcDateTime, nullable=False)


class PhoneCode(Base):
    """A one-time code that proves a phone; only its hash is kept."""

    __tablename__ = "phone_codes"
    __table_args__ = (Index("ix_phone_codes_phone_hash_created_at", "phone_hash", "created_at"),)

    id = Column(Integer, primary_key=True)
    conversation_id = Column(
        String(40), ForeignKey("conversations.id"), nullable=False, index=True
    )
    phone = Column(String(32), nullable=False)
    phone_hash = Column(String(64), nullable=False)
    code_hash = Column(String(64), nullable=False)
    tries = Column(Integer, nullable=False, default=0)
    state = Column(String(12), nullable=False)
    created_at = Column(UtcDateTime, nullable=False)
    expires_at = Column(UtcDateTime, nullable=False)


class UsedHandOver(Base):
    """A hand-over token of a host site that has been used once."""

    __tablename__ = "used_hand_overs"

    nonce = Column(String(64), primary_key=True)
    used_at = Column(UtcDateTime, nullable=False)
