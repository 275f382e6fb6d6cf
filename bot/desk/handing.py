"""Chapters 2.2 and 4.3: giving a conversation on (转交): back to the bot, to others, to an end.

Also what happens when a person is lost, or nobody is there: the conversation goes back to the
front of the queue, and at last a ticket with a due time stands in for the person.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk import conversations as desk
from bot.desk.followup import ask_now
from bot.desk.messages import say
from bot.desk.presence import check_qualified, held_count, is_connected, record_event
from bot.desk.readings import facts_in
from bot.desk.serving import (
    WAITING,
    Office,
    add_note,
    audit_holder,
    check_epoch,
    check_holds,
    reply_facts,
    ticket_in_hand,
)
from bot.desk.staff import Caller
from bot.desk.tickets import take_step
from bot.handbook.access import Access, Forbidden
from bot.handbook.errors import NotFound
from bot.handbook.handoff import ConversationState
from bot.handbook.intake import CONFIRM
from bot.handbook.intake_parts import Intake
from bot.handbook.intake_resumed import resume
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.privacy import mask
from bot.handbook.reception import AtCapacity, NotThere
from bot.storage.conversations import Conversation, Message
from bot.storage.staff import Staff, StaffEvent
from bot.storage.tickets import Ticket


def hand_back(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    now: datetime,
    epoch: int | None = None,
) -> Conversation:
    """Give the conversation back to the bot, which opens with one fitting sentence."""
    check_holds(session, caller, conversation)
    heard = [m.text for m in said_meanwhile(session, conversation) if m.direction == "in"]
    desk.hand_back(session, conversation, epoch=check_epoch(conversation, epoch), now=now)
    ticket = ticket_in_hand(session, conversation)
    opening = _intake_goes_on(office, conversation, heard)
    if opening is None and ticket is not None:
        _supplement(session, office, caller, ticket, heard, now=now)
        state = office.handbook.lifecycle.states.get(ticket.state, ticket.state)
        opening = office.reception.words["handed_back_ticket"].format(
            number=ticket.number, state_title=state
        )
    opening = opening or office.reception.words["handed_back"]
    context, facts = reply_facts(session, ticket, conversation, now=now)
    say(
        session,
        office.gate,
        conversation,
        text=opening,
        author="bot",
        now=now,
        context=context,
        facts=facts,
    )
    _released(session, caller, conversation, "handed_back", now)
    return conversation


def _intake_goes_on(office: Office, conversation: Conversation, heard: list[str]) -> str | None:
    """Add to a half-finished intake what the person was told; return the bot's opening sentence."""
    state = (conversation.dialogue or {}).get("intake")
    if not state or state.get("outcome") or state.get("type") not in office.handbook.types:
        return None
    intake = Intake.from_json(state)
    for text in heard:
        intake.facts |= facts_in(text)
        intake.words.append(text)
    asking = resume(intake, office.handbook.types)
    conversation.dialogue = {**conversation.dialogue, "intake": intake.as_json()}
    if asking is None:
        return None
    values = {"type_title": office.handbook.types[intake.type].spoken}
    if asking == CONFIRM:
        return office.reception.words["handed_back_complete"].format(**values)
    values["fact_title"] = office.handbook.facts.get(asking, asking)
    return office.reception.words["handed_back_asking"].format(**values)


def _supplement(
    session: Session,
    office: Office,
    caller: Caller,
    ticket: Ticket,
    heard: list[str],
    *,
    now: datetime,
) -> None:
    """Add to an open ticket the facts that it lacks and the person was told."""
    fresh: dict[str, str] = {}
    for text in heard:
        fresh |= {k: v for k, v in facts_in(text).items() if k not in (ticket.facts or {})}
    if not fresh or ticket.state not in OPEN_STATES:
        return
    ticket.facts = {**(ticket.facts or {}), **fresh}
    titles = "、".join(office.handbook.facts.get(name, name) for name in fresh)
    take_step(
        session,
        office.handbook,
        ticket,
        "supplement",
        who=caller.who,
        actor_id=caller.id,
        now=now,
        reason=f"客户向客服代表补充：{titles}",
    )


def said_meanwhile(session: Session, conversation: Conversation) -> list[Message]:
    """Return what customer and staff have said since the bot gave it up, whoever held it then."""
    since = taken_epoch(session, conversation)
    return list(
        session.execute(
            select(Message)
            .where(
                Message.conversation_id == conversation.id,
                Message.epoch >= since,
                (Message.direction == "in") | (Message.state == "sent"),
            )
            .order_by(Message.id)
        ).scalars()
    )


def taken_epoch(session: Session, conversation: Conversation) -> int:
    """Return the epoch under which the bot gave the conversation up: to the queue, or to a person."""
    events = session.execute(
        select(StaffEvent.kind, StaffEvent.data)
        .where(
            StaffEvent.conversation_id == conversation.id,
            StaffEvent.kind.in_(["claimed", "handed_back", "ended", "relieved"]),
        )
        .order_by(StaffEvent.id)
    ).all()
    taken: int | None = None
    for kind, data in events:
        if kind != "claimed":
            taken = None
        elif taken is None:
            # Who was taken from the queue had come into it one change before.
            taken = int(data["epoch"]) - (data.get("waited_s") is not None)
    return int(conversation.epoch) if taken is None else taken


def transfer(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    access: Access,
    now: datetime,
    team: str | None = None,
    person: int | None = None,
    epoch: int | None = None,
    note: str | None = None,
) -> Conversation:
    """Pass the conversation on: to a team's queue, at its front, or to one person."""
    check_holds(session, caller, conversation)
    epoch = check_epoch(conversation, epoch)
    if note:
        add_note(session, caller, conversation, text=note, now=now)
    if person is not None:
        target = _transfer_target(
            session, office, access, conversation, person, team, now=now
        )
        if team is None and not _serves(target, conversation.team):
            team = target.teams[0]
        values = {"team": team} if team else {}
        desk.change_holder(
            session,
            conversation,
            to=ConversationState.STAFF,
            epoch=epoch,
            now=now,
            holder_id=target.id,
            **values,
        )
        target.idle_since = now
        title = target.title
    else:
        if team not in office.handbook.teams:
            raise NotFound("没有这个团队", team=team, known=list(office.handbook.teams))
        desk.change_holder(
            session,
            conversation,
            to=ConversationState.WAITING,
            epoch=epoch,
            now=now,
            team=team,
            waiting_since=front_of_queue(session, str(team), now=now),
            handoff_reason=(note or "同事转接")[:200],
        )
        title = office.handbook.teams[str(team)].title
    say(
        session,
        office.gate,
        conversation,
        author="system",
        now=now,
        text=office.reception.words["transferred"].format(team_title=title),
    )
    _released(session, caller, conversation, "transferred", now, to=person or team)
    return conversation


def _transfer_target(
    session: Session,
    office: Office,
    access: Access,
    conversation: Conversation,
    person: int,
    team: str | None,
    *,
    now: datetime,
) -> Staff:
    target = session.get(Staff, person)
    if target is None or target.disabled_at is not None:
        raise NotFound("没有这个同事", person=person)
    if team is not None and target.teams and team not in target.teams:
        raise Forbidden("该同事不在此团队", person=person, team=team)
    # Who is chosen by name takes the conversation to a team of theirs.
    team = team or (conversation.team if _serves(target, conversation.team) else target.teams[0])
    if "conversations_serve" not in access.roles[target.role].may:
        raise Forbidden(f"{target.title}的角色不接待会话", person=person)
    works = office.reception.presences[target.presence].takes_work
    if not works or not is_connected(target, office.reception, now=now):
        raise NotThere(f"{target.title}目前不在岗或已断开连接，请转给其他同事", person=person)
    check_qualified(session, office.reception, person, team, now=now)
    if held_count(session, person) >= target.capacity:
        raise AtCapacity(
            f"{target.title}正在接待{target.capacity}个会话，已达上限", capacity=target.capacity
        )
    return target


def _serves(person: Staff, team: str | None) -> bool:
    return not person.teams or team in person.teams


def front_of_queue(session: Session, team: str, *, now: datetime) -> datetime:
    """Return a waiting time that comes before everybody in the team's queue."""
    first = session.execute(
        select(func.min(Conversation.waiting_since)).where(
            Conversation.state == WAITING, Conversation.team == team
        )
    ).scalar_one()
    return now if first is None else min(now, first - timedelta(seconds=1))


def end_conversation(
    session: Session,
    office: Office,
    caller: Caller,
    conversation: Conversation,
    *,
    now: datetime,
    epoch: int | None = None,
) -> Conversation:
    """End the conversation with a closing sentence; the customer's next message opens it again."""
    check_holds(session, caller, conversation)
    desk.end(session, conversation, epoch=check_epoch(conversation, epoch), now=now)
    say(
        session,
        office.gate,
        conversation,
        author="system",
        now=now,
        text=office.reception.words["ended"],
    )
    _released(session, caller, conversation, "ended", now)
    return conversation


def _released(
    session: Session,
    caller: Caller,
    conversation: Conversation,
    kind: str,
    now: datetime,
    **data: Any,
) -> None:
    if kind != "transferred":
        ask_now(session, conversation, now=now)
    staff = session.get(Staff, caller.id)
    staff.idle_since = now
    record_event(session, kind, now=now, conversation=conversation, staff_id=caller.id, data=data)
    audit_holder(session, caller, conversation, f"conversation_{kind}", now=now, **data)


def memory_of(messages: list[Message]) -> list[dict[str, Any]]:
    """Return what was said as events for the engine's tracker, ending with the customer's turn."""
    events: list[dict[str, Any]] = []
    for message in messages:
        text = mask(message.text)
        if message.direction == "in":
            parse = {"intent": {"name": "inform", "confidence": 1.0}, "entities": [], "text": text}
            events.append(
                {"event": "user", "text": text, "parse_data": parse, "input_channel": "staff"}
            )
        else:
            events.append({"event": "bot", "text": text, "metadata": {"author": message.author}})
    events.append({"event": "action", "name": "action_listen"})
    return events
