"""Removed channels (停用渠道): what still waits there goes another way, or is a dead letter that says why.

Each desk process notes which channels it serves. One that none has served for a while was taken
out of the channels' file; nothing is asked of it again.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.channels.parcels import DROPPED, FAILED, OPEN, QUEUED, revive
from bot.channels.receiving import store_cursor
from bot.desk.contact import is_connected, reachable_conversation, say_again
from bot.desk.outbox import bury
from bot.handbook.channels import ChannelTables
from bot.storage.channels import ChannelCursor, ChannelDelivery
from bot.storage.conversations import Conversation, Message

log = structlog.get_logger()
NOTED_EVERY = timedelta(minutes=1)
# Longer than a restart, so that none ends what another process is about to send.
UNSERVED = timedelta(minutes=10)
MOST = 100


def end_removed(
    session: Session, tables: ChannelTables, connected: Collection[str], *, now: datetime
) -> set[str]:
    """Note which channels are served, and end what waits on removed ones; return who was told."""
    for channel in sorted(connected):
        store_cursor(session, _served(channel), channel, now=now)
    rows = session.execute(
        select(ChannelDelivery)
        .where(
            ChannelDelivery.state.in_(OPEN),
            ChannelDelivery.channel.notin_([*connected, *_served_lately(session, now)]),
        )
        .order_by(ChannelDelivery.message_id)
        .limit(MOST)
        .with_for_update(skip_locked=True)
    ).scalars()
    told = {_end(session, tables, connected, row, now) for row in rows.all()}
    session.flush()
    return told


def _served(channel: str) -> str:
    return f"served:{channel}"


def _served_lately(session: Session, now: datetime) -> list[str]:
    return list(
        session.execute(
            select(ChannelCursor.value).where(
                ChannelCursor.name.startswith(_served("")), ChannelCursor.updated_at > now - UNSERVED
            )
        ).scalars()
    )


def _end(
    session: Session, tables: ChannelTables, connected: Collection[str], row: ChannelDelivery,
    now: datetime,
) -> str:
    """End one delivery; return the conversation in which something changed."""
    revive(session, row, QUEUED, now)
    message = session.get(Message, row.message_id)
    conversation = session.get(Conversation, row.conversation_id)
    there = reachable_conversation(session, conversation, connected=connected, now=now)
    title, channel = tables.title_of(row.channel), row.channel
    row.state, row.last_error = FAILED, f"channel_removed: {title}已停用"
    if message.state != "sent":
        row.state = DROPPED
    elif is_connected(there, connected):
        # Its own conversation is left where only the gateway is gone to which it was led out.
        message.state = "failed"
        # A repetition of the outbox must find it under its own id.
        own = message.external_id if message.author == "system" else None
        say_again(session, message, there, external_id=own or f"moved:{message.id}", now=now)
    else:
        reason = f"channel_removed: {title}已停用，客户没有其他可以联系的渠道"
        bury(session, message, reason=reason, now=now)
    log.warning(
        "channels.removed", channel=channel, delivery=row.id, message=message.id,
        goes_to=there.channel if is_connected(there, connected) else None,
    )
    return str(there.id)
