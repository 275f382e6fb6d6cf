"""Rows of conversations (会话), messages (消息) and language verdicts (用语检查结论)."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import relationship

from bot.storage.columns import Base, Json, UtcDateTime

# An index over all states would draw SQLite away from that of the conversation, to read through
# everything ever sent.
_WAITING = text("state = 'received' OR state = 'pending'")


class Customer(Base):
    """A person known by a verified phone number or a channel's id."""

    __tablename__ = "customers"

    id = Column(Integer, primary_key=True)
    name = Column(String(80))
    phone = Column(String(32))
    phone_hash = Column(String(64), index=True)
    verified_at = Column(UtcDateTime)
    preferred_channel = Column(String(32))
    created_at = Column(UtcDateTime, nullable=False)


class Conversation(Base):
    """All messages with one customer on one channel, and who holds it now."""

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("channel", "external_id"),
        Index("ix_conversations_state_waiting_since", "state", "waiting_since"),
    )

    id = Column(String(40), primary_key=True)
    channel = Column(String(32), nullable=False)
    external_id = Column(String(200), nullable=False)
    customer_id = Column(Integer, ForeignKey("customers.id"), index=True)
    state = Column(String(16), nullable=False, default="bot")
    holder_id = Column(Integer, index=True)
    epoch = Column(Integer, nullable=False, default=0)
    team = Column(String(32))
    urgency = Column(String(16))
    handoff_reason = Column(String(200))
    waiting_since = Column(UtcDateTime)
    dialogue = Column(Json)
    reading = Column(Json)
    last_customer_at = Column(UtcDateTime)
    last_staff_at = Column(UtcDateTime)
    ended_at = Column(UtcDateTime)
    created_at = Column(UtcDateTime, nullable=False)

    customer = relationship(Customer)


class Message(Base):
    """One message in or out.

    `state` of inbound: received, handled; of outbound: pending, sent, dropped, failed.
    The database refuses an outbound message that is sent without a verdict row.
    """

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("conversation_id", "external_id"),
        Index("ix_messages_conversation_id_id", "conversation_id", "id"),
        Index("ix_messages_waiting", "state", "direction", sqlite_where=_WAITING, postgresql_where=_WAITING),
        CheckConstraint(
            "direction = 'in' OR state <> 'sent' OR verdict_id IS NOT NULL", name="sent_has_verdict"
        ),
        {"sqlite_autoincrement": True},
    )

    id = Column(Integer, primary_key=True)
    conversation_id = Column(String(40), ForeignKey("conversations.id"), nullable=False)
    direction = Column(String(3), nullable=False)
    author = Column(String(16), nullable=False)
    staff_id = Column(Integer)
    kind = Column(String(16), nullable=False, default="text")
    text = Column(Text, nullable=False)
    payload = Column(Json)
    external_id = Column(String(128))
    epoch = Column(Integer, nullable=False, default=0)
    state = Column(String(16), nullable=False)
    verdict_id = Column(Integer, ForeignKey("verdicts.id"))
    reply_to = Column(Integer)
    created_at = Column(UtcDateTime, nullable=False)
    sent_at = Column(UtcDateTime)

    verdict = relationship("Verdict", foreign_keys=[verdict_id])


class Verdict(Base):
    """What the language check said of one text, under which version of the rules."""

    __tablename__ = "verdicts"

    id = Column(Integer, primary_key=True)
    verdict = Column(String(8), nullable=False)
    speaker = Column(String(8), nullable=False)
    rules_version = Column(String(32), nullable=False)
    findings = Column(Json, nullable=False)
    replaced_text = Column(Text)
    overridden_by = Column(Integer)
    override_reason = Column(Text)
    created_at = Column(UtcDateTime, nullable=False)


class Review(Base):
    """A turn worth a look: low confidence, fallback, degraded service, correction."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_state_reason", "state", "reason"),)

    id = Column(Integer, primary_key=True)
    conversation_id = Column(String(40), index=True)
    message_id = Column(Integer, index=True)
    reason = Column(String(40), nullable=False)
    text = Column(Text, nullable=False)
    reading = Column(Json)
    state = Column(String(16), nullable=False, default="open")
    created_at = Column(UtcDateTime, nullable=False)
