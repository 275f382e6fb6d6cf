"""Deliveries (渠道投递): which messages leave, joined how, within which quota, and what became of them.

Database work only. A parcel is fixed before its first try and keeps its id; one process at a time
serves a conversation, so that its messages arrive in order.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from bot.channels.adapter import CLOSED, QUOTA, RETRY, SENT, Adapter, Delivery
from bot.channels.joining import is_card, joinable, native, text_of
from bot.channels.ways_out import hold_or_lead_out, lead_out
from bot.handbook.channels import ChannelTables, Window, merged_count, pieces, room
from bot.handbook.handoff import ConversationState
from bot.storage.channels import ChannelAccount, ChannelDelivery
from bot.storage.conversations import Conversation, Message
from bot.storage.locks import lock_name

QUEUED, SENDING, DONE, MERGED, HELD, FAILED, EXPIRED, DROPPED = (
    "queued", "sending", "sent", "merged", "held", "failed", "expired", "dropped"
)
OPEN = (QUEUED, SENDING, HELD)
NAMESPACE = uuid.UUID("2b1c8f0e-7f2f-5d0c-9c55-3f4c1f3b7a10")


@dataclass(frozen=True)
class Parcel:
    """Hold one message to a platform, part `number` of its delivery."""

    delivery_id: int
    id: str
    channel: str
    target: str
    text: str
    buttons: tuple[Mapping[str, str], ...]
    attachment: Mapping[str, Any] | None
    address: Mapping[str, Any]
    way: str
    ticket: Mapping[str, Any] | None
    as_card: bool
    attempt: int
    created_at: datetime


def collect(
    session: Session, channels: Collection[str], *, after: int, now: datetime, most: int = 500
) -> int:
    """Put sent messages of outer channels into the queue, once each; return how many."""
    # Two processes that collect at once would refuse each other's rows.
    lock_name(session, "channel-collect")
    rows = session.execute(waiting(channels, after).limit(most)).all()
    for message_id, conversation_id, channel, target, author, payload in rows:
        session.add(
            ChannelDelivery(
                message_id=message_id, conversation_id=conversation_id, channel=channel,
                target=target, outcome=is_outcome(author, payload), state=QUEUED, attempts=0,
                next_at=now, created_at=now,
            )
        )
    session.flush()
    return len(rows)


def waiting(channels: Collection[str], after: int) -> Any:
    """Return the query for messages that no delivery carries yet, also those of a removed channel."""
    carried = select(ChannelDelivery.id).where(ChannelDelivery.message_id == Message.id)
    by_channel = select(ChannelAccount.channel).where(
        ChannelAccount.conversation_id == Conversation.id
    )
    return (
        select(
            Message.id, Message.conversation_id, Conversation.channel, Conversation.external_id,
            Message.author, Message.payload,
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Message.direction == "out", Message.state == "sent", Message.id > after,
            Conversation.channel.in_(channels) | by_channel.exists(), ~carried.exists(),
        )
        .order_by(Message.id)
    )


def is_outcome(author: str, payload: Mapping[str, Any] | None) -> bool:
    """Tell whether a message may use the reserve: it tells of a ticket, or is a notice."""
    return author == "system" or bool((payload or {}).get("ticket"))


def due_conversations(
    session: Session, channels: Collection[str], *, now: datetime, most: int = 500
) -> list[tuple[str, str]]:
    """Return the conversations in which something may be sent now, with their channels."""
    rows = session.execute(
        select(ChannelAccount.conversation_id, ChannelAccount.channel)
        .join(ChannelDelivery, ChannelDelivery.conversation_id == ChannelAccount.conversation_id)
        .where(
            ChannelDelivery.state.in_(OPEN), ChannelDelivery.next_at <= now,
            ChannelDelivery.channel.in_(channels),
            or_(ChannelAccount.busy_until.is_(None), ChannelAccount.busy_until < now),
        )
        .group_by(ChannelAccount.conversation_id, ChannelAccount.channel)
        .order_by(func.min(ChannelDelivery.next_at))
        .limit(most)
    )
    return [(conversation_id, channel) for conversation_id, channel in rows]


def claim(session: Session, conversation_id: str, *, lease: timedelta, now: datetime) -> bool:
    """Let this process alone serve the conversation for a while."""
    claimed = session.execute(
        update(ChannelAccount)
        .where(
            ChannelAccount.conversation_id == conversation_id,
            or_(ChannelAccount.busy_until.is_(None), ChannelAccount.busy_until < now),
        )
        .values(busy_until=now + lease)
        .execution_options(synchronize_session=False)
    )
    return claimed.rowcount == 1


def release(session: Session, conversation_id: str) -> None:
    """Let others serve the conversation."""
    session.execute(
        update(ChannelAccount)
        .where(ChannelAccount.conversation_id == conversation_id)
        .values(busy_until=None)
        .execution_options(synchronize_session=False)
    )


def take(
    session: Session, tables: ChannelTables, adapters: Mapping[str, Adapter], conversation_id: str,
    *, now: datetime,
) -> Parcel | None:
    """Return the next parcel of a claimed conversation, fixed in the database; None when none is due."""
    account = session.get(ChannelAccount, conversation_id, populate_existing=True)
    for row in _held_too_long(session, adapters, conversation_id, now):
        if not (row.outcome and lead_out(session, adapters, account, row, now)):
            row.state = EXPIRED
            # Staff see that it did not arrive, as they do of what the platform refused.
            _mark_failed(session, [row.message_id])
    _drop_overtaken(session, conversation_id)
    session.flush()
    while True:
        rows = _open_rows(session, adapters, conversation_id)
        if not rows or rows[0].next_at > now:
            _wait_behind(rows)
            return None
        head = rows[0]
        if head.body is None and not _fix(session, tables, adapters, account, rows, now):
            continue
        account.busy_until = now + tables.retry.lease
        head.state, head.attempts = SENDING, head.attempts + 1
        head.next_at = now + tables.retry.lease
        session.flush()
        return _parcel(session, account, head)


def _wait_behind(rows: Sequence[ChannelDelivery]) -> None:
    """Let nothing be due before what stands in front of it: it would be looked at without end."""
    for row in rows[1:]:
        row.next_at = max(row.next_at, rows[0].next_at)


def _drop_overtaken(session: Session, conversation_id: str) -> None:
    """Let the bot be silent from the moment a person holds the conversation; outcomes still go."""
    conversation = session.get(Conversation, conversation_id, populate_existing=True)
    if conversation.state != ConversationState.STAFF.value:
        return
    rows = session.execute(
        select(ChannelDelivery, Message)
        .join(Message, Message.id == ChannelDelivery.message_id)
        .where(
            ChannelDelivery.conversation_id == conversation_id,
            ChannelDelivery.state.in_((QUEUED, HELD)), ChannelDelivery.outcome.is_(False),
            Message.author == "bot", Message.epoch < conversation.epoch,
        )
        .execution_options(populate_existing=True)
    )
    for delivery, message in rows:
        # What has been tried may have arrived: it is sent again as it was.
        if delivery.body is None:
            delivery.state, message.state = DROPPED, "dropped"


def _open_rows(
    session: Session, channels: Collection[str], conversation_id: str
) -> list[ChannelDelivery]:
    """Return what is under way on connected channels, in order."""
    return list(
        session.execute(
            select(ChannelDelivery)
            .where(
                ChannelDelivery.conversation_id == conversation_id,
                ChannelDelivery.state.in_((QUEUED, SENDING)), ChannelDelivery.channel.in_(channels),
            )
            .order_by(ChannelDelivery.message_id)
            .execution_options(populate_existing=True)
        ).scalars()
    )


def _held_too_long(
    session: Session, channels: Collection[str], conversation_id: str, now: datetime
) -> list[ChannelDelivery]:
    return list(
        session.execute(
            select(ChannelDelivery).where(
                ChannelDelivery.conversation_id == conversation_id, ChannelDelivery.state == HELD,
                ChannelDelivery.next_at <= now, ChannelDelivery.channel.in_(channels),
            )
        ).scalars()
    )


def _fix(
    session: Session, tables: ChannelTables, adapters: Mapping[str, Adapter],
    account: ChannelAccount, rows: Sequence[ChannelDelivery], now: datetime,
) -> bool:
    """Decide what the next parcel holds; tell whether its first row carries it now."""
    head, adapter = rows[0], adapters[rows[0].channel]
    messages = {m.id: m for m in _messages(session, rows)}
    group = joinable(rows, messages)
    texts = [text_of(messages[row.message_id], adapter, tables, last=False) for row in group]
    group = group[: merged_count(texts, adapter.limits)]
    last = messages[group[-1].message_id]
    lines = [text_of(messages[r.message_id], adapter, tables, last=r is group[-1]) for r in group]
    parts = pieces("\n".join(lines), adapter.limits)
    if head.channel == account.channel and not head.body:
        window = Window(account.window, account.window_at, account.used)
        space = room(adapter.limits, window, outcome=any(row.outcome for row in group), now=now)
        if account.closed_at is not None:
            space = 0
        if space is not None and space < len(parts):
            hold_or_lead_out(session, adapters, account, group, window, now)
            return False
        account.used += len(parts) if space is not None else 0
    payload = last.payload or {}
    head.body = {
        "pieces": parts, "done": 0, "ticket": payload.get("ticket"),
        "buttons": native(last, adapter), "attachment": payload.get("attachment"),
        "card": is_card(payload, parts, adapter),
    }
    for row in group[1:]:
        row.state, row.carrier_id = MERGED, head.id
    session.flush()
    return True


def _messages(session: Session, rows: Sequence[ChannelDelivery]) -> list[Message]:
    ids = [row.message_id for row in rows]
    return list(session.execute(select(Message).where(Message.id.in_(ids))).scalars())


def _parcel(session: Session, account: ChannelAccount, head: ChannelDelivery) -> Parcel:
    body = head.body
    number, parts = body["done"], body["pieces"]
    is_last = number == len(parts) - 1
    own = head.channel == account.channel
    return Parcel(
        delivery_id=head.id, id=parcel_id(head.conversation_id, head.message_id, number),
        channel=head.channel, target=head.target, text=parts[number],
        buttons=tuple(body.get("buttons") or ()) if is_last else (),
        attachment=body.get("attachment") if is_last else None,
        address=account.address if own else {}, way=body.get("way") or "",
        ticket=body.get("ticket"), as_card=bool(body.get("card")), attempt=head.attempts,
        created_at=head.created_at,
    )


def parcel_id(conversation_id: str, message_id: int, number: int) -> str:
    """Return the id that the platform sees: 32 characters, the same at every repetition."""
    return uuid.uuid5(NAMESPACE, f"{conversation_id}:{message_id}:{number}").hex


def finish(
    session: Session, tables: ChannelTables, adapters: Mapping[str, Adapter], parcel: Parcel,
    delivery: Delivery, *, now: datetime,
) -> str:
    """Record what became of a parcel; return the state of its delivery."""
    row = session.get(ChannelDelivery, parcel.delivery_id, populate_existing=True)
    account = session.get(ChannelAccount, row.conversation_id, populate_existing=True)
    row.last_error = delivery.error[:300] or None
    if delivery.state == SENT:
        row.body = {**row.body, "done": row.body["done"] + 1}
        row.platform_id = delivery.platform_id[:200] or row.platform_id
        over = row.body["done"] >= len(row.body["pieces"])
        row.state, row.sent_at = (DONE, now) if over else (QUEUED, None)
        row.next_at = now
        row.attempts = row.attempts if over else 0
    elif delivery.state == RETRY:
        _retry(session, tables, adapters, account, row, delivery, now)
    elif delivery.state in {QUOTA, CLOSED}:
        _plan_again(session, adapters, account, row, delivery, now)
    else:
        _fail(session, adapters, account, row, now)
    session.flush()
    return str(row.state)


def _retry(
    session: Session, tables: ChannelTables, adapters: Mapping[str, Adapter],
    account: ChannelAccount, row: ChannelDelivery, delivery: Delivery, now: datetime,
) -> None:
    wait = tables.retry.wait_after(row.attempts)
    if wait is None:
        _fail(session, adapters, account, row, now)
        return
    row.state, row.next_at = QUEUED, now + max(wait, delivery.retry_after or wait)


def _plan_again(
    session: Session, adapters: Mapping[str, Adapter], account: ChannelAccount,
    row: ChannelDelivery, delivery: Delivery, now: datetime,
) -> None:
    """Believe the platform that nothing more goes there, and plan what is left anew."""
    if row.body.get("way") or row.channel != account.channel or row.body["done"]:
        _fail(session, adapters, account, row, now)
        return
    if delivery.state == CLOSED:
        account.closed_at = now
    account.used = max(
        [quota.messages for quota in adapters[row.channel].limits.quotas.values()], default=0
    )
    row.state, row.body, row.next_at = QUEUED, None, now
    revive(session, row, QUEUED, now)


def _fail(
    session: Session, adapters: Mapping[str, Adapter], account: ChannelAccount,
    row: ChannelDelivery, now: datetime,
) -> None:
    """Give a delivery up, unless it is an outcome that has another way out."""
    if row.outcome and row.channel == account.channel:
        revive(session, row, QUEUED, now)
        if lead_out(session, adapters, account, row, now):
            return
    row.state = FAILED
    revive(session, row, FAILED, now)
    _mark_failed(session, [row.message_id, *_carried_messages(session, row)])


def _mark_failed(session: Session, message_ids: Sequence[int]) -> None:
    session.execute(
        update(Message)
        .where(Message.id.in_(message_ids), Message.state == "sent")
        .values(state="failed")
        .execution_options(synchronize_session=False)
    )


def _carried_messages(session: Session, row: ChannelDelivery) -> list[int]:
    return list(
        session.execute(
            select(ChannelDelivery.message_id).where(
                ChannelDelivery.carrier_id == row.id, ChannelDelivery.state == FAILED
            )
        ).scalars()
    )


def revive(session: Session, row: ChannelDelivery, state: str, now: datetime) -> None:
    """Let the messages that were joined to a parcel go their own way again, or fail with it."""
    session.execute(
        update(ChannelDelivery)
        .where(ChannelDelivery.carrier_id == row.id, ChannelDelivery.state == MERGED)
        .values(state=state, next_at=now, carrier_id=row.id if state == FAILED else None)
        .execution_options(synchronize_session="fetch")
    )
