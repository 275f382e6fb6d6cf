"""Chapter 3.3: staff work tickets (工单处理): steps, one and many at once.

Every change goes through `take_step`, so that it stands in the history and the clocks follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.audit import record_audit
from bot.desk.complaints import cause_on_resolving, missing_duties
from bot.desk.followup import answer_survey
from bot.desk.presence import check_qualified, record_event
from bot.desk.serving import Office
from bot.desk.staff import Caller, staff_titles
from bot.desk.surveys import open_survey_of
from bot.desk.ticket_log import lock_ticket
from bot.desk.ticket_search import tickets_by_number
from bot.desk.tickets import find_ticket, take_step
from bot.handbook.access import Forbidden
from bot.handbook.errors import DeskError, NotFound, Refusal
from bot.handbook.handoff import ConversationState
from bot.handbook.requests import Urgency
from bot.storage.conversations import Conversation
from bot.storage.staff import Staff
from bot.storage.tickets import Ticket, TicketEntry

# Steps that only make sense for the one customer they concern.
NOT_IN_BULK = frozenset(
    {"reclassify", "withdraw", "reopen", "confirm", "answer", "contact"}
)
MOST_AT_ONCE = 200


class HeldByOther(Refusal):
    """Say that a colleague works the ticket already."""

    code = "held_by_other"


@dataclass(frozen=True)
class Wish:
    """Hold what a step was asked with."""

    step: str
    reason: str | None = None
    hold_reason: str | None = None
    # Of a complaint that is resolved; none is needed where one is recorded already.
    cause: str | None = None
    team: str | None = None
    person: int | None = None
    type: str | None = None
    urgency: str | None = None
    by: datetime | None = None
    confirmed: bool = True
    # The mark that the customer gave on the phone; counts with a confirmation only.
    score: int | None = None
    data: dict[str, Any] = field(default_factory=dict)


def visible_ticket(session: Session, caller: Caller, number: str) -> Ticket:
    """Return the ticket; one of a foreign team and a missing one look the same."""
    ticket = find_ticket(session, number)
    own = ticket.holder_id == caller.id or caller.sees_team(ticket.team)
    if not own and not _serves_customer(session, caller, ticket):
        raise NotFound("没有这个工单", number=number)
    return ticket


def _serves_customer(session: Session, caller: Caller, ticket: Ticket) -> bool:
    """Tell whether the person holds a conversation with the customer, whose tickets are then shown."""
    held = select(Conversation).where(
        Conversation.holder_id == caller.id, Conversation.state == ConversationState.STAFF.value
    )
    return any(
        each.id == ticket.conversation_id
        or (each.customer_id is not None and each.customer_id == ticket.customer_id)
        for each in session.execute(held).scalars()
    )


def legal_steps(office: Office, caller: Caller, ticket: Ticket) -> list[str]:
    """Return the steps that this person can take from here."""
    if "tickets_work" not in caller.may:
        return []
    return office.handbook.lifecycle.legal_steps(ticket.state, who=caller.who)


def step_ticket(
    session: Session, office: Office, caller: Caller, ticket: Ticket, wish: Wish, *, now: datetime
) -> TicketEntry:
    """Take one step as a person of the desk; the step is in the history and the audit log."""
    lock_ticket(session, ticket)
    _check_holder(session, office, caller, ticket, wish, now=now)
    entry = _confirm_by_call(session, office, caller, ticket, wish, now=now) or _take(
        session, office, caller, ticket, wish, now=now
    )
    record_audit(
        session,
        action="ticket_step",
        subject=f"ticket:{ticket.number}",
        now=now,
        staff_id=caller.id,
        staff_name=caller.name,
        data={"step": wish.step, "from": entry.from_state, "to": entry.to_state},
    )
    record_event(
        session,
        "ticket_step",
        now=now,
        ticket_number=ticket.number,
        staff_id=caller.id,
        team=ticket.team,
        data={"step": wish.step},
    )
    return entry


def _confirm_by_call(
    session: Session, office: Office, caller: Caller, ticket: Ticket, wish: Wish, *, now: datetime
) -> TicketEntry | None:
    """Take what the customer answered on the phone as their own answer; None for another step."""
    asked = wish.step == "confirm" and ticket.state == "resolved" and (wish.reason or "").strip()
    if not asked or open_survey_of(session, ticket) is None:
        return None
    answer_survey(
        session, office.handbook, None, ticket=ticket, solved=True, score=wish.score,
        text=wish.reason or "", who=caller.who, staff_id=caller.id, now=now,
    )
    return session.execute(
        select(TicketEntry)
        .where(TicketEntry.ticket_id == ticket.id, TicketEntry.step == "confirm")
        .order_by(TicketEntry.seq.desc())
        .limit(1)
    ).scalar_one()


def _take(
    session: Session, office: Office, caller: Caller, ticket: Ticket, wish: Wish, *, now: datetime
) -> TicketEntry:
    data, cause = dict(wish.data), None
    if wish.step == "resolve":
        lane = office.reception.complaints
        cause = cause_on_resolving(
            session, lane, caller, ticket, cause=wish.cause, note=wish.reason, now=now
        )
        if missing := missing_duties(session, lane, ticket):
            data["procedure_missing"] = missing
    urgency = Urgency(wish.urgency) if wish.urgency else None
    return take_step(
        session,
        office.handbook,
        ticket,
        wish.step,
        who=caller.who,
        actor_id=caller.id,
        now=now,
        reason=wish.reason,
        hold_reason=wish.hold_reason,
        team=wish.team,
        person=wish.person,
        type=wish.type,
        urgency=urgency,
        by=wish.by,
        cause=cause,
        confirmed=wish.confirmed,
        data=data or None,
    )


def _check_holder(
    session: Session, office: Office, caller: Caller, ticket: Ticket, wish: Wish, *, now: datetime
) -> None:
    other = ticket.holder_id not in (None, caller.id)
    if wish.step == "claim":
        check_qualified(session, office.reception, caller.id, ticket.team, now=now)
        if other and caller.who != "leader":
            holder = staff_titles(session, [ticket.holder_id]).get(ticket.holder_id or 0, "")
            raise HeldByOther(f"工单已由{holder}处理", holder_id=ticket.holder_id, holder=holder)
    if wish.step == "assign" and wish.person is not None:
        person = session.get(Staff, wish.person)
        if person is None or person.disabled_at is not None:
            raise NotFound("没有这个同事", person=wish.person)
        if person.teams and ticket.team not in person.teams:
            raise Forbidden("该同事不在此团队", person=wish.person, team=ticket.team)
        check_qualified(session, office.reception, person.id, ticket.team, now=now)


def step_many(
    session: Session,
    office: Office,
    caller: Caller,
    numbers: Sequence[str],
    wish: Wish,
    *,
    now: datetime,
    preview: bool,
) -> list[dict[str, Any]]:
    """Take one step on many tickets, or say for each what would happen; one failure stops none."""
    if wish.step in NOT_IN_BULK:
        raise DeskError("invalid", "这一步不能批量执行", step=wish.step)
    if len(numbers) > MOST_AT_ONCE:
        raise DeskError("invalid", f"一次最多{MOST_AT_ONCE}个工单", field="numbers")
    known = {ticket.number: ticket for ticket in tickets_by_number(session, numbers)}
    results = []
    for number in dict.fromkeys(n.strip().upper() for n in numbers):
        ticket = known.get(number)
        result: dict[str, Any] = {"number": number, "state": ticket.state if ticket else None}
        try:
            if ticket is None or (
                ticket.holder_id != caller.id and not caller.sees_team(ticket.team)
            ):
                raise NotFound("没有这个工单", number=number)
            savepoint = session.begin_nested()
            try:
                entry = step_ticket(session, office, caller, ticket, wish, now=now)
                result |= {"ok": True, "to": entry.to_state}
            finally:
                # A preview takes the step for real, looks, and takes it back.
                _close(savepoint, keep=not preview and result.get("ok", False))
        except DeskError as error:
            result |= {"ok": False, "code": error.code, "message": error.message}
        results.append(result)
    return results


def _close(savepoint: Any, *, keep: bool) -> None:
    if not savepoint.is_active:
        return
    if keep:
        savepoint.commit()
    else:
        savepoint.rollback()


def audit_opened(session: Session, caller: Caller, ticket: Ticket, *, now: datetime) -> None:
    """Keep in the audit log who opened a ticket for a customer."""
    record_audit(
        session,
        action="ticket_opened",
        subject=f"ticket:{ticket.number}",
        now=now,
        staff_id=caller.id,
        staff_name=caller.name,
        data={"type": ticket.type, "urgency": ticket.urgency},
    )
