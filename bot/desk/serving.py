"""Chapter 2.2: people serve conversations (人工接待): take, answer, note, pass on, give back, end.

Every change of holder is a compare-and-set on the epoch; what is said is written in the same
transaction and delivered after commit (`deliver_pending`), under the epoch it was written in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from bot.desk import conversations as desk
from bot.desk.approvals import approved_sums
from bot.desk.audit import record_audit
from bot.desk.commitments import record_reply
from bot.desk.conversations import URGENCY_RANK
from bot.desk.messages import Gate, say
from bot.desk.presence import (
    check_qualified,
    held_count,
    open_offer,
    record_event,
)
from bot.desk.staff import Caller, staff_titles
from bot.desk.tickets import find_ticket, ticket_facts, tickets_of
from bot.handbook.errors import NotFound
from bot.handbook.handoff import ConversationState, IllegalHandoff, StaleHolder
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.reception import AtCapacity, OfferedToOther, Reception
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.staff import Staff
from bot.storage.tickets import Ticket

BOT, WAITING, STAFF, ENDED = (state.value for state in ConversationState)
NOTE = "note"
NEWEST = func.coalesce(Conversation.last_customer_at, Conversation.created_at).desc()
# As `queue_order` sorts: more urgent first, then who waits longest.
IN_THE_QUEUE = (
    case(URGENCY_RANK, value=func.coalesce(Conversation.urgency, "general"), else_=0).desc(),
    Conversation.waiting_since,
    Conversation.id,
)


@dataclass(frozen=True)
class Office:
    """Hold what serving a conversation needs besides the database."""

    handbook: Handbook
    reception: Reception
    gate: Gate


def may_see(session: Session, caller: Caller, conversation: Conversation) -> bool:
    """Tell whether the conversation is this person's business: team, holder, ticket or watch."""
    if conversation.holder_id == caller.id:
        return True
    if "conversations_watch" in caller.may and (caller.sees_all or conversation.team is None):
        return True
    if conversation.state in {WAITING, STAFF}:
        return caller.sees_team(conversation.team)
    if conversation.team and caller.sees_team(conversation.team):
        return True
    teams = session.execute(
        select(Ticket.team).where(Ticket.conversation_id == conversation.id)
    ).scalars()
    return any(caller.sees_team(team) for team in teams)


def visible_conversation(session: Session, caller: Caller, conversation_id: str) -> Conversation:
    """Return the conversation; a stranger's and a missing one look the same."""
    conversation = desk.find_conversation(session, conversation_id)
    if not may_see(session, caller, conversation):
        raise NotFound("没有这个会话", conversation=conversation_id)
    return conversation


def listed_conversations(
    session: Session, caller: Caller, *, state: str | None = None, most: int = 200
) -> list[Conversation]:
    """Return the queue in its order, then what people hold, then the newest of the rest.

    The queue is read apart, so that however much is held, who waits longest is in the list.
    """
    states = {None: (WAITING, STAFF), "mine": (STAFF,)}.get(state, (state,))
    found: list[Conversation] = []
    for each in states:
        # What the bot serves is seen by those who may watch it.
        if each == BOT and "conversations_watch" not in caller.may:
            continue
        query = select(Conversation).where(Conversation.state == each)
        if state == "mine":
            query = query.where(Conversation.holder_id == caller.id)
        else:
            query = query.where(*_theirs(caller, each))
        order = IN_THE_QUEUE if each == WAITING else (NEWEST,)
        found += session.execute(query.order_by(*order).limit(most)).scalars()
    return found


def _theirs(caller: Caller, state: str) -> list[ColumnElement[bool]]:
    """Return the conditions of what `may_see` lets the person see, without the way by a ticket."""
    own = Conversation.holder_id == caller.id
    watches, limit = "conversations_watch" in caller.may, caller.team_limit
    if limit is not None:
        theirs = own | Conversation.team.in_(limit)
        return [theirs | Conversation.team.is_(None) if watches else theirs]
    # Nobody's customers wait for whoever serves every team; what the bot alone said is watched.
    if watches or state in {WAITING, STAFF}:
        return []
    return [own | Conversation.team.is_not(None)]


def check_epoch(conversation: Conversation, epoch: int | None) -> int:
    """Return the epoch to change under; raise `StaleHolder` when the caller's is old."""
    if epoch is not None and epoch != conversation.epoch:
        raise StaleHolder(
            "会话已由他人变更，请刷新",
            holder_id=conversation.holder_id,
            state=conversation.state,
            epoch=conversation.epoch,
        )
    return int(conversation.epoch)


def claim_conversation(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    now: datetime,
    epoch: int | None = None,
) -> Conversation:
    """Take a conversation: from the queue, from the bot, or (a leader) from a colleague."""
    if conversation.state == STAFF and conversation.holder_id == caller.id:
        return conversation
    leads = "tickets_lead" in caller.may
    if conversation.state == STAFF and (epoch is None or not leads):
        raise _held_by_other(session, conversation)
    _check_may_take(session, office, caller, conversation, leads=leads, now=now)
    waited = _seconds(conversation.waiting_since, now)
    try:
        desk.claim(
            session,
            conversation,
            staff_id=caller.id,
            epoch=check_epoch(conversation, epoch),
            now=now,
        )
    except StaleHolder:
        raise _held_by_other(session, conversation) from None
    if conversation.team is None:
        conversation.team = office.handbook.reception
    conversation.handoff_reason = conversation.handoff_reason or "客服代表主动接入"
    staff = session.get(Staff, caller.id)
    if staff.presence == "off":
        # Who takes work is there, whatever the switch says.
        staff.presence, staff.presence_reason, staff.presence_since = "duty", None, now
    staff.idle_since = staff.seen_at = now
    record_event(
        session,
        "claimed",
        now=now,
        conversation=conversation,
        staff_id=caller.id,
        data={"waited_s": waited, "epoch": conversation.epoch},
    )
    say(
        session,
        office.gate,
        conversation,
        author="system",
        now=now,
        text=office.reception.words["claimed"].format(title=caller.title),
    )
    audit_holder(session, caller, conversation, "conversation_claimed", now=now)
    return conversation


def _held_by_other(session: Session, conversation: Conversation) -> StaleHolder:
    titles = staff_titles(session, [conversation.holder_id])
    holder = titles.get(conversation.holder_id or 0)
    words = f"会话已由{holder}接入" if holder else "会话已由他人变更，请刷新"
    return StaleHolder(
        words,
        holder_id=conversation.holder_id,
        holder=holder,
        state=conversation.state,
        epoch=conversation.epoch,
    )


def _check_may_take(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    leads: bool,
    now: datetime,
) -> None:
    check_qualified(session, office.reception, caller.id, conversation.team, now=now)
    offer = open_offer(session, conversation)
    if offer is not None and offer.staff_id == caller.id:
        offer.state = "accepted"
    elif offer is not None and not leads:
        raise OfferedToOther("该会话正在派发给其他同事", until=offer.expires_at.isoformat())
    staff = session.get(Staff, caller.id)
    if not leads and held_count(session, caller.id) >= staff.capacity:
        raise AtCapacity(f"您正在接待{staff.capacity}个会话，已达上限", capacity=staff.capacity)


def _seconds(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max(0.0, (now - since).total_seconds())


def check_holds(session: Session, caller: Caller, conversation: Conversation) -> None:
    """Raise unless the person holds the conversation now."""
    if conversation.state != STAFF:
        raise IllegalHandoff(
            f"会话处于“{ConversationState(conversation.state).label}”，请先接入",
            state=conversation.state,
            holder_id=conversation.holder_id,
        )
    if conversation.holder_id != caller.id:
        raise _held_by_other(session, conversation)


def ticket_in_hand(
    session: Session, conversation: Conversation, number: str | None = None
) -> Ticket | None:
    """Return the ticket that a reply is about: the named one, else the newest open one."""
    if number:
        ticket = find_ticket(session, number)
        if ticket.id not in {t.id for t in tickets_of(session, conversation, most=100)}:
            raise NotFound("该工单不属于此会话的客户", number=number)
        return ticket
    own = tickets_of(session, conversation)
    return next((t for t in own if t.state in OPEN_STATES), own[0] if own else None)


def reply_facts(
    session: Session, ticket: Ticket | None, conversation: Conversation, *, now: datetime
) -> tuple[str | None, dict[str, Any]]:
    """Return the context and the facts under which a reply is checked."""
    if ticket is None:
        reading = conversation.reading or {}
        return reading.get("type"), {}
    facts = ticket_facts(ticket, now=now)
    own = tickets_of(session, conversation)
    if len(own) > 1:
        facts["own_tickets"] = [each.number for each in own]
    sums = approved_sums(session, ticket.id)
    if sums:
        facts["approved"] = sums
    return ticket.type, facts


def reply(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    text: str,
    now: datetime,
    ticket_number: str | None = None,
    client_id: str | None = None,
    override_reason: str | None = None,
    turn: str | None = "mid",
    payload: dict[str, Any] | None = None,
) -> Message:
    """Write a person's answer under the language check; raise `LanguageBlocked`.

    The first answer counts as the first human response on the customer's open tickets (2.4), and
    every time it promises gets a clock of its own (3.4).
    """
    check_holds(session, caller, conversation)
    if client_id and (sent := _sent_before(session, conversation, client_id)) is not None:
        return sent
    ticket = ticket_in_hand(session, conversation, ticket_number)
    context, facts = reply_facts(session, ticket, conversation, now=now)
    checked = office.gate.check_reply(text, turn=turn, context=context, facts=facts, now=now)
    message = say(
        session,
        office.gate,
        conversation,
        text=text,
        author="staff",
        staff_id=caller.id,
        now=now,
        checked=checked,
        override_reason=override_reason,
        payload=payload,
        external_id=f"staff:{client_id}" if client_id else None,
    )
    conversation.last_staff_at = now
    if message.verdict.override_reason:
        _audit_override(session, caller, message, now=now)
    record_reply(
        session,
        office.handbook,
        conversation,
        staff_id=caller.id,
        now=now,
        message_id=message.id,
        commitments=checked.commitments,
        ticket=ticket,
    )
    return message


def _sent_before(session: Session, conversation: Conversation, client_id: str) -> Message | None:
    return session.execute(
        select(Message).where(
            Message.conversation_id == conversation.id,
            Message.external_id == f"staff:{client_id}",
        )
    ).scalar_one_or_none()


def _audit_override(session: Session, caller: Caller, message: Message, *, now: datetime) -> None:
    verdict = message.verdict
    rules = sorted({finding["rule"] for finding in verdict.findings})
    record_audit(
        session,
        action="language_overridden",
        subject=f"message:{message.id}",
        now=now,
        staff_id=caller.id,
        staff_name=caller.name,
        data={"reason": verdict.override_reason, "rules": rules},
    )


def audit_holder(
    session: Session, caller: Caller, conversation: Conversation, action: str, *, now: datetime,
    **data: Any,
) -> None:
    """Keep in the audit log that a person changed who holds the conversation."""
    record_audit(
        session, action=action, subject=f"conversation:{conversation.id}", now=now,
        staff_id=caller.id, staff_name=caller.name,
        data={"epoch": conversation.epoch, "team": conversation.team, **data},
    )  # fmt: skip


def add_note(
    session: Session, caller: Caller, conversation: Conversation, *, text: str, now: datetime
) -> Message:
    """Keep an internal note in the conversation, seen by staff only."""
    note = Message(
        conversation_id=conversation.id,
        direction="own",
        author="staff",
        staff_id=caller.id,
        kind=NOTE,
        text=text,
        epoch=conversation.epoch,
        state="kept",
        created_at=now,
    )
    session.add(note)
    session.flush()
    return note


def holders(session: Session, conversations: Iterable[Conversation]) -> dict[int, str]:
    """Return the shown names of those who hold the conversations."""
    return staff_titles(session, [c.holder_id for c in conversations])
