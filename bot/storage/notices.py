"""Rows of notices (通知) and of the outbox (发件箱) that carries them out after commit."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Text

from bot.storage.columns import Base, Json, UtcDateTime


class Notice(Base):
    """Something a staff member, a team or a leader must know; the console shows it at once."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_team_role_id", "team", "role", "id"),
        Index("ix_notices_staff_id_id", "staff_id", "id"),
    )

    id = Column(Integer, primary_key=True)
    key = Column(String(160), nullable=False, unique=True)
    kind = Column(String(24), nullable=False)
    level = Column(String(12), nullable=False)
    role = Column(String(16), nullable=False)
    team = Column(String(32))
    staff_id = Column(Integer)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), index=True)
    text = Column(Text, nullable=False)
    created_at = Column(UtcDateTime, nullable=False)
    # The first reader; who else has read it is in `NoticeRead`.
    read_at = Column(UtcDateTime)
    read_by = Column(Integer)


class NoticeRead(Base):
    """That one person has read a notice; a team's notice stays unread for the others."""

    __tablename__ = "notice_reads"

    notice_id = Column(Integer, ForeignKey("notices.id"), primary_key=True, autoincrement=False)
    staff_id = Column(Integer, primary_key=True, autoincrement=False)
    read_at = Column(UtcDateTime, nullable=False)


class Delivery(Base):
    """One message to be carried out: pending, sent, merged (into a digest), dead.

    `delivery_id` is made of the key, stays the same over retries, and is seen by the receiver.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_state_next_at", "state", "next_at"),
        Index("ix_deliveries_digest_state", "digest", "state"),
        Index("ix_deliveries_state_told_at", "state", "told_at"),
    )

    id = Column(Integer, primary_key=True)
    key = Column(String(200), nullable=False, unique=True)
    delivery_id = Column(String(36), nullable=False, unique=True)
    sender = Column(String(16), nullable=False)
    target = Column(String(200), nullable=False)
    payload = Column(Json, nullable=False)
    digest = Column(String(200))
    notice_id = Column(Integer, ForeignKey("notices.id"), index=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), index=True)
    state = Column(String(12), nullable=False, default="pending")
    attempts = Column(Integer, nullable=False, default=0)
    next_at = Column(UtcDateTime, nullable=False)
    last_error = Column(String(300))
    created_at = Column(UtcDateTime, nullable=False)
    sent_at = Column(UtcDateTime)
    # When people were told that it was given up.
    told_at = Column(UtcDateTime)
