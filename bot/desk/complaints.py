"""Chapters 2.2 and 5.5: the complaint lane (投诉处理): the set procedure, causes, appeals.

Figures: `data/handbook/complaints.yml`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.apart import apart
from bot.desk.notices import notify_staff
from bot.desk.presence import record_event
from bot.desk.staff import Caller
from bot.desk.ticket_log import lock_ticket
from bot.desk.tickets import take_step
from bot.handbook.deadlines import shown_time
from bot.handbook.errors import NotFound
from bot.handbook.lifecycle import MissingReason
from bot.handbook.privacy import mask
from bot.handbook.reception import Complaints, open_duties, words_in
from bot.handbook.requests import RequestKind
from bot.handbook.tables import Handbook
from bot.storage.conversations import Message
from bot.storage.staff import ComplaintCase, StaffEvent
from bot.storage.tickets import Ticket

# The event that remembers how far the words were read.
MARK = "appeal_mark"
# How the key of a notice begins that is about a conversation, whose id follows.
CONVERSATION_KEY = "appeal:conversation:"
# Numbers are given before their transactions are over: what commits late lies behind the mark.
LOOK_BACK = 200


def is_complaint(ticket: Ticket) -> bool:
    """Tell whether the set procedure applies to the ticket."""
    return bool(ticket.kind == RequestKind.COMPLAINT.value)


def case_of(session: Session, ticket: Ticket, *, now: datetime) -> ComplaintCase:
    """Return the procedure of a complaint, beginning it at the first look."""
    case = session.get(ComplaintCase, ticket.id, with_for_update=True)
    if case is None:
        case = ComplaintCase(ticket_id=ticket.id, done={}, updated_at=now)
        session.add(case)
        session.flush()
    return case


def tick_duty(
    session: Session,
    complaints: Complaints,
    caller: Caller,
    ticket: Ticket,
    *,
    duty: str,
    done: bool,
    now: datetime,
    note: str | None = None,
    cause: str | None = None,
) -> ComplaintCase:
    """Tick one part of the procedure, or take the tick back; each change is in the history."""
    if not is_complaint(ticket):
        raise NotFound("该工单不是投诉，没有处理步骤", ticket=ticket.number)
    if duty not in complaints.procedure:
        raise NotFound("没有这个步骤", duty=duty, known=list(complaints.procedure))
    needs = complaints.procedure[duty].needs
    if done and "note" in needs and not note:
        raise MissingReason("这一步需要填写说明", needs="note")
    if done and "cause" in needs and cause not in complaints.causes:
        raise MissingReason("请选择投诉原因", needs="cause", known=list(complaints.causes))
    case = case_of(session, ticket, now=now)
    ticks = dict(case.done)
    if done:
        ticks[duty] = {"by": caller.id, "at": now.isoformat(), "note": note}
    else:
        ticks.pop(duty, None)
    case.done, case.updated_at = ticks, now
    if "cause" in needs:
        # What is taken back is no longer recorded.
        case.cause = cause if done else None
    record_event(
        session,
        "complaint_duty",
        now=now,
        ticket_number=ticket.number,
        staff_id=caller.id,
        team=ticket.team,
        data={"duty": duty, "done": done},
    )
    return case


def cause_on_resolving(
    session: Session,
    complaints: Complaints,
    caller: Caller,
    ticket: Ticket,
    *,
    cause: str | None,
    note: str | None,
    now: datetime,
) -> str | None:
    """Return the recorded cause of a complaint, after recording one that is named only now (5.5)."""
    if not is_complaint(ticket):
        return None
    case = session.get(ComplaintCase, ticket.id)
    recorded = case.cause if case else None
    if not cause or cause == recorded:
        return recorded
    duty = next(duty.id for duty in complaints.procedure.values() if "cause" in duty.needs)
    tick_duty(
        session, complaints, caller, ticket, duty=duty, done=True, note=note, cause=cause, now=now
    )
    return cause


def missing_duties(session: Session, complaints: Complaints, ticket: Ticket) -> list[str]:
    """Return the parts of the procedure that a complaint still lacks; none for other tickets."""
    if not is_complaint(ticket):
        return []
    case = session.get(ComplaintCase, ticket.id)
    return open_duties(complaints, case.done if case else {})


def note_appeal(
    session: Session, handbook: Handbook, complaints: Complaints, ticket: Ticket, text: str, *,
    now: datetime,
) -> ComplaintCase | None:
    """Call the leader's attention to words of an appeal; the regulator's start the answer clock.

    Each of the two happens once; a regulator named after a newspaper is still news.
    """
    found = words_in(text, complaints.appeal_words)
    if not found:
        return None
    # The ticket first, as whoever takes a step does: two who look at once wait for each other.
    lock_ticket(session, ticket)
    case = case_of(session, ticket, now=now)
    regulator = bool(words_in(text, complaints.regulator_words)) and case.answer_due_at is None
    if case.appealed_at is not None and not regulator:
        return None
    case.appealed_at = case.appealed_at or now
    case.appeal_words = "、".join(found)[:200]
    until = ""
    if regulator:
        case.answer_due_at = _start_answer(session, handbook, ticket, case.appeal_words, now=now)
        until = f"须在{shown_time(case.answer_due_at, now=now)}前答复，"
    notify_staff(
        session,
        key=f"appeal:{ticket.number}:regulator" if regulator else f"appeal:{ticket.number}",
        kind="appeal",
        level="urgent",
        role="leader",
        now=now,
        ticket=ticket,
        text=f"工单{ticket.number}的客户提到{case.appeal_words}，{until}请班长立即跟进。",
    )
    record_event(
        session,
        "appeal",
        now=now,
        ticket_number=ticket.number,
        team=ticket.team,
        data={
            "words": found,
            "answer_due_at": case.answer_due_at.isoformat() if case.answer_due_at else None,
        },
    )
    return case


def _start_answer(
    session: Session, handbook: Handbook, ticket: Ticket, words: str, *, now: datetime
) -> datetime:
    """Write the appeal into the history, which starts the clock of its answer; return its due time."""
    hours = handbook.clock.closure.complaint_answer_h
    entry = take_step(
        session, handbook, ticket, "appeal", who="system", now=now, recorded=True, key="appeal",
        reason=f"客户提到{words}", data={"complaint_h": hours},
    )
    return entry.at + timedelta(hours=hours)


def watch_appeals(
    session: Session, handbook: Handbook, complaints: Complaints, *, now: datetime,
    most: int = 500,
) -> list[Ticket]:
    """Look at what was said and opened since the last look; return what now needs a leader."""
    mark = session.execute(
        select(StaffEvent).where(StaffEvent.kind == MARK).order_by(StaffEvent.id).limit(1)
    ).scalar_one_or_none()
    seen = dict(mark.data) if mark else {"message": 0, "ticket": 0}
    said = session.execute(
        select(Message.id, Message.conversation_id, Message.text)
        .where(Message.id > seen["message"] - LOOK_BACK, Message.direction == "in")
        .order_by(Message.id)
        .limit(most)
    ).all()
    opened = list(
        session.execute(
            select(Ticket)
            .where(Ticket.id > seen["ticket"] - LOOK_BACK)
            .order_by(Ticket.id)
            .limit(most)
        ).scalars()
    )
    last = {
        "message": max(seen["message"], *(row.id for row in said), 0),
        "ticket": max(seen["ticket"], *(ticket.id for ticket in opened), 0),
    }
    alarmed = []
    for ticket in opened:
        text = ticket.summary
        if not words_in(text, complaints.appeal_words):
            continue
        with apart(session, "watch_appeals", ticket=ticket.id):
            if note_appeal(session, handbook, complaints, ticket, text, now=now):
                alarmed.append(ticket)
    for message_id, conversation_id, text in said:
        if not words_in(text, complaints.appeal_words):
            continue
        with apart(session, "watch_appeals", message=message_id):
            tickets = _newest_ticket(session, conversation_id)
            if not tickets:
                _call_leader_to(session, conversation_id, text, complaints, now=now)
            alarmed += [
                ticket
                for ticket in tickets
                if note_appeal(session, handbook, complaints, ticket, text, now=now)
            ]
    if mark is None:
        session.add(StaffEvent(kind=MARK, data=last, at=now))
    elif mark.data != last:
        mark.data = last
    return alarmed


def _call_leader_to(
    session: Session, conversation_id: str, text: str, complaints: Complaints, *, now: datetime
) -> None:
    """Tell the leader of an appeal in a conversation that has no ticket yet."""
    words = "、".join(words_in(text, complaints.appeal_words))[:200]
    notify_staff(
        session,
        key=f"{CONVERSATION_KEY}{conversation_id}",
        kind="appeal",
        level="urgent",
        role="leader",
        now=now,
        text=f"一位客户在对话中提到{words}，目前还没有工单，请班长在接待页查看会话{conversation_id[-6:]}。",
    )


def _newest_ticket(session: Session, conversation_id: str) -> list[Ticket]:
    return list(
        session.execute(
            select(Ticket)
            .where(Ticket.conversation_id == conversation_id)
            .order_by(Ticket.id.desc())
            .limit(1)
        ).scalars()
    )


def case_json(
    case: ComplaintCase | None, complaints: Complaints, titles: dict[int, str], *, procedure: bool
) -> dict[str, Any]:
    """Return the checklist as consoles show it; without the procedure where it does not apply."""
    done = case.done if case else {}
    return {
        "procedure": [
            {
                "id": duty.id,
                "title": duty.title,
                "hint": duty.hint,
                "needs": list(duty.needs),
                "done": duty.id in done,
                "at": done.get(duty.id, {}).get("at"),
                "note": mask(done.get(duty.id, {}).get("note") or "") or None,
                "by": titles.get(done.get(duty.id, {}).get("by", 0), ""),
            }
            for duty in (complaints.procedure.values() if procedure else ())
        ],
        "cause": case.cause if case else None,
        "causes": [{"id": id_, "title": title} for id_, title in complaints.causes.items()],
        "appealed_at": case.appealed_at if case else None,
        "appeal_words": case.appeal_words if case else None,
        "answer_due_at": case.answer_due_at if case else None,
    }
