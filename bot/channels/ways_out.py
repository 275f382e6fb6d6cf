"""Ways out (渠道兜底): where an outcome goes when its platform takes nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.channels.adapter import Adapter
from bot.desk.contact import verified_phone
from bot.handbook.channels import Window, closes_at
from bot.storage.channels import ChannelAccount, ChannelDelivery
from bot.storage.conversations import Conversation, Message

QUEUED, HELD = "queued", "held"
# What waits for the customer's next word is given up after this time.
HOLD = timedelta(hours=48)


def hold_or_lead_out(
    session: Session, adapters: Mapping[str, Adapter], account: ChannelAccount,
    group: Sequence[ChannelDelivery], window: Window, now: datetime,
) -> None:
    """Hold what is only talk until the customer writes; find a way out for an outcome."""
    limits = adapters[group[0].channel].limits
    until = closes_at(limits, window)
    for row in group:
        if not (row.outcome and lead_out(session, adapters, account, row, now)):
            row.state = HELD
            row.next_at = until if until is not None and until > now else now + HOLD
    session.flush()


def lead_out(
    session: Session, adapters: Mapping[str, Adapter], account: ChannelAccount,
    row: ChannelDelivery, now: datetime,
) -> bool:
    """Send an outcome past the platform's quota: by its template, or by SMS to a proved phone.

    After a way that was refused comes the next one.
    """
    adapter = adapters[account.channel]
    ways, tried = adapter.limits.ways_out, (row.body or {}).get("way")
    for way in ways[ways.index(tried) + 1 if tried in ways else 0 :]:
        if way in adapter.ways and account.closed_at is None and row.channel == account.channel:
            message = session.get(Message, row.message_id)
            row.body = {
                "pieces": [message.text], "done": 0, "way": way, "buttons": [],
                "ticket": (message.payload or {}).get("ticket"),
            }
            row.state, row.next_at = QUEUED, now
            return True
        if way == "sms" and (gateway := _gateway(adapters)) is not None:
            phone = verified_phone(session, session.get(Conversation, account.conversation_id))
            if phone:
                row.channel, row.target, row.body = gateway, phone, None
                row.state, row.attempts, row.next_at = QUEUED, 0, now
                return True
    return False


def _gateway(adapters: Mapping[str, Adapter]) -> str | None:
    return next((id_ for id_ in adapters if id_.split("-")[0] == "sms"), None)
