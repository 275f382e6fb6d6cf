"""What one turn serves (待办): the customer's waiting messages, joined, and where the talk stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot.desk.callbacks import LOOK_BACK, Choice, chosen_callback
from bot.desk.conversations import find_conversation
from bot.desk.messages import said_lately, unhandled_messages
from bot.handbook.handoff import ConversationState
from bot.storage.conversations import Message

# Longer texts slow the model without telling it more; the ledger keeps them whole.
MODEL_READS = 400
SHORTEST_TITLE = 2
FIRST_TURN_GAP = timedelta(hours=12)


@dataclass(frozen=True)
class Work:
    """Hold what one turn serves."""

    conversation_id: str
    ids: list[int]
    text: str
    epoch: int
    state: ConversationState
    choice: str | None
    callback: Choice | None
    first: bool
    asking: str | None
    earlier: str | None


def waiting_work(session: Session, conversation_id: str, *, now: datetime) -> Work | None:
    """Return what the next turn has to serve; None when nothing waits."""
    messages = unhandled_messages(session, conversation_id)
    if not messages:
        return None
    conversation = find_conversation(session, conversation_id)
    lately = said_lately(session, conversation_id, most=LOOK_BACK)
    said = lately[0] if lately else None
    return Work(
        conversation_id=conversation_id, ids=[m.id for m in messages],
        text=joined(messages), epoch=conversation.epoch,
        state=ConversationState(conversation.state), choice=_choice(said, messages),
        callback=chosen_callback(lately, joined(messages)),
        first=said is None or now - said.created_at > FIRST_TURN_GAP,
        asking=asked_in(conversation.dialogue), earlier=asked_about(conversation.dialogue),
    )


def joined(messages: list[Message]) -> str:
    """Join bubbles into one text, ending each as a clause."""
    texts = [message.text.strip() for message in messages if message.text.strip()]
    return "，".join(text.rstrip("，,。.") if n < len(texts) - 1 else text for n, text in enumerate(texts))


def for_model(text: str) -> str:
    """Return what Rasa may read: no leading slash (a command to Rasa), not empty, not endless."""
    text = text.strip().lstrip("/\uff0f").strip() or "（空消息）"
    if len(text) > MODEL_READS:
        half = MODEL_READS // 2
        # Stories state the request at the beginning or the end.
        text = f"{text[:half]} {text[-half:]}"
    return text


def asked_in(dialogue: Mapping[str, Any] | None) -> str | None:
    """Return the fact that a running intake asks for; None when none runs."""
    intake = (dialogue or {}).get("intake") or {}
    return None if intake.get("outcome") else intake.get("asking")


def asked_about(dialogue: Mapping[str, Any] | None) -> str | None:
    """Return what was said before an open clarifying question; None when none is open."""
    return ((dialogue or {}).get("clarify") or {}).get("text") or None


def _choice(said: Message | None, messages: list[Message]) -> str | None:
    """Return the type behind a tapped button of a clarifying question."""
    if said is None or len(messages) != 1:
        return None
    text = messages[0].text.strip()
    offered = [b for b in (said.payload or {}).get("buttons", []) if b.get("choice")]
    meant = [b for b in offered if text in (b["payload"], b["title"])]
    if not meant and len(text) >= SHORTEST_TITLE:
        # 宽带 to the question whether 宽带故障 or 电视故障 is one of the two.
        meant = [b for b in offered if text in b["title"]]
    return str(meant[0]["choice"]) if len(meant) == 1 else None
