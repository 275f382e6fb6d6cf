"""Chapters 3.5 and 5.1: what people owe the closed loop: call-backs (人工回访), improvements (改进)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.notices import notify_staff
from bot.desk.surveys import OVERDUE, PERSON
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import NotFound, Refusal
from bot.handbook.tables import Handbook
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
    improvement.state, improvement.done_at, improvement.next_at = "done", now, None
    session.flush()


def remind_of_improvement(
    session: Session, handbook: Handbook, improvement: Improvement, *, now: datetime
) -> bool:
    """Tell owner and leader of an open item that is due, and again as long as it is late."""
    if improvement.next_at is None or improvement.next_at > now:
        return False
    rule = handbook.clock.closure.improvement_late
    # What was missed meanwhile is told as one.
    times = (now - improvement.due_at) // rule.every
    improvement.next_at = improvement.due_at + (times + 1) * rule.every
    ticket = session.get(Ticket, improvement.ticket_id)
    until = improvement.due_at.astimezone(SHANGHAI).strftime("%m-%d %H:%M")
    late = f"已逾期（应在{until}前），第{times}次督办" if times else f"已到期（{until}）"
    text = f"工单{ticket.number}（{handbook.type_of(ticket.type).title}）低分评价的改进事项{late}，尚未登记措施，请尽快了解情况，由班长在“回访”页登记。"
    owner = improvement.owner_id or ticket.holder_id
    for role in rule.tell:
        if role == "holder" and owner is None:
            continue
        notify_staff(
            session, key=f"{ticket.number}:improvement:{improvement.cycle}:{times}:{role}",
            kind="improvement", level="warning", role=role, ticket=ticket, team=improvement.team,
            staff_id=owner if role == "holder" else None, text=text, now=now, by=rule.by,
        )
    session.flush()
    return True
