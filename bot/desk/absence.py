"""Chapter 4.3: when people are lost or nobody is there (失联与无人值守): the customer is never left alone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, cast, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from bot.desk import conversations as desk
from bot.desk.apart import apart
from bot.desk.callbacks import callback_ask, callback_buttons
from bot.desk.handing import front_of_queue
from bot.desk.intakes import CALLBACK_KEY, open_callback_ticket
from bot.desk.messages import say
from bot.desk.notices import notify_staff
from bot.desk.presence import record_event, somebody_is_there
from bot.desk.serving import (
    STAFF,
    WAITING,
    Office,
)
from bot.desk.tickets import ticket_card, ticket_facts
from bot.handbook.deadlines import shown_time
from bot.handbook.handoff import ConversationState, StaleHolder
from bot.handbook.intake import Intake
from bot.storage.conversations import Conversation
from bot.storage.notices import Notice
from bot.storage.staff import Staff, StaffEvent


def return_abandoned(session: Session, office: Office, *, now: datetime) -> list[Conversation]:
    """Put what lost people hold back to the front of the queue, and tell the customers (4.3)."""
    lost = now - office.reception.return_after
    rows = list(
        session.execute(
            select(Conversation, Staff)
            .join(Staff, Staff.id == Conversation.holder_id)
            .where(
                Conversation.state == STAFF,
                _is_lost(lost) | Staff.disabled_at.is_not(None),
            )
        ).all()
    )
    returned = []
    for conversation, staff in rows:
        with apart(session, "return_abandoned", conversation=conversation.id):
            if _return(session, office, conversation, staff, now=now):
                returned.append(conversation)
    return returned


def _return(
    session: Session, office: Office, conversation: Conversation, staff: Staff, *, now: datetime
) -> bool:
    try:
        desk.change_holder(
            session,
            conversation,
            to=ConversationState.WAITING,
            epoch=conversation.epoch,
            now=now,
            waiting_since=front_of_queue(session, conversation.team, now=now),
            handoff_reason="客服代表连接中断",
        )
    except StaleHolder:
        return False
    say(
        session,
        office.gate,
        conversation,
        author="system",
        now=now,
        text=office.reception.words["returned"],
    )
    staff.presence, staff.presence_reason, staff.presence_since = "off", None, now
    record_event(session, "returned", now=now, conversation=conversation, staff_id=staff.id)
    return True


def _is_lost(since: datetime) -> ColumnElement[bool]:
    """Match people not heard of since then, or never."""
    return Staff.seen_at.is_(None) | (Staff.seen_at < since)


def drop_lost_presence(session: Session, office: Office, *, now: datetime) -> None:
    """Set people off duty whose console has been silent for long."""
    lost = now - office.reception.return_after
    rows = session.execute(select(Staff).where(Staff.presence != "off", _is_lost(lost))).scalars()
    for staff in rows.all():
        with apart(session, "drop_lost_presence", staff=staff.id):
            staff.presence, staff.presence_reason = "off", None
            staff.presence_since, staff.idle_since = now, None
            record_event(session, "presence", now=now, staff_id=staff.id, data={"presence": "off"})


def warn_of_waiting(session: Session, office: Office, *, now: datetime) -> list[Conversation]:
    """Tell the team of each customer who waits too long for a person, once for each wait."""
    wait = office.reception.warn_wait_after
    key = literal("wait:") + Conversation.id + ":" + cast(Conversation.epoch, String)
    rows = list(
        session.execute(
            select(Conversation).where(
                Conversation.state == WAITING,
                Conversation.waiting_since <= now - wait,
                ~select(Notice.id).where(Notice.key == key).exists(),
            )
        ).scalars()
    )
    warned = []
    for conversation in rows:
        with apart(session, "warn_of_waiting", conversation=conversation.id):
            if _warn_of(session, office, conversation, now=now):
                warned.append(conversation)
    return warned


def _warn_of(
    session: Session, office: Office, conversation: Conversation, *, now: datetime
) -> bool:
    team = conversation.team or office.handbook.reception
    known = office.handbook.teams.get(team)
    minutes = office.reception.warn_wait_after.total_seconds() / 60
    try:
        with session.begin_nested():
            notify_staff(
                session,
                key=f"wait:{conversation.id}:{conversation.epoch}",
                kind="waiting",
                level="warning",
                role="team",
                team=team,
                now=now,
                by=("console", "webhook"),
                text=f"{known.title if known else team}有客户等待人工服务已超过{minutes:g}分钟，请尽快接入。",
                carries={"conversation": conversation.id, "epoch": conversation.epoch},
            )
    except IntegrityError:
        # Another process told them.
        return False
    return True


def relieve_queue(
    session: Session, office: Office, *, secret: str, now: datetime
) -> list[Conversation]:
    """Give those who waited too long a ticket with a due time, an apology and a choice of times."""
    since = now - office.reception.give_up_after
    rows = list(
        session.execute(
            select(Conversation).where(
                Conversation.state == WAITING, Conversation.waiting_since <= since
            )
        ).scalars()
    )
    relieved = []
    for conversation in rows:
        with apart(session, "relieve_queue", conversation=conversation.id):
            if somebody_is_there(session, office.reception, conversation.team, now=now):
                continue
            if _came_lately(session, conversation, since=since):
                continue
            if _relieve(session, office, conversation, secret=secret, now=now):
                relieved.append(conversation)
    return relieved


def _came_lately(session: Session, conversation: Conversation, *, since: datetime) -> bool:
    """Tell whether a person gave it on since then: a place at the front is not a long wait."""
    return (
        session.execute(
            select(StaffEvent.id)
            .where(
                StaffEvent.conversation_id == conversation.id,
                StaffEvent.kind.in_(["transferred", "returned"]),
                StaffEvent.at > since,
            )
            .limit(1)
        ).first()
        is not None
    )


def _relieve(
    session: Session, office: Office, conversation: Conversation, *, secret: str, now: datetime
) -> bool:
    state = (conversation.dialogue or {}).get("intake")
    intake = Intake.from_json(state) if state else None
    reason = conversation.handoff_reason or "客户要求人工联系"
    try:
        desk.change_holder(
            session, conversation, to=ConversationState.BOT, epoch=conversation.epoch, now=now
        )
    except StaleHolder:
        return False
    ticket, _ = open_callback_ticket(
        session,
        office.handbook,
        conversation,
        intake,
        text=reason,
        key=f"{conversation.id}:{conversation.epoch}:nobody{CALLBACK_KEY}",
        secret=secret,
        now=now,
        said=False,
    )
    conversation.dialogue = None
    respond_by = shown_time(ticket.response_due_at, now=now)
    times = callback_buttons(office.reception, ticket, now=now)
    words = office.reception.words["nobody"].format(number=ticket.number, respond_by=respond_by)
    say(
        session,
        office.gate,
        conversation,
        author="system",
        now=now,
        text=words + callback_ask(office.reception, ticket, times),
        payload={"ticket": ticket_card(ticket, office.handbook), "buttons": times},
        context=ticket.type,
        facts=ticket_facts(ticket, now=now),
    )
    record_event(
        session, "relieved", now=now, conversation=conversation, ticket_number=ticket.number
    )
    return True
