"""Chapter 3.3: merging and splitting (合并与拆分): two tickets of one matter, one of two.

Every change goes through `take_step`, so that it stands in the history and the clocks follow.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.desk.approvals import approvals_of
from bot.desk.incidents import join_or_count
from bot.desk.notices import tell_customer
from bot.desk.serving import Office
from bot.desk.staff import Caller
from bot.desk.ticket_cards import text_values, ticket_facts
from bot.desk.ticket_log import events_of, lock_ticket
from bot.desk.ticket_work import Wish, audit_opened, step_ticket
from bot.desk.tickets import open_ticket
from bot.handbook.clocks import CALLBACK, COMPLAINT, RESPONSE, Clock, Standing, kind_of, replay
from bot.handbook.deadlines import shown_time
from bot.handbook.errors import DeskError, Refusal
from bot.handbook.escalation import clock_title
from bot.handbook.lifecycle import ENDED_STATES, OPEN_STATES
from bot.handbook.requests import Urgency
from bot.storage.conversations import Conversation
from bot.storage.staff import TicketLink
from bot.storage.tickets import Ticket


class LosesPromise(Refusal):
    """Refuse a merger by which something promised to the customer would be forgotten."""

    code = "loses_promise"


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
