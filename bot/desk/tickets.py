"""Chapters 3.2 and 3.3: tickets (工单): opened once per request, moved by the step table."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.desk.consequences import consequences
from bot.desk.ticket_cards import ticket_card, ticket_facts
from bot.desk.ticket_log import entry_of_key, events_of, lock_ticket, reindex, write_entry
from bot.handbook.clocks import CALLBACK, COMPLAINT, RESOLUTION, RESPONSE, replay
from bot.handbook.deadlines import SHANGHAI, DeadlineClass
from bot.handbook.errors import NotFound
from bot.handbook.hours import calendar_of
from bot.handbook.lifecycle import OPEN_STATES, MissingReason, check_reclass
from bot.handbook.requests import RequestKind, RequestType, Urgency
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation
from bot.storage.engine import insertion
from bot.storage.tickets import Ticket, TicketCounter, TicketEntry

# The channel of a ticket that no customer's conversation brought: opened by staff or the desk.
NO_CHANNEL = "desk"


def hash_phone(number: str, *, secret: str) -> str:
    """Return a keyed hash, to find a number without storing it readably elsewhere."""
    digits = "".join(ch for ch in number if ch.isdigit())
    return hmac.new(secret.encode(), digits.encode(), hashlib.sha256).hexdigest()


def next_number(session: Session, now: datetime) -> str:
    """Return the next ticket number of the day, such as T20260301-000123."""
    day = now.astimezone(SHANGHAI).strftime("%Y%m%d")
    counted = session.execute(
        update(TicketCounter)
        .where(TicketCounter.day == day)
        .values(last=TicketCounter.last + 1)
        .execution_options(synchronize_session=False)
    )
    if counted.rowcount == 0:
        try:
            with session.begin_nested():
                session.add(TicketCounter(day=day, last=1))
        except IntegrityError:
            return next_number(session, now)
    last = session.execute(select(TicketCounter.last).where(TicketCounter.day == day)).scalar_one()
    return f"T{day}-{last:06d}"


def open_ticket(
    session: Session,
    handbook: Handbook,
    *,
    conversation: Conversation | None,
    type: str,
    urgency: Urgency,
    facts: Mapping[str, str],
    summary: str,
    signals: list[str],
    key: str,
    now: datetime,
    phone_hash: str | None = None,
    degraded: bool = False,
    who: str = "bot",
    actor_id: int | None = None,
    clock_started: datetime | None = None,
) -> tuple[Ticket, bool]:
    """Open the ticket of one request, or find the one that `key` opened before.

    The class comes from kind and urgency by the table (2.4); the clocks start at `now`, or
    earlier where the matter is older than its ticket (`clock_started`).
    """
    found = session.execute(
        select(Ticket).where(Ticket.idempotency_key == key)
    ).scalar_one_or_none()
    if found is not None:
        return found, False
    request_type = _request_type(handbook, type)
    chosen = handbook.deadline_class(kind=request_type.kind, urgency=urgency)
    ticket = Ticket(
        number=next_number(session, now), idempotency_key=key, type=type,
        kind=request_type.kind.value, urgency=urgency.value, deadline_class=chosen.id,
        state="submitted", team=request_type.team,
        customer_id=conversation.customer_id if conversation else None,
        conversation_id=conversation.id if conversation else None,
        channel=conversation.channel if conversation else NO_CHANNEL, facts=dict(facts),
        summary=summary, signals=signals, phone_hash=phone_hash,
        table_version=handbook.versions["deadlines"], response_h=str(chosen.response_h),
        resolution_h=str(chosen.resolution_h), accepted_at=now,
        response_due_at=now + chosen.response_for, resolution_due_at=now + chosen.resolution_for,
        degraded=degraded, updated_at=now,
    )
    try:
        with insertion(session):
            session.add(ticket)
            session.flush()
    except IntegrityError:
        query = select(Ticket).where(Ticket.idempotency_key == key)
        return session.execute(query).scalar_one(), False
    _write_opening(
        session, handbook, ticket, chosen, who=who, actor_id=actor_id, clock_started=clock_started
    )
    reindex(session, handbook, ticket, now=now)
    return ticket, True


def _write_opening(
    session: Session, handbook: Handbook, ticket: Ticket, chosen: DeadlineClass, *, who: str,
    actor_id: int | None, clock_started: datetime | None,
) -> None:
    """Begin the history: applied for, accepted, and under which figures."""
    opened = {
        "type": ticket.type, "urgency": ticket.urgency, "signals": ticket.signals,
        "team": ticket.team, "table_version": ticket.table_version,
        **class_values(handbook, chosen, kind=RequestKind(ticket.kind)),
    }
    if clock_started is not None:
        opened["clock_started"] = clock_started.isoformat()
    now = ticket.accepted_at
    write_entry(session, ticket, "submit", from_state=None, to_state="submitted", who="customer",
                data={}, now=now)  # fmt: skip
    write_entry(session, ticket, "accept", from_state="submitted", to_state="accepted", who=who,
                actor_id=actor_id, data=opened, now=now)  # fmt: skip


def _request_type(handbook: Handbook, name: str) -> RequestType:
    found = handbook.types.get(name)
    if found is None or not found.kind.is_request:
        raise NotFound("没有这个诉求类型", type=name)
    return found


def class_values(
    handbook: Handbook, chosen: DeadlineClass, *, kind: RequestKind
) -> dict[str, Any]:
    """Return what the log keeps of a deadline class, so that later tables change nothing."""
    calendar = calendar_of(handbook.clock.calendars, chosen.hours)
    allowance: dict[str, Any] = {
        "response_h": chosen.response_h, "resolution_h": chosen.resolution_h,
        "hours": calendar.key,
    }
    if kind is RequestKind.COMPLAINT:
        allowance["complaint_h"] = handbook.clock.closure.complaint_answer_h
    return {"deadline_class": chosen.id, "allowance": allowance, "basis": chosen.basis}


def take_step(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    step: str,
    *,
    who: str,
    now: datetime,
    actor_id: int | None = None,
    reason: str | None = None,
    hold_reason: str | None = None,
    team: str | None = None,
    person: int | None = None,
    confirmed: bool = False,
    by: datetime | None = None,
    cause: str | None = None,
    type: str | None = None,
    urgency: Urgency | None = None,
    key: str | None = None,
    recorded: bool = False,
    data: dict[str, Any] | None = None,
) -> TicketEntry:
    """Take one step of the lifecycle; raise `IllegalStep` or `MissingReason`.

    The step is written to the history, the clocks are replayed from it, and what the step table
    says it causes is done. The same `key` again finds the first entry and does nothing else.
    """
    lock_ticket(session, ticket)
    if key is not None and (entry := entry_of_key(session, ticket, key)) is not None:
        return entry
    given = {
        "reason": reason, "hold_reason": hold_reason, "team": team, "person": person,
        "confirmed": confirmed, "by": by.isoformat() if by else None, "said": reason,
        "cause": cause,
    }
    to_state = handbook.lifecycle.next_state(
        step, state=ticket.state, who=who, given=given, resolved_at=ticket.resolved_at, now=now,
        recorded=recorded, kind=ticket.kind,
    )
    values = {name: value for name, value in given.items() if value and name not in {"reason", "said"}}
    values |= _figures_of_step(handbook, step, hold_reason=hold_reason)
    _check_given(handbook, step, team=team, by=by, now=now)
    if step == "reclassify":
        values |= _reclassified(
            session, handbook, ticket, type=type, urgency=urgency, who=who, now=now
        )
    causes = handbook.lifecycle.steps[step].causes
    if "take_holder" in causes:
        values["person"] = person if person is not None else actor_id
    if "rung_up" in causes:
        values["rung"] = (ticket.rung or 0) + 1
    entry = write_entry(
        session, ticket, step, from_state=ticket.state, to_state=to_state, who=who, now=now,
        data=values | dict(data or {}), actor_id=actor_id, reason=reason, key=key,
    )
    change_holder(ticket, causes, actor_id=actor_id, person=person, team=team)
    standing = reindex(session, handbook, ticket, now=entry.at)
    ticket.updated_at = now
    consequences(session, handbook, ticket, entry, standing, now=now)
    return entry


def _check_given(
    handbook: Handbook, step: str, *, team: str | None, by: datetime | None, now: datetime
) -> None:
    if team is not None and team not in handbook.teams:
        raise NotFound("没有这个团队", team=team, known=list(handbook.teams))
    if by is not None and by <= now:
        raise MissingReason("承诺时间须晚于现在", step=step, needs="by")


def _figures_of_step(
    handbook: Handbook, step: str, *, hold_reason: str | None
) -> dict[str, Any]:
    """Return what the log keeps of the table, so that a later table changes no old hold."""
    if step != "hold":
        return {}
    row = handbook.lifecycle.hold_reasons[hold_reason or ""]
    return {"longest_h": row.longest_h, "stops_clock": row.stops_clock}


def change_holder(
    ticket: Ticket, causes: tuple[str, ...], *, actor_id: int | None, person: int | None,
    team: str | None,
) -> None:
    """Give the ticket to the person or team that a step names."""
    if "take_holder" in causes:
        ticket.holder_id = person if person is not None else actor_id
    if "release_holder" in causes:
        ticket.holder_id = None
    if team is not None:
        ticket.team = team


def _reclassified(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    *,
    type: str | None,
    urgency: Urgency | None,
    who: str,
    now: datetime,
) -> dict[str, Any]:
    """Change type and urgency, and return what the log keeps of the new class (2.4)."""
    new_type = _request_type(handbook, type or ticket.type)
    level = urgency or Urgency(ticket.urgency)
    new = handbook.deadline_class(kind=new_type.kind, urgency=level)
    standing = replay(events_of(session, ticket.id), handbook.clock.calendars)
    due = {clock.id: clock.due for clock in standing.running()}
    drops_answer = COMPLAINT in due and new_type.kind is not RequestKind.COMPLAINT
    judged = (RESPONSE, RESOLUTION, COMPLAINT) if drops_answer else (RESPONSE, RESOLUTION)
    check_reclass(
        old=handbook.classes[ticket.deadline_class], new=new, who=who, now=now,
        due=[due[name] for name in judged if name in due], drops_answer=drops_answer,
        legal=handbook.lifecycle.legal_steps(ticket.state, who=who),
    )
    old = {"type": ticket.type, "urgency": ticket.urgency, "deadline_class": ticket.deadline_class}
    ticket.type, ticket.kind, ticket.urgency = new_type.id, new_type.kind.value, level.value
    ticket.table_version = handbook.versions["deadlines"]
    ticket.response_h, ticket.resolution_h = str(new.response_h), str(new.resolution_h)
    return {
        "type": new_type.id, "urgency": level.value, "was": old,
        "table_version": handbook.versions["deadlines"],
        **class_values(handbook, new, kind=new_type.kind),
    }


def record_human_response(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    *,
    staff_id: int,
    now: datetime,
    who: str = "staff",
    message_id: int | None = None,
) -> TicketEntry | None:
    """Record that a person wrote to the customer; None when no clock waits for that.

    This, a recorded call (`contact`) and an answer to a complaint are all that ever ends the
    first-response and call-back clocks.
    """
    lock_ticket(session, ticket)
    standing = replay(events_of(session, ticket.id), handbook.clock.calendars)
    waits = any(
        clock.id == RESPONSE or clock.id.startswith(CALLBACK) for clock in standing.running()
    )
    if standing.first_response_at is not None and not waits:
        return None
    return take_step(
        session, handbook, ticket, "respond", who=who, now=now, actor_id=staff_id, recorded=True,
        key=f"message:{message_id}" if message_id is not None else None,
        data={"message": message_id} if message_id is not None else None,
    )


def find_ticket(session: Session, number: str) -> Ticket:
    """Return the ticket of that number; raise `NotFound`."""
    ticket = session.execute(
        select(Ticket).where(Ticket.number == number.strip().upper())
    ).scalar_one_or_none()
    if ticket is None:
        raise NotFound("没有这个工单", number=number)
    return ticket


def tickets_of(
    session: Session, conversation: Conversation, *, open_only: bool = False, most: int = 10
) -> list[Ticket]:
    """Return the customer's own tickets, newest first."""
    own = [Ticket.conversation_id == conversation.id]
    if conversation.customer_id is not None:
        own.append(Ticket.customer_id == conversation.customer_id)
    query = select(Ticket).where(or_(*own)).order_by(Ticket.id.desc()).limit(most)
    if open_only:
        query = query.where(Ticket.state.in_(OPEN_STATES))
    return list(session.execute(query).scalars())


__all__ = [
    "find_ticket", "hash_phone", "open_ticket", "record_human_response", "take_step",
    "ticket_card", "ticket_facts", "tickets_of",
]
