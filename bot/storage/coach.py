"""Rows of training (训练): turns worth a label, labels of trainers, switches of the model."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import relationship

from bot.storage.columns import Base, Json, UtcDateTime


class InboxGroup(Base):
    """Turns that are worded alike: one decision labels them all."""

    __tablename__ = "inbox_groups"
    __table_args__ = (Index("ix_inbox_groups_open_items_worth", "open_items", "worth", "id"),)

    id = Column(Integer, primary_key=True)
    text = Column(Text, nullable=False)
    open_items = Column(Integer, nullable=False, default=0)
    worth = Column(Float, nullable=False, default=0.0)


class InboxItem(Base):
    """One turn worth a look, masked; `origin` names where it comes from and comes once.

    States: open, second (waits for another trainer), disputed (waits for a third), labelled,
    skipped, divided, promoted, refused.
    """

    __tablename__ = "inbox_items"
    __table_args__ = (
        Index("ix_inbox_items_state_group_id", "state", "group_id"),
        Index("ix_inbox_items_labelled_at", "labelled_at"),
    )

    id = Column(Integer, primary_key=True)
    origin = Column(String(80), nullable=False, unique=True)
    group_id = Column(Integer, ForeignKey("inbox_groups.id"), nullable=False, index=True)
    conversation_id = Column(String(40))
    text = Column(Text, nullable=False)
    reasons = Column(Json, nullable=False)
    reading = Column(Json, nullable=False)
    worth = Column(Float, nullable=False)
    sample = Column(Boolean, nullable=False, default=False)
    state = Column(String(12), nullable=False, default="open")
    type = Column(String(40))
    urgency = Column(String(16))
    labelled_by = Column(String(64))
    labelled_at = Column(UtcDateTime)
    note = Column(Text)
    created_at = Column(UtcDateTime, nullable=False)

    group = relationship(InboxGroup)
    labels = relationship("InboxLabel", order_by="InboxLabel.id")


class InboxLabel(Base):
    """What one person said that a turn is."""

    __tablename__ = "inbox_labels"
    __table_args__ = (UniqueConstraint("item_id", "labeller"),)

    id = Column(Integer, primary_key=True)
    item_id = Column(Integer, ForeignKey("inbox_items.id"), nullable=False)
    labeller = Column(String(64), nullable=False)
    type = Column(String(40), nullable=False)
    urgency = Column(String(16))
    at = Column(UtcDateTime, nullable=False)


class InboxCursor(Base):
    """How far a source of turns has been gathered."""

    __tablename__ = "inbox_cursors"

    source = Column(String(24), primary_key=True)
    last_id = Column(Integer, nullable=False)


class ModelSwitch(Base):
    """One change of the model in service: from which to which, who, why, with what figures."""

    __tablename__ = "model_switches"

    id = Column(Integer, primary_key=True)
    kind = Column(String(16), nullable=False)
    model = Column(String(120), nullable=False)
    previous = Column(String(120))
    staff_name = Column(String(64), nullable=False)
    reason = Column(Text, nullable=False)
    figures = Column(Json, nullable=False)
    at = Column(UtcDateTime, nullable=False)
