"""Chapter 2.3: a line in English (英文提示) beneath the first answer to who writes English, once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bot.dialogue.rasa_client import Reply
from bot.dialogue.texts import Texts
from bot.handbook.english import is_english
from bot.handbook.handoff import ConversationState
from bot.storage.conversations import Conversation, Message

_PLAIN, _WAITING = "utter_in_english", "utter_in_english_waiting"


def add_english_line(
    session: Session, texts: Texts, conversation: Conversation, text: str, replies: Sequence[Reply]
) -> None:
    """Say beneath the last reply, in English, how the desk answers and how to reach a person."""
    if not replies or not is_english(text) or _told(session, texts, conversation):
        return
    waits = conversation.state == ConversationState.WAITING.value
    replies[-1].text = f"{replies[-1].text}\n{texts.render(_WAITING if waits else _PLAIN)}"


def _told(session: Session, texts: Texts, conversation: Conversation) -> bool:
    lines = (texts.render(_PLAIN), texts.render(_WAITING))
    told = select(Message.id).where(
        Message.conversation_id == conversation.id, Message.direction == "out",
        or_(*(Message.text.contains(line, autoescape=True) for line in lines)),
    )
    return session.execute(told.limit(1)).first() is not None
