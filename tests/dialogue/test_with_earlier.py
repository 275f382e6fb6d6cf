"""What was said before an open question is read together with the answer, if that can be done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.orm import sessionmaker

from bot.desk.messages import Gate, receive_message
from bot.dialogue.rasa_client import Answer, EngineDown, Reply
from bot.dialogue.texts import load_texts
from bot.dialogue.turns import Turns
from bot.dialogue.work import MODEL_READS, waiting_work
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.settings import load_settings
from bot.storage.conversations import Conversation
from tests.moments import at

NOW = at("2026-03-02 10:00")
ASKED = {
    "clarify": {
        "count": 1,
        "text": "我家那个盒子",
        "signals": [],
        "facts": {},
        "urgency": "general",
    }
}


class Engine:
    """An engine that notes what it has to read and what it is told."""

    def __init__(self, *, reads: bool = True) -> None:
        self.read_texts: list[str] = []
        self.metadata: dict[str, Any] = {}
        self._reads = reads

    async def read(self, _conversation: str, text: str) -> dict[str, Any]:
        self.read_texts.append(text)
        if not self._reads:
            raise EngineDown("slow")
        return {"intent": {"name": "fault_tv"}}

    async def ask(self, _conversation: str, _text: str, metadata: dict[str, Any]) -> Answer:
        self.metadata = metadata
        return Answer([Reply("您好，请您稍等。")], None)


@pytest.fixture
def served(
    sessions: sessionmaker, handbook: Handbook, make_conversation: Callable[..., Conversation]
) -> Callable[..., Engine]:
    """Return what serves one message of a conversation and gives the engine that was asked."""

    def serve(text: str, *, dialogue: dict[str, Any] | None = ASKED, reads: bool = True) -> Engine:
        engine = Engine(reads=reads)
        turns = Turns(
            sessions,
            handbook,
            Gate(load_checker(verify=False), "您好，请稍等。"),
            load_texts(),
            engine,  # type: ignore[arg-type]
            load_settings({}),
            lambda *_: None,
        )
        turns.clock = lambda: NOW
        with sessions.begin() as session:
            conversation = make_conversation(session, id="c")
            conversation.dialogue = dialogue
            receive_message(session, conversation, text=text, external_id=text[:40], now=NOW)
            work = waiting_work(session, "c", now=NOW)
        assert work is not None
        asyncio.run(turns._bot_turn(work))
        return engine

    return serve


def test_both_are_read_together_and_the_actions_told(served: Callable[..., Engine]) -> None:
    engine = served("开不了机了")

    assert engine.read_texts == ["我家那个盒子 开不了机了"]
    assert engine.metadata["with_earlier"]["parse"]["intent"]["name"] == "fault_tv"


@pytest.mark.parametrize(
    ("text", "dialogue"),
    [
        ("开不了机了", None),
        ("开不了机了", {"intake": {"asking": "address"}}),
        ("agent", ASKED),
        ("坏" * MODEL_READS, ASKED),
    ],
    ids=["nothing asked", "another question", "a person wanted", "too long"],
)
def test_otherwise_nothing_is_read_twice(
    served: Callable[..., Engine], text: str, dialogue: dict[str, Any] | None
) -> None:
    assert served(text, dialogue=dialogue).metadata["with_earlier"] is None


def test_an_engine_that_cannot_read_it_still_answers(served: Callable[..., Engine]) -> None:
    engine = served("开不了机了", reads=False)

    assert engine.metadata["with_earlier"] is None
