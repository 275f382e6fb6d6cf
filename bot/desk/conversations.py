"""Chapters 2.2 and 4: conversations (会话) and who holds them, changed by compare-and-set.

Holder and epoch live in our own row. A change names the epoch it was decided under; when
somebody else was first it fails with `StaleHolder` and nothing is changed.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.util import identity_key

from bot.handbook.errors import NotFound
from bot.handbook.handoff import ConversationState, StaleHolder, check_change
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation
from bot.storage.engine import insertion
from bot.storage.staff import StaffEvent

HANDED_OVER = "handed_over"
# Put together once: every turn asks it, and `Session.get` puts it together every time.
_BY_ID = select(Conversation).where(Conversation.id == bindparam("wanted"))
URGENCY_RANK = {urgency.value: urgency.rank for urgency in Urgency}


@dataclass(frozen=True)
class QueuePlace:
    """Say where a waiting conversation stands: position from 1, duty, next opening."""

    position: int
    on_duty: bool
    opens_at: datetime


def open_conversation(
    session: Session, *, channel: str, external_id: str, now: datetime, id: str | None = None
) -> Conversation:
    """Return the conversation of a channel's customer, making it at the first message."""
    query = select(Conversation).where(
        Conversation.channel == channel, Conversation.external_id == external_id
    )
    found = session.execute(query).scalar_one_or_none()
    if found is not None:
        return found
    conversation = Conversation(
        id=id or uuid.uuid4().hex,
        channel=channel,
        external_id=external_id,
        state=ConversationState.BOT.value,
        epoch=0,
        created_at=now,
    )
    try:
        with insertion(session):
            session.add(conversation)
            session.flush()
    except IntegrityError:
        return session.execute(query).scalar_one()
    return conversation


def known_conversation(session: Session, conversation_id: str) -> Conversation | None:
    """Return the conversation, or None."""
    if identity_key(Conversation, conversation_id) in session.identity_map:
        return session.get(Conversation, conversation_id)
    found: Conversation | None = session.execute(_BY_ID, {"wanted": conversation_id}).scalar_one_or_none()
    return found


def find_conversation(session: Session, conversation_id: str) -> Conversation:
    """Return the conversation; raise `NotFound`."""
    conversation = known_conversation(session, conversation_id)
    if conversation is None:
        raise NotFound("没有这个会话", conversation=conversation_id)
    return conversation


def change_holder(
    session: Session,
    conversation: Conversation,
    *,
    to: ConversationState,
    epoch: int,
    now: datetime,
    holder_id: int | None = None,
    **values: Any,
) -> Conversation:
    """Move the conversation to a new holder if its epoch is still `epoch`."""
    check_change(ConversationState(conversation.state), to)
    values |= {"state": to.value, "holder_id": holder_id, "epoch": epoch + 1}
    if to is ConversationState.WAITING:
        values.setdefault("waiting_since", now)
    else:
        values["waiting_since"] = None
    if to is ConversationState.ENDED:
        values["ended_at"] = now
    changed = session.execute(
        update(Conversation)
        .where(Conversation.id == conversation.id, Conversation.epoch == epoch)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    session.expire(conversation)
    session.refresh(conversation)
    if changed.rowcount != 1:
        raise StaleHolder(
            "会话已由他人变更", holder_id=conversation.holder_id, state=conversation.state,
            epoch=conversation.epoch,
        )
    return conversation


def hand_off(
    session: Session,
    handbook: Handbook,
    conversation: Conversation,
    *,
    reason: str,
    urgency: Urgency,
    now: datetime,
    team: str | None = None,
) -> QueuePlace:
    """Put the conversation into the queue for a person; a second call keeps its place."""
    if conversation.state == ConversationState.BOT.value:
        change_holder(
            session,
            conversation,
            to=ConversationState.WAITING,
            epoch=conversation.epoch,
            now=now,
            handoff_reason=reason[:200],
            urgency=urgency.value,
            team=team or handbook.reception,
        )
        # The row holds only the last hand-over, and for ever; what is counted has a time.
        session.add(
            StaffEvent(
                kind=HANDED_OVER, team=conversation.team, conversation_id=conversation.id, data={},
                at=now,
            )
        )
        session.flush()
    return queue_place(session, handbook, conversation, now=now)


def queue_place(
    session: Session, handbook: Handbook, conversation: Conversation, *, now: datetime
) -> QueuePlace:
    """Return the position among the waiting: more urgent first, then who waits longest."""
    team = handbook.teams[conversation.team or handbook.reception]
    rank = URGENCY_RANK.get(conversation.urgency or "general", 0)
    ahead = 0
    rows = session.execute(
        select(Conversation.urgency, func.count())
        .where(
            Conversation.state == ConversationState.WAITING.value,
            Conversation.team == team.id,
            Conversation.id != conversation.id,
            Conversation.waiting_since <= (conversation.waiting_since or now),
        )
        .group_by(Conversation.urgency)
    )
    for urgency, count in rows:
        ahead += count if URGENCY_RANK.get(urgency or "general", 0) >= rank else 0
    later = session.execute(
        select(Conversation.urgency, func.count())
        .where(
            Conversation.state == ConversationState.WAITING.value,
            Conversation.team == team.id,
            Conversation.waiting_since > (conversation.waiting_since or now),
        )
        .group_by(Conversation.urgency)
    )
    for urgency, count in later:
        ahead += count if URGENCY_RANK.get(urgency or "general", 0) > rank else 0
    return QueuePlace(ahead + 1, team.is_on_duty(now), team.next_opening(now))


def claim(
    session: Session, conversation: Conversation, *, staff_id: int, epoch: int, now: datetime
) -> Conversation:
    """Let a staff member take the conversation; the bot is silent from this commit on."""
    return change_holder(
        session, conversation, to=ConversationState.STAFF, epoch=epoch, now=now, holder_id=staff_id
    )


def hand_back(
    session: Session, conversation: Conversation, *, epoch: int, now: datetime
) -> Conversation:
    """Give the conversation back to the bot."""
    return change_holder(session, conversation, to=ConversationState.BOT, epoch=epoch, now=now)


def end(session: Session, conversation: Conversation, *, epoch: int, now: datetime) -> Conversation:
    """End the conversation; a later message of the customer opens it again with the bot."""
    return change_holder(session, conversation, to=ConversationState.ENDED, epoch=epoch, now=now)


def reopen_by_customer(
    session: Session, conversation: Conversation, *, now: datetime
) -> Conversation:
    """Let the bot serve an ended conversation again when the customer writes."""
    if conversation.state == ConversationState.ENDED.value:
        change_holder(
            session, conversation, to=ConversationState.BOT, epoch=conversation.epoch, now=now,
            dialogue=None,
        )
    return conversation


def is_quiet_since(conversation: Conversation, *, now: datetime, within: timedelta) -> bool:
    """Tell whether the customer has said nothing for `within`."""
    last = conversation.last_customer_at
    return last is None or now - last >= within
