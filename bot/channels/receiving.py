"""What comes in (渠道来信): stored under its id before anything acts on it, in one transaction.

Everything that a platform posts or hands out passes here; the same message again finds the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.channels.adapter import Adapter, Inbound
from bot.channels.choices import chosen
from bot.channels.linking import CodeWish, answer_words, go_on
from bot.channels.staff_claims import answer_claim
from bot.desk.conversations import open_conversation
from bot.desk.messages import deliver_pending, receive_message, say, settle
from bot.handbook.channels import ChannelTables, Window, opened
from bot.handbook.handoff import ConversationState
from bot.storage.channels import ChannelAccount, ChannelCursor, ChannelDelivery
from bot.storage.conversations import Conversation, Message

log = structlog.get_logger()
LONGEST_ID = 120
# Bubbles that overtook each other on the way are put back in order within this time.
REORDER = timedelta(seconds=60)


@dataclass
class Received:
    """Hold what is to be done after commit; `connected` are the channels that reach customers."""

    connected: Collection[str] = ()
    turns: list[str] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    codes: list[CodeWish] = field(default_factory=list)
    media: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    new: int = 0


def receive(
    session: Session, desk: Any, tables: ChannelTables, adapter: Adapter,
    messages: Sequence[Inbound], *, connected: Collection[str], now: datetime,
) -> Received:
    """Store messages and events; return which conversations need a turn."""
    done = Received(connected=connected)
    for each in messages:
        if not each.sender or not each.external_id:
            log.warning("channels.nameless", channel=adapter.id, kind=each.kind)
            continue
        if adapter.limits.replay is not None and now - each.at > adapter.limits.replay:
            continue
        _receive_one(session, desk, tables, adapter, each, done, now)
    return done


def _receive_one(
    session: Session, desk: Any, tables: ChannelTables, adapter: Adapter, inbound: Inbound,
    done: Received, now: datetime,
) -> None:
    conversation = open_conversation(
        session, channel=adapter.id, external_id=inbound.sender[:200], now=now
    )
    before = conversation.last_customer_at
    text = clean(inbound.text)[: desk.settings.message_limit]
    payload = dict(inbound.payload)
    titles = adapter.native_buttons > 0
    if inbound.kind == "text" and (button := chosen(session, conversation.id, text, titles=titles)) is not None:
        payload["typed"], text = text, button
    message, is_new = receive_message(
        session, conversation, text=text, external_id=short_id(inbound.external_id), kind=inbound.kind,
        payload=payload or None, now=min(now, max(inbound.at, now - REORDER)),
    )
    if not is_new:
        if message.state == "received":
            done.turns.append(conversation.id)
        return
    done.new += 1
    done.touched.add(conversation.id)
    _note_account(session, adapter, conversation, inbound, now)
    if payload.get("media"):
        done.media.append((message.id, payload["media"]))
    if _answer_at_once(session, desk, tables, adapter, conversation, message, inbound, done, now):
        deliver_pending(session, conversation.id, now=now)
        return
    go_on(session, desk, tables, conversation, message, before=before, now=now)
    done.turns.append(conversation.id)


def _answer_at_once(
    session: Session, desk: Any, tables: ChannelTables, adapter: Adapter,
    conversation: Conversation, message: Message, inbound: Inbound, done: Received, now: datetime,
) -> bool:
    """Serve what needs no turn of the dialogue; tell whether it was served."""
    if (told := answer_claim(session, desk, adapter, inbound, done.touched, now=now)) is not None:
        say(session, desk.gate, conversation, text=told, author="bot", now=now, reply_to=message.id)
        settle(session, [message.id])
        return True
    if inbound.kind == "text":
        served, wish = answer_words(
            session, desk, tables, conversation, message, connected=done.connected, now=now
        )
        if wish is not None:
            done.codes.append(wish)
        return served
    if message.text and inbound.kind != "event":
        return False
    settle(session, [message.id])
    if conversation.state != ConversationState.BOT.value:
        return True
    words, buttons = "", []
    if inbound.kind == "event" and inbound.event == "subscribe":
        words, buttons = desk.texts.render("utter_greet"), desk.texts.buttons("utter_greet")
    elif inbound.kind == "voice":
        words = tables.said["voice"]
    elif inbound.kind == "image":
        # A video or a file comes without anything that could be fetched.
        words = tables.said["picture" if inbound.payload.get("media") else "not_seen"]
    if words:
        say(
            session, desk.gate, conversation, text=words, author="bot", now=now,
            reply_to=message.id, payload={"buttons": buttons} if buttons else None,
        )
    return True


def _note_account(
    session: Session, adapter: Adapter, conversation: Conversation, inbound: Inbound, now: datetime
) -> None:
    """Keep where to answer, open the quota's window, and let what was held go out."""
    account = session.get(ChannelAccount, conversation.id)
    if account is None:
        account = ChannelAccount(
            conversation_id=conversation.id, channel=adapter.id, external_id=inbound.sender[:200],
            address={}, used=0, updated_at=now,
        )
        session.add(account)
    if inbound.address:
        account.address = {**account.address, **inbound.address}
    before = Window(account.window, account.window_at, account.used)
    after = opened(adapter.limits, before, inbound.event, now)
    account.window, account.window_at, account.used = after.event, after.at, after.used
    # Who blocked us and writes again gets what was held, also where nobody counts messages.
    returned = account.closed_at is not None and inbound.event != "unsubscribe"
    account.closed_at = now if inbound.event == "unsubscribe" else None
    account.updated_at = now
    session.flush()
    if after != before or returned:
        session.execute(
            update(ChannelDelivery)
            .where(
                ChannelDelivery.conversation_id == conversation.id, ChannelDelivery.state == "held"
            )
            .values(state="queued", next_at=now)
            .execution_options(synchronize_session=False)
        )


def clean(text: str) -> str:
    """Return text that every database takes: no NUL, no half of a surrogate pair."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode()


def short_id(external_id: str) -> str:
    """Return an id that fits its column; a long one becomes its hash."""
    if len(external_id) <= LONGEST_ID:
        return clean(external_id)
    return hashlib.sha256(clean(external_id).encode()).hexdigest()


def cursor_of(session: Session, name: str) -> str:
    """Return how far something was read; empty at the beginning."""
    row = session.get(ChannelCursor, name, populate_existing=True)
    return row.value if row else ""


def store_cursor(session: Session, name: str, value: str, *, now: datetime) -> None:
    """Keep how far something was read, in the transaction of what was read."""
    row = session.get(ChannelCursor, name)
    if row is None:
        try:
            with session.begin_nested():
                session.add(ChannelCursor(name=name, value=value, updated_at=now))
            return
        except IntegrityError:
            row = session.execute(select(ChannelCursor).where(ChannelCursor.name == name)).scalar_one()
    row.value, row.updated_at = value, now
