"""Chapter 3.5: the survey rows of a resolution (回访记录): begun once per cycle, ended with it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.handbook.tables import Handbook
from bot.storage.clock import Survey
from bot.storage.tickets import Ticket

ASKING, PERSON, OVERDUE, SCORE = "asking", "person", "overdue", "score"
OPEN = (ASKING, PERSON, OVERDUE, SCORE)


def begin_survey(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    *,
    cycle: int,
    now: datetime,
    most: int | None = None,
) -> Survey:
    """Begin the survey of one resolution; the message of the resolution is its first ask."""
    found = session.execute(
        select(Survey).where(Survey.ticket_id == ticket.id, Survey.cycle == cycle)
    ).scalar_one_or_none()
    if found is not None:
        return found
    closure = handbook.clock.closure
    rule = closure.rules[ticket.deadline_class]
    # Nobody can be asked where the report came without a conversation: a person calls.
    silent = ticket.conversation_id is None
    survey = Survey(
        ticket_id=ticket.id, cycle=cycle, conversation_id=ticket.conversation_id, state=ASKING,
        asks=0 if silent else 1, most=0 if silent else most or rule.asks, started_at=now,
        next_at=now if silent else closure.ask_time(now + rule.every),
    )
    session.add(survey)
    session.flush()
    return survey


def open_survey_of(session: Session, ticket: Ticket) -> Survey | None:
    """Return the survey of the ticket that is still open."""
    return session.execute(
        select(Survey)
        .where(Survey.ticket_id == ticket.id, Survey.state.in_(OPEN))
        .order_by(Survey.cycle.desc())
        .limit(1)
    ).scalar_one_or_none()


def await_mark(session: Session, ticket: Ticket, *, until: datetime) -> Survey | None:
    """Note in the open survey that it is solved, and wait for the mark; None when there is none."""
    survey = open_survey_of(session, ticket)
    if survey is not None:
        survey.solved, survey.state, survey.next_at = True, SCORE, until
        session.flush()
    return survey


def end_survey(session: Session, ticket: Ticket, *, state: str, now: datetime) -> None:
    """End the open survey, if there is one."""
    survey = open_survey_of(session, ticket)
    if survey is not None:
        survey.state, survey.next_at, survey.ended_at = state, None, now
        session.flush()
