"""Chapter 3.3: staff work tickets (工单处理): steps, many at once, merging and splitting.

Every change goes through `take_step`, so that it stands in the history and the clocks follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.desk.approvals import approvals_of
from bot.desk.audit import record_audit
from bot.desk.complaints import cause_on_resolving, missing_duties
from bot.desk.followup import answer_survey
from bot.desk.incidents import join_or_count
from bot.desk.notices import tell_customer
from bot.desk.presence import check_qualified, record_event
from bot.desk.serving import Office
from bot.desk.staff import Caller, staff_titles
from bot.desk.surveys import open_survey_of
from bot.desk.ticket_cards import text_values, ticket_facts
from bot.desk.ticket_log import events_of, lock_ticket
from bot.desk.ticket_search import tickets_by_number
from bot.desk.tickets import find_ticket, open_ticket, take_step
from bot.handbook.access import Forbidden
from bot.handbook.clocks import CALLBACK, COMPLAINT, RESPONSE, Clock, Standing, kind_of, replay
from bot.handbook.deadlines import shown_time
from bot.handbook.errors import DeskError, NotFound, Refusal
from bot.handbook.escalation import clock_title
from bot.handbook.lifecycle import ENDED_STATES, OPEN_STATES
from bot.handbook.requests import Urgency
from bot.storage.conversations import Conversation
from bot.storage.staff import Staff, TicketLink
from bot.storage.tickets import Ticket, TicketEntry

# Steps that only make sense for the one customer they concern.
NOT_IN_BULK = frozenset(
    {"reclassify", "withdraw", "reopen", "confirm", "answer", "contact"}
)
MOST_AT_ONCE = 200


class HeldByOther(Refusal):
    """Say that a colleague works the ticket already."""

    code = "held_by_other"


class LosesPromise(Refusal):
    """Refuse a merger by which something promised to the customer would be forgotten."""

    code = "loses_promise"


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
    if ticket.holder_id != caller.id and not caller.sees_team(ticket.team):
        raise NotFound("没有这个工单", number=number)
    return ticket


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


def merge_tickets(
    session: Session,
    office: Office,
    caller: Caller,
    ticket: Ticket,
    into: Ticket,
    *,
    reason: str,
    now: datetime,
) -> None:
    """Close a duplicate as part of another ticket; both histories say so."""
    if ticket.id == into.id:
        raise DeskError("invalid", "不能并入自身", field="into")
    if into.state in ENDED_STATES:
        raise DeskError("invalid", f"工单{into.number}已结束，不能并入", field="into")
    same = {
        bool(ticket.customer_id and ticket.customer_id == into.customer_id),
        bool(ticket.conversation_id and ticket.conversation_id == into.conversation_id),
        bool(ticket.phone_hash and ticket.phone_hash == into.phone_hash),
    }
    if True not in same:
        raise DeskError("invalid", "只能合并同一客户的工单", field="into")
    _check_loses_nothing(session, office, ticket, into, now=now)
    _link(session, ticket, into, "merged", now)
    data = {"merged_into": into.number}
    wish = Wish("withdraw", reason=f"与工单{into.number}重复：{reason}", confirmed=True, data=data)
    step_ticket(session, office, caller, ticket, wish, now=now)
    note = Wish(
        "note", reason=f"并入工单{ticket.number}：{reason}", data={"merged_from": ticket.number}
    )
    step_ticket(session, office, caller, into, note, now=now)
    _tell_merged(session, office, ticket, into, now=now)


def _tell_merged(
    session: Session, office: Office, ticket: Ticket, into: Ticket, *, now: datetime
) -> None:
    """Tell the customer under which number it goes on and until when (3.4)."""
    promised = into.state in OPEN_STATES and into.resolution_due_at > now
    tell_customer(
        session, office.handbook, into if into.conversation_id else ticket,
        "utter_told_merged" if promised else "utter_told_merged_plain",
        key=f"merged:{ticket.number}", now=now, facts=ticket_facts(into, now=now),
        values={**text_values(into, office.handbook, now=now), "other": ticket.number},
    )


def _check_loses_nothing(
    session: Session, office: Office, ticket: Ticket, into: Ticket, *, now: datetime
) -> None:
    """Raise `LosesPromise` when the duplicate owes the customer more, or sooner, than the other."""
    for each in sorted((ticket, into), key=lambda one: one.id):
        lock_ticket(session, each)
    if any(sum_.state in {"open", "approved"} for sum_ in approvals_of(session, ticket.id)):
        raise LosesPromise(
            f"工单{ticket.number}有待审批或已批准的费用处理，不能并入其他工单", ticket=ticket.number
        )
    calendars = office.handbook.clock.calendars
    owed, kept = (replay(events_of(session, each.id), calendars) for each in (ticket, into))
    # What an answer would cure is named last.
    for clock in sorted(owed.running(), key=lambda each: each.id == RESPONSE):
        due = shown_time(clock.due, now=now)
        if clock.id.startswith(CALLBACK):
            raise LosesPromise(
                f"工单{ticket.number}承诺在{due}前回电，请先联系客户再合并", ticket=ticket.number
            )
        if _is_stricter(clock, kept):
            way = "请先答复客户" if clock.id == RESPONSE else f"请把工单{into.number}并入{ticket.number}"
            raise LosesPromise(
                f"工单{ticket.number}的{clock_title(clock.id)}期限（{due}）早于工单{into.number}，{way}",
                ticket=ticket.number,
            )


def _is_stricter(clock: Clock, kept: Standing) -> bool:
    """Tell whether the other ticket has no such clock, or a later one."""
    if clock.id == RESPONSE and kept.first_response_at is not None:
        # A first response once given was given to the same customer.
        return False
    others = [each for each in kept.clocks.values() if kind_of(each.id) == kind_of(clock.id)]
    if clock.id != COMPLAINT and kind_of(clock.id) == COMPLAINT:
        # The regulator waits for an answer after the appeal, whatever was answered before.
        others = [each for each in others if each.ended is None]
    dues = [(kept.incident_due if each.void == "incident" else None) or each.due for each in others]
    return not dues or min(dues) > clock.due


def split_ticket(
    session: Session,
    office: Office,
    caller: Caller,
    ticket: Ticket,
    *,
    type: str,
    summary: str,
    urgency: Urgency,
    now: datetime,
) -> Ticket:
    """Make a second ticket of a matter that holds two; its clocks start when the first one's did."""
    number = len(links_of(session, ticket)) + 1
    conversation = (
        session.get(Conversation, ticket.conversation_id) if ticket.conversation_id else None
    )
    second, is_new = open_ticket(
        session,
        office.handbook,
        conversation=conversation,
        type=type,
        urgency=urgency,
        facts=ticket.facts,
        summary=summary,
        signals=[],
        key=f"{ticket.number}:split:{number}",
        now=now,
        phone_hash=ticket.phone_hash,
        who=caller.who,
        actor_id=caller.id,
        clock_started=ticket.accepted_at,
    )
    if is_new:
        _link(session, second, ticket, "split", now)
        note = Wish("note", reason=f"拆分出工单{second.number}", data={"split_into": second.number})
        step_ticket(session, office, caller, ticket, note, now=now)
        join_or_count(session, office.handbook, second, now=now)
        # Last: the log has one writer at a time, who should wait for no other row then.
        audit_opened(session, caller, second, now=now)
    return second


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


def _link(session: Session, ticket: Ticket, other: Ticket, kind: str, now: datetime) -> None:
    try:
        with session.begin_nested():
            session.add(TicketLink(ticket_id=ticket.id, other_id=other.id, kind=kind, at=now))
    except IntegrityError:
        raise DeskError("invalid", "这两个工单已经关联", ticket=ticket.number) from None


def links_of(session: Session, ticket: Ticket) -> list[tuple[str, Ticket]]:
    """Return the tickets this one was merged into or split from, and the reverse."""
    rows = session.execute(
        select(TicketLink).where(
            (TicketLink.ticket_id == ticket.id) | (TicketLink.other_id == ticket.id)
        )
    ).scalars()
    found = []
    for row in rows:
        outward = row.ticket_id == ticket.id
        other = session.get(Ticket, row.other_id if outward else row.ticket_id)
        found.append((row.kind if outward else f"{row.kind}_here", other))
    return found
