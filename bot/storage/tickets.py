"""Rows of tickets (工单) and their append-only history (工单记录)."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import relationship

from bot.storage.columns import Base, Json, UtcDateTime


class Ticket(Base):
    """The accepted matter; due times are an index over the history, recomputable from it."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index("ix_tickets_state_next_due_at", "state", "next_due_at"),
        Index("ix_tickets_team_state", "team", "state"),
        Index("ix_tickets_type_id", "type", "id"),
        Index("ix_tickets_deadline_class_id", "deadline_class", "id"),
        Index("ix_tickets_state_id", "state", "id"),
        Index("ix_tickets_team_id", "team", "id"),
        Index("ix_tickets_urgency_id", "urgency", "id"),
    )

    id = Column(Integer, primary_key=True)
    number = Column(String(24), nullable=False, unique=True)
    idempotency_key = Column(String(160), nullable=False, unique=True)
    type = Column(String(40), nullable=False)
    kind = Column(String(16), nullable=False)
    urgency = Column(String(16), nullable=False)
    deadline_class = Column(String(32), nullable=False)
    state = Column(String(24), nullable=False)
    team = Column(String(32), nullable=False)
    holder_id = Column(Integer, index=True)
    customer_id = Column(Integer, ForeignKey("customers.id"), index=True)
    conversation_id = Column(String(40), ForeignKey("conversations.id"), index=True)
    channel = Column(String(32), nullable=False)
    facts = Column(Json, nullable=False)
    summary = Column(Text, nullable=False)
    signals = Column(Json, nullable=False)
    phone_hash = Column(String(64), index=True)
    table_version = Column(Integer, nullable=False)
    response_h = Column(String(12), nullable=False)
    resolution_h = Column(String(12), nullable=False)
    accepted_at = Column(UtcDateTime, nullable=False)
    response_due_at = Column(UtcDateTime, nullable=False)
    resolution_due_at = Column(UtcDateTime, nullable=False)
    next_due_at = Column(UtcDateTime)
    next_clock = Column(String(24))
    first_response_at = Column(UtcDateTime)
    resolved_at = Column(UtcDateTime)
    closed_at = Column(UtcDateTime)
    held_since = Column(UtcDateTime)
    hold_reason = Column(String(40))
    rung = Column(Integer, nullable=False, default=0)
    incident_id = Column(Integer, index=True)
    satisfaction = Column(Integer)
    degraded = Column(Boolean, nullable=False, default=False)
    updated_at = Column(UtcDateTime, nullable=False)

    entries = relationship("TicketEntry", order_by="TicketEntry.seq", back_populates="ticket")


class TicketEntry(Base):
    """One line of a ticket's history: who did what when, from which state to which, why."""

    __tablename__ = "ticket_entries"
    __table_args__ = (
        UniqueConstraint("ticket_id", "seq"),
        # A step that is sent again after a crash or a lost answer is taken once.
        Index("uq_ticket_entries_ticket_id_key", "ticket_id", "key", unique=True),
    )

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    seq = Column(Integer, nullable=False)
    step = Column(String(32), nullable=False)
    from_state = Column(String(24))
    to_state = Column(String(24))
    actor_kind = Column(String(16), nullable=False)
    actor_id = Column(Integer)
    reason = Column(Text)
    key = Column(String(120))
    data = Column(Json, nullable=False)
    at = Column(UtcDateTime, nullable=False)

    ticket = relationship(Ticket, back_populates="entries")


class TicketCounter(Base):
    """The last ticket number given out on one day."""

    __tablename__ = "ticket_counters"

    day = Column(String(8), primary_key=True)
    last = Column(Integer, nullable=False)
