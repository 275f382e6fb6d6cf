"""Chapter 2.2 and 4: who holds a conversation (会话状态、转人工).

`bot → waiting → staff → bot | ended`; every change makes a new epoch, and a message made
under an older epoch is not delivered.
"""

from __future__ import annotations

from enum import Enum

from bot.handbook.errors import Refusal


class ConversationState(str, Enum):
    """Name who serves the conversation."""

    BOT = "bot"
    WAITING = "waiting"
    STAFF = "staff"
    ENDED = "ended"

    @property
    def label(self) -> str:
        """Return the Chinese name."""
        return {"bot": "机器人接待", "waiting": "排队", "staff": "人工接待", "ended": "结束"}[
            self.value
        ]


LEGAL: dict[ConversationState, frozenset[ConversationState]] = {
    ConversationState.BOT: frozenset(
        {ConversationState.WAITING, ConversationState.STAFF, ConversationState.ENDED}
    ),
    ConversationState.WAITING: frozenset(
        {ConversationState.STAFF, ConversationState.BOT, ConversationState.ENDED}
    ),
    ConversationState.STAFF: frozenset(
        {
            ConversationState.STAFF,
            ConversationState.WAITING,
            ConversationState.BOT,
            ConversationState.ENDED,
        }
    ),
    ConversationState.ENDED: frozenset({ConversationState.BOT}),
}


class StaleHolder(Refusal):
    """Say that somebody else changed the holder first, and who holds it now."""

    code = "stale_holder"


class IllegalHandoff(Refusal):
    """Refuse a change of holder that the table does not know."""

    code = "illegal_handoff"


def check_change(old: ConversationState, new: ConversationState) -> None:
    """Raise `IllegalHandoff` when `old → new` is not in the table."""
    if new not in LEGAL[old]:
        raise IllegalHandoff(f"会话处于“{old.label}”，不能转为“{new.label}”")
