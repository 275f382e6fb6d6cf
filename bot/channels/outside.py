"""What happens on the platform itself (平台侧接待): its staff take over, reply and end.

A reply of theirs is written into our ledger with its language verdict; it has been read already,
so the verdict is for the quality figures and blocks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.channels.adapter import Adapter
from bot.desk.conversations import change_holder, open_conversation
from bot.handbook.handoff import ConversationState
from bot.storage.channels import ChannelAccount, ChannelDelivery
from bot.storage.conversations import Conversation, Message, Verdict

TAKEN, ENDED, REPLY, FAILED = "taken", "ended", "reply", "send_failed"


def record_outside(
    session: Session, desk: Any, adapter: Adapter, events: Sequence[Mapping[str, Any]], *,
    now: datetime,
) -> set[str]:
    """Record what the platform's own staff did; return the conversations that changed."""
    touched = set()
    for event in events:
        conversation = open_conversation(
            session, channel=adapter.id, external_id=str(event["sender"])[:200], now=now
        )
        if event["what"] == REPLY:
            changed = _record_reply(session, desk, adapter, conversation, event, now)
        elif event["what"] == FAILED:
            changed = _record_failure(session, conversation, event)
        else:
            changed = _follow(session, conversation, event, now)
        if changed:
            touched.add(conversation.id)
    session.flush()
    return touched


def _record_reply(
    session: Session, desk: Any, adapter: Adapter, conversation: Conversation,
    event: Mapping[str, Any], now: datetime,
) -> bool:
    known = session.execute(
        select(Message.id).where(
            Message.conversation_id == conversation.id, Message.external_id == event["id"]
        )
    ).first()
    if known is not None:
        return False
    result = desk.gate.checker.check(event["text"], speaker="staff", now=now)
    answer = result.as_json()
    verdict = Verdict(
        verdict=answer["verdict"], speaker="staff", rules_version=str(result.rules_version),
        findings=answer["findings"], override_reason="在平台侧直接发送", created_at=now,
    )
    session.add(verdict)
    session.flush()
    message = Message(
        conversation_id=conversation.id, direction="out", author="staff", text=event["text"],
        external_id=event["id"], epoch=conversation.epoch, state="sent", verdict_id=verdict.id,
        payload={"outside": event.get("servicer", "")}, created_at=now, sent_at=event["at"],
    )
    session.add(message)
    session.flush()
    # It is on the platform already: the delivery is there only so that nobody sends it again.
    session.add(
        ChannelDelivery(
            message_id=message.id, conversation_id=conversation.id, channel=adapter.id,
            target=conversation.external_id, outcome=False, state="sent", attempts=0,
            next_at=now, platform_id=str(event["id"])[:200], created_at=now, sent_at=now,
        )
    )
    conversation.last_staff_at = now
    return True


def _record_failure(session: Session, conversation: Conversation, event: Mapping[str, Any]) -> bool:
    """Mark a delivery that the platform first took and then could not hand over."""
    row = session.execute(
        select(ChannelDelivery).where(
            ChannelDelivery.conversation_id == conversation.id,
            ChannelDelivery.platform_id == event["id"],
        )
    ).scalar_one_or_none()
    if row is None or row.state != "sent":
        return False
    row.state, row.last_error = "failed", str(event.get("why", ""))[:300]
    message = session.get(Message, row.message_id)
    if message.state == "sent":
        message.state = "failed"
    return True


def _follow(
    session: Session, conversation: Conversation, event: Mapping[str, Any], now: datetime
) -> bool:
    """Let our conversation follow what was decided on the platform."""
    state, account = ConversationState(conversation.state), session.get(ChannelAccount, conversation.id)
    to = None
    if event["what"] == TAKEN and state in {ConversationState.BOT, ConversationState.WAITING}:
        to = ConversationState.STAFF
    elif event["what"] == ENDED and state in {ConversationState.STAFF, ConversationState.WAITING}:
        to = ConversationState.BOT
    if to is not None:
        change_holder(session, conversation, to=to, epoch=conversation.epoch, now=now)
    if account is not None:
        account.service_state = event.get("service_state", account.service_state)
        account.synced_epoch = conversation.epoch
    return to is not None
