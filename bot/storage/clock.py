"""Rows of the clock (时限): the index over the log, fired ladder steps, surveys, improvements.

Everything in `ticket_clocks` can be recomputed from a ticket's history at any time.
"""

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

from bot.storage.columns import Base, Json, UtcDateTime


class TicketClock(Base):
    """One clock of one ticket: when it is due, at risk, how it ended, what fires next."""

    __tablename__ = "ticket_clocks"
    __table_args__ = (
        Index("ix_ticket_clocks_next_fire_at", "next_fire_at"),
        Index("ix_ticket_clocks_ended_at_risk_at", "ended_at", "risk_at"),
        Index("ix_ticket_clocks_clock_due_at", "clock", "due_at"),
    )

    ticket_id = Column(Integer, ForeignKey("tickets.id"), primary_key=True)
    clock = Column(String(24), primary_key=True)
    started_at = Column(UtcDateTime, nullable=False)
    due_at = Column(UtcDateTime, nullable=False)
    risk_at = Column(UtcDateTime, nullable=False)
    ended_at = Column(UtcDateTime)
    outcome = Column(String(12))
    next_fire_at = Column(UtcDateTime)


class KeptCalendar(Base):
    """One version of a service calendar (服务日历) as tickets were opened under it."""

    __tablename__ = "kept_calendars"

    key = Column(String(64), primary_key=True)
    title = Column(String(64), nullable=False)
    content = Column(Json, nullable=False)
    since = Column(UtcDateTime, nullable=False)


class TicketOutcome(Base):
    """One fact of the figures, as `bot/handbook/outcomes.py` finds it in the log."""

    __tablename__ = "ticket_outcomes"
    __table_args__ = (
        UniqueConstraint("ticket_id", "place"),
        Index("ix_ticket_outcomes_at_name", "at", "name"),
    )

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    place = Column(Integer, nullable=False)
    name = Column(String(20), nullable=False)
    at = Column(UtcDateTime, nullable=False)
    ok = Column(Boolean)
    value = Column(Float)
    cause = Column(String(20))
    deadline_class = Column(String(32), nullable=False)
    team = Column(String(32), nullable=False)
    holder_id = Column(Integer)
    type = Column(String(40), nullable=False)
    reopened_after = Column(Float)


class LateFact(Base):
    """A fact that was added or changed on a day whose figures were stored already.

    Without a ticket the way of counting changed.
    """

    __tablename__ = "late_facts"

    id = Column(Integer, primary_key=True)
    day = Column(String(10), nullable=False)
    ticket_id = Column(Integer, ForeignKey("tickets.id"))


class LadderFiring(Base):
    """One step of the warning ladder that has fired; the key makes it fire once."""

    __tablename__ = "ladder_firings"
    __table_args__ = (UniqueConstraint("ticket_id", "clock", "step"),)

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    clock = Column(String(24), nullable=False)
    step = Column(String(24), nullable=False)
    told = Column(Boolean, nullable=False)
    planned_at = Column(UtcDateTime, nullable=False)
    at = Column(UtcDateTime, nullable=False)


class Survey(Base):
    """One 回访 of one resolution: asking, person, score, solved, unsolved, silent, cancelled."""

    __tablename__ = "surveys"
    __table_args__ = (
        UniqueConstraint("ticket_id", "cycle"),
        Index("ix_surveys_next_at", "next_at"),
        Index("ix_surveys_conversation_id_state", "conversation_id", "state"),
    )

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    cycle = Column(Integer, nullable=False)
    conversation_id = Column(String(40), index=True)
    state = Column(String(12), nullable=False)
    asks = Column(Integer, nullable=False, default=0)
    most = Column(Integer, nullable=False)
    solved = Column(Boolean)
    score = Column(Integer)
    words = Column(Text)
    next_at = Column(UtcDateTime)
    started_at = Column(UtcDateTime, nullable=False)
    ended_at = Column(UtcDateTime)


class Improvement(Base):
    """Something to do better (改进事项): from a low mark, with an owner and a due time.

    `next_at` is when the sweep tells of it while it is open.
    """

    __tablename__ = "improvements"
    __table_args__ = (
        UniqueConstraint("ticket_id", "cycle"),
        Index("ix_improvements_state_due_at", "state", "due_at"),
        Index("ix_improvements_next_at", "next_at"),
    )

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False)
    cycle = Column(Integer, nullable=False)
    team = Column(String(32), nullable=False)
    owner_id = Column(Integer, index=True)
    reason = Column(Text, nullable=False)
    result = Column(Text)
    state = Column(String(12), nullable=False, default="open")
    due_at = Column(UtcDateTime, nullable=False)
    next_at = Column(UtcDateTime)
    created_at = Column(UtcDateTime, nullable=False)
    done_at = Column(UtcDateTime)


class FigureDay(Base):
    """One figure of one day and group as it was stored at night, to be compared with the log."""

    __tablename__ = "figure_days"
    __table_args__ = (UniqueConstraint("day", "name", "by", "group"),)

    id = Column(Integer, primary_key=True)
    day = Column(String(10), nullable=False)
    name = Column(String(40), nullable=False)
    by = Column(String(16), nullable=False)
    group = Column(String(64), nullable=False)
    numerator = Column(Integer, nullable=False)
    denominator = Column(Integer, nullable=False)
    value = Column(Float)
    computed_at = Column(UtcDateTime, nullable=False)


class Incident(Base):
    """One outage (群障): its area and symptom, and the ticket that carries its deadline.

    `next_at` is when the sweep has something to tell its members.
    """

    __tablename__ = "incidents"
    __table_args__ = (
        Index("ix_incidents_state_symptom", "state", "symptom"),
        Index("ix_incidents_next_at", "next_at"),
    )

    id = Column(Integer, primary_key=True)
    open_key = Column(String(200), unique=True)
    symptom = Column(String(40), nullable=False)
    level = Column(String(12), nullable=False)
    district = Column(String(40), nullable=False)
    areas = Column(Json, nullable=False)
    state = Column(String(12), nullable=False)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), index=True)
    opened_by = Column(Integer)
    opened_at = Column(UtcDateTime, nullable=False)
    resolved_at = Column(UtcDateTime)
    ended_at = Column(UtcDateTime)
    next_at = Column(UtcDateTime)


class FaultReport(Base):
    """One ticket's symptom and area, for counting; `left_at` when a person took it out again.

    `heard` is the last line in the history of the incident's ticket that its customer was told
    of; `next_at` puts off one that could not be.
    """

    __tablename__ = "fault_reports"
    __table_args__ = (
        Index("ix_fault_reports_symptom_community_at", "symptom", "community", "at"),
        Index("ix_fault_reports_symptom_street_at", "symptom", "street", "at"),
        Index("ix_fault_reports_symptom_cell_at", "symptom", "cell", "at"),
    )

    id = Column(Integer, primary_key=True)
    ticket_id = Column(Integer, ForeignKey("tickets.id"), nullable=False, unique=True)
    incident_id = Column(Integer, ForeignKey("incidents.id"), index=True)
    symptom = Column(String(40), nullable=False)
    type = Column(String(40), nullable=False)
    district = Column(String(40), nullable=False)
    street = Column(String(40), nullable=False)
    community = Column(String(40), nullable=False)
    cell = Column(String(40), nullable=False)
    customer = Column(String(80), nullable=False)
    at = Column(UtcDateTime, nullable=False)
    left_at = Column(UtcDateTime)
    heard = Column(Integer, nullable=False, default=0, server_default="0")
    next_at = Column(UtcDateTime)
