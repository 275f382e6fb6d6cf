"""Chapter 4.1: a message is answered once, also by a turn that was told of it before it began."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.desk.messages import Gate, receive_message
from bot.dialogue.rasa_client import Answer, Reply
from bot.dialogue.texts import load_texts
from bot.dialogue.turns import Turns
from bot.dialogue.work import Work, waiting_work
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.settings import load_settings
from bot.storage.conversations import Conversation, Message
from tests.moments import at

NOW = at("2026-03-02 10:00")
GATE = Gate(load_checker(verify=False), "您好，请稍等。")


class Echo:
    """An engine that answers every message with its words."""

    async def ask(self, _conversation: str, text: str, _metadata: dict[str, Any]) -> Answer:
        return Answer([Reply(f"您好，您说的是{text}，请您稍等。")], None)


@pytest.fixture
def turns(
    sessions: sessionmaker, handbook: Handbook, make_conversation: Callable[..., Conversation]
) -> Turns:
    """Return the turns of a desk with one conversation."""
    turns = Turns(sessions, handbook, GATE, load_texts(), Echo(), load_settings({}), lambda *_: None)  # type: ignore[arg-type]
    turns.clock = lambda: NOW
    with sessions.begin() as session:
        make_conversation(session, id="c")
    return turns


def said(turns: Turns, text: str) -> Work:
    """Store what the customer says; return what a turn has to serve then."""
    with turns.sessions.begin() as session:
        conversation = session.get(Conversation, "c")
        receive_message(session, conversation, text=text, external_id=text, now=NOW)
        work = waiting_work(session, "c", now=NOW)
    assert work is not None
    return work


def answers(turns: Turns) -> list[str]:
    with turns.sessions() as session:
        rows = session.execute(select(Message).where(Message.direction == "out").order_by(Message.id))
        return [row.text for row in rows.scalars()]


def test_work_that_another_turn_has_done_is_not_done_again(turns: Turns) -> None:
    work = said(turns, "宽带断了")
    assert asyncio.run(turns.take_turn("c"))
    assert not asyncio.run(turns.take_turn("c", work))
    assert len(answers(turns)) == 1


def test_what_of_the_work_is_still_to_do_is_done(turns: Turns) -> None:
    first = said(turns, "宽带断了")
    both = said(turns, "两天了")
    assert asyncio.run(turns.take_turn("c", first))
    assert asyncio.run(turns.take_turn("c", both))
    heard = answers(turns)
    assert len(heard) == 2
    assert "宽带断了" not in heard[1]


def test_who_waits_is_shown_what_the_turn_wrote_and_nothing_is_kept_of_it(turns: Turns) -> None:
    work = said(turns, "宽带断了")

    def show(session: Any, message: Message) -> dict[str, Any]:
        replies = session.execute(select(Message).where(Message.reply_to == message.id)).scalars()
        return {"state": message.state, "replies": [reply.state for reply in replies]}

    async def two_ask() -> list[Any]:
        asked = (turns.answer_to("c", work.ids[-1], show, given) for given in (work, None))
        return list(await asyncio.gather(*asked))

    assert asyncio.run(two_ask()) == [{"state": "handled", "replies": ["sent"]}] * 2
    assert (turns._asked, turns._shown) == ({}, {})
