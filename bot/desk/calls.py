"""Chapters 3.5 and 5.1: what people owe the closed loop: call-backs (人工回访), improvements (改进)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.surveys import OVERDUE, PERSON
from bot.handbook.errors import NotFound, Refusal
from bot.storage.clock import Improvement, Survey
from bot.storage.tickets import Ticket


class ImprovementDone(Refusal):
    """Refuse to record the measure of an improvement twice."""

    code = "improvement_done"


def calls_due(
    session: Session, *, own: int, teams: Collection[str] | None = None, most: int = 200
) -> list[tuple[Survey, Ticket]]:
    """Return the surveys that wait for a person's call, the most pressing first."""
    query = (
        select(Survey, Ticket)
        .join(Ticket, Ticket.id == Survey.ticket_id)
        .where(Survey.state.in_([PERSON, OVERDUE]))
        # A late call goes before one that still has time.
        .order_by(Survey.state != OVERDUE, Survey.next_at, Survey.id)
        .limit(most)
    )
    if teams is not None:
        query = query.where(Ticket.team.in_(teams) | (Ticket.holder_id == own))
    return [(survey, ticket) for survey, ticket in session.execute(query)]


def improvements(
    session: Session, *, done: bool = False, teams: Collection[str] | None = None, most: int = 200
) -> list[tuple[Improvement, Ticket]]:
    """Return improvement items: the open ones by due time, or the last ones that are done."""
    order = Improvement.done_at.desc() if done else Improvement.due_at
    query = (
        select(Improvement, Ticket)
        .join(Ticket, Ticket.id == Improvement.ticket_id)
        .where(Improvement.state == ("done" if done else "open"))
        .order_by(order, Improvement.id)
        .limit(most)
    )
    if teams is not None:
        query = query.where(Improvement.team.in_(teams))
    return [(improvement, ticket) for improvement, ticket in session.execute(query)]


def find_improvement(
    session: Session, improvement_id: int, *, teams: Collection[str] | None = None
) -> Improvement:
    """Return an improvement item; one of a foreign team and a missing one look the same."""
    found = session.get(Improvement, improvement_id) if 0 < improvement_id < 2**31 else None
    if found is None or (teams is not None and found.team not in teams):
        raise NotFound("没有这个改进事项", improvement=improvement_id)
    return found


def finish_improvement(
    session: Session, improvement: Improvement, *, result: str, staff_id: int, now: datetime
) -> None:
    """Record what was done about a low mark."""
    if improvement.state == "done":
        raise ImprovementDone("该改进事项已登记措施，请刷新列表", improvement=improvement.id)
    improvement.result, improvement.owner_id = result, staff_id
    improvement.state, improvement.done_at = "done", now
    session.flush()
