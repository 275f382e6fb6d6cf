"""Chapter 4.3: what is said in the queue at night reaches the ticket, and what is urgent is not left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import sessionmaker

from bot.desk.messages import Gate, receive_message
from bot.dialogue.rasa_client import EngineDown
from bot.dialogue.texts import load_texts
from bot.dialogue.turns import Turns
from bot.handbook.language.checker import load_checker
from bot.handbook.tables import Handbook
from bot.settings import load_settings
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket
from tests.moments import at, wall

NIGHT = at("2026-03-02 23:30")
GATE = Gate(load_checker(verify=False), "您好，请稍等。")
NUMBER = "1380000" + "0099"


class NoEngine:
    """An engine that is never there: in the queue nobody asks it."""

    async def ask(self, *_: object) -> None:
        raise EngineDown("none")

    read = ask


@pytest.fixture
def night(
    sessions: sessionmaker, handbook: Handbook, make_conversation: Callable[..., Conversation]
) -> Callable[..., Message]:
    """Return a function that says something at 23:30 and later, and returns the last answer."""
    turns = Turns(sessions, handbook, GATE, load_texts(), NoEngine(), load_settings({}), lambda *_: None)  # type: ignore[arg-type]
    with sessions.begin() as session:
        make_conversation(session, id="c")
    minutes = iter(range(1, 60))

    def say(text: str) -> Message:
        now = NIGHT + timedelta(minutes=next(minutes))
        turns.clock = lambda: now
        with sessions.begin() as session:
            conversation = session.get(Conversation, "c")
            receive_message(session, conversation, text=text, external_id=now.isoformat(), now=now)
        asyncio.run(turns.take_turn("c"))
        with sessions() as session:
            return session.execute(
                select(Message).where(Message.direction == "out").order_by(Message.id.desc()).limit(1)
            ).scalar_one()

    return say


def tickets(sessions: sessionmaker) -> list[Ticket]:
    with sessions() as session:
        return session.query(Ticket).order_by(Ticket.id).all()


def test_who_gave_no_number_is_asked_for_one(night: Callable[..., Message]) -> None:
    assert "请留下方便接听的电话号码" in night("转人工").text
    assert "电话号码" not in night(f"我的电话是{NUMBER}").text


def test_a_number_given_with_the_wish_is_not_asked_for(
    night: Callable[..., Message], sessions: sessionmaker
) -> None:
    said = night(f"转人工，我的电话{NUMBER}")

    assert "请选择方便接听的时间" in said.text
    assert "请留下" not in said.text
    assert [t.facts["phone_number"] for t in tickets(sessions)] == [NUMBER]


def test_a_chosen_time_without_a_number_asks_for_it(night: Callable[..., Message]) -> None:
    [first, *_] = night("转人工").payload["buttons"]

    assert "还没有您的联系电话" in night(first["payload"]).text


def test_the_number_and_the_words_are_on_the_ticket(
    night: Callable[..., Message], sessions: sessionmaker
) -> None:
    night("转人工")
    night(f"想问一下过户的事，电话{NUMBER}")
    [ticket] = tickets(sessions)

    assert ticket.facts["phone_number"] == NUMBER
    assert ticket.phone_hash
    with sessions() as session:
        entries = session.get(Ticket, ticket.id).entries
        assert [e.reason for e in entries if e.step == "supplement"] == [f"想问一下过户的事，电话{NUMBER}"]


def test_what_is_urgent_gets_a_ticket_of_its_own_at_once(
    night: Callable[..., Message], sessions: sessionmaker
) -> None:
    night("转人工")
    said = night("店里收银机断网了，客人都在等着结账")
    _, urgent = tickets(sessions)

    assert (urgent.type, urgent.team, urgent.deadline_class) == ("fault_broadband", "network", "urgent")
    assert wall(urgent.response_due_at) == "2026-03-03 00:32"
    assert urgent.number in said.text
    night(f"客人还在等着结账呢，收银机断网，我电话{NUMBER}")
    assert len(tickets(sessions)) == 2
    assert tickets(sessions)[1].facts["phone_number"] == NUMBER


def test_a_message_left_asks_only_for_what_is_missing(night: Callable[..., Message]) -> None:
    night("转人工")

    assert "电话号码" not in night(f"留言 家里想装宽带，电话{NUMBER}").text
