"""Rows of the audit log (审计日志): append-only, each line sealed with the hash of the one before."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, String

from bot.storage.columns import Base, Json, UtcDateTime


class AuditEntry(Base):
    """One line; the database itself refuses to change or delete it."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_action_id", "action", "id"),
        Index("ix_audit_entries_staff_id_id", "staff_id", "id"),
    )

    id = Column(Integer, primary_key=True)
    at = Column(UtcDateTime, nullable=False)
    staff_id = Column(Integer)
    staff_name = Column(String(64), nullable=False)
    action = Column(String(40), nullable=False)
    subject = Column(String(120), nullable=False)
    data = Column(Json, nullable=False)
    previous = Column(String(64), nullable=False)
    hash = Column(String(64), nullable=False, unique=True)
