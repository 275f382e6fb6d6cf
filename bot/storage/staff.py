"""Rows of staff (客服人员): accounts, sign-ins, qualifications, offers, and what they work with."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import relationship

from bot.storage.columns import Base, Json, UtcDateTime


class Staff(Base):
    """A person who signs in; `teams` empty means every team."""

    __tablename__ = "staff"

    id = Column(Integer, primary_key=True)
    name = Column(String(64), nullable=False, unique=True)
    title = Column(String(64), nullable=False)
    role = Column(String(16), nullable=False)
    teams = Column(Json, nullable=False)
    password_hash = Column(String(200), nullable=False)
    must_change = Column(Integer, nullable=False, default=1)
    failures = Column(Integer, nullable=False, default=0)
    locked_until = Column(UtcDateTime)
    disabled_at = Column(UtcDateTime)
    capacity = Column(Integer, nullable=False)
    presence = Column(String(16), nullable=False, default="off")
    presence_reason = Column(String(40))
    presence_since = Column(UtcDateTime)
    idle_since = Column(UtcDateTime)
    seen_at = Column(UtcDateTime)
    created_at = Column(UtcDateTime, nullable=False)

    qualifications = relationship("Qualification", order_by="Qualification.id")


class SignIn(Base):
    """One browser that is signed in; the token itself is not stored, only its hash."""

    __tablename__ = "sign_ins"

    token_hash = Column(String(64), primary_key=True)
    staff_id = Column(Integer, ForeignKey("staff.id"), nullable=False, index=True)
    csrf = Column(String(64), nullable=False)
    address = Column(String(64), nullable=False)
    created_at = Column(UtcDateTime, nullable=False)
    seen_at = Column(UtcDateTime, nullable=False)
    expires_at = Column(UtcDateTime, nullable=False)
    ended_at = Column(UtcDateTime)


class Qualification(Base):
    """A certificate of a staff member, good until a day (2.1)."""

    __tablename__ = "qualifications"
    __table_args__ = (UniqueConstraint("staff_id", "skill"),)

    id = Column(Integer, primary_key=True)
    staff_id = Column(Integer, ForeignKey("staff.id"), nullable=False)
    skill = Column(String(40), nullable=False)
    expires_on = Column(Date, nullable=False, index=True)


class Offer(Base):
    """A waiting conversation held out to one person for a short time."""

    __tablename__ = "offers"
    __table_args__ = (
        UniqueConstraint("conversation_id", "epoch", "round"),
        Index("ix_offers_state_expires_at", "state", "expires_at"),
    )

    id = Column(Integer, primary_key=True)
    conversation_id = Column(String(40), ForeignKey("conversations.id"), nullable=False, index=True)
    epoch = Column(Integer, nullable=False)
    round = Column(Integer, nullable=False)
    staff_id = Column(Integer, ForeignKey("staff.id"), nullable=False, index=True)
    state = Column(String(16), nullable=False, default="open")
    offered_at = Column(UtcDateTime, nullable=False)
    expires_at = Column(UtcDateTime, nullable=False)


class StaffEvent(Base):
    """One change that consoles show: who took, gave back, passed on, set a presence."""

    __tablename__ = "staff_events"
    __table_args__ = (Index("ix_staff_events_kind_team_id", "kind", "team", "id"),)

    id = Column(Integer, primary_key=True)
    kind = Column(String(24), nullable=False)
    team = Column(String(32))
    staff_id = Column(Integer)
    conversation_id = Column(String(40), index=True)
    ticket_number = Column(String(24))
    data = Column(Json, nullable=False)
    at = Column(UtcDateTime, nullable=False)


class Approval(Base):
    """A sum asked for a customer, and who allowed it; cents, so that sums are exact (2.2)."""

    __tablename__ = "approvals"
    __table_args__ = (Index("ix_approvals_state_id", "state", "id"),)

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False, index=True)
    kind = Column(String(24), nullable=False)
    cents = Column(BigInteger, nullable=False)
    reason = Column(Text, nullable=False)
    state = Column(String(16), nullable=False)
    asked_by = Column(Integer, ForeignKey("staff.id"), nullable=False)
    asked_at = Column(UtcDateTime, nullable=False)
    decided_by = Column(Integer, ForeignKey("staff.id"))
    decided_at = Column(UtcDateTime)
    note = Column(Text)


class ComplaintCase(Base):
    """The guided procedure of one complaint, and what any customer said of an appeal (5.5)."""

    __tablename__ = "complaint_cases"

    ticket_id = Column(Integer, ForeignKey("tickets.id"), primary_key=True)
    done = Column(Json, nullable=False)
    cause = Column(String(40))
    appealed_at = Column(UtcDateTime)
    appeal_words = Column(String(200))
    answer_due_at = Column(UtcDateTime, index=True)
    updated_at = Column(UtcDateTime, nullable=False)


class Attachment(Base):
    """A picture or document; the bytes are a file outside the database."""

    __tablename__ = "attachments"

    id = Column(Integer, primary_key=True)
    conversation_id = Column(String(40), ForeignKey("conversations.id"), index=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), index=True)
    staff_id = Column(Integer, ForeignKey("staff.id"))
    name = Column(String(120), nullable=False)
    media_type = Column(String(40), nullable=False)
    size = Column(Integer, nullable=False)
    sha256 = Column(String(64), nullable=False)
    created_at = Column(UtcDateTime, nullable=False)


class SavedView(Base):
    """Filters of the ticket table that a person keeps under a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("staff_id", "title"),)

    id = Column(Integer, primary_key=True)
    staff_id = Column(Integer, ForeignKey("staff.id"), nullable=False)
    title = Column(String(40), nullable=False)
    filters = Column(Json, nullable=False)


class TicketLink(Base):
    """Two tickets that belong together: `merged` into, or `split` from, the other."""

    __tablename__ = "ticket_links"
    __table_args__ = (UniqueConstraint("ticket_id", "other_id", "kind"),)

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    other_id = Column(Integer, ForeignKey("tickets.id"), nullable=False, index=True)
    kind = Column(String(16), nullable=False)
    at = Column(UtcDateTime, nullable=False)
