"""Chapter 3.4: a chosen time of the call-back is a promise with a clock, whoever holds the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.callbacks import callback_buttons
from bot.desk.intakes import CALLBACK_KEY, open_callback_ticket
from bot.desk.messages import Gate, deliver_pending, receive_message, say
from bot.desk.tickets import take_step
from bot.dialogue.rasa_client import EngineDown
from bot.dialogue.texts import load_texts
from bot.dialogue.turns import Turns
from bot.handbook.language.checker import load_checker
from bot.handbook.reception_tables import load_reception
from bot.handbook.tables import Handbook
from bot.settings import load_settings
from bot.storage.clock import TicketClock
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket
from tests.moments import at, wall

NIGHT = at("2026-03-02 23:30")
GATE = Gate(load_checker(verify=False), "您好，请稍等。")


class NoEngine:
    """An engine that is never there."""

    async def ask(self, *_: Any) -> None:
        raise EngineDown("none")

    read = ask


@pytest.fixture
def turns(sessions: sessionmaker, handbook: Handbook) -> Turns:
    settings = load_settings({})
    return Turns(sessions, handbook, GATE, load_texts(), NoEngine(), settings, lambda *_: None)  # type: ignore[arg-type]


@pytest.fixture
def offered(
    sessions: sessionmaker, handbook: Handbook, make_conversation: Callable[..., Conversation]
) -> Callable[[str], list[str]]:
    """Return a function that offers times in a conversation of some state; it returns the payloads."""

    def offer(state: str) -> list[str]:
        with sessions.begin() as session:
            conversation = make_conversation(
                session, state=state, team="care", id="c", waiting_since=NIGHT
            )
            ticket, _ = open_callback_ticket(
                session, handbook, conversation, None, text="转人工", key=f"c:1{CALLBACK_KEY}",
                secret="s", now=NIGHT,
            )
            buttons = callback_buttons(load_reception(), ticket, now=NIGHT)
            say(
                session, GATE, conversation, text="请选择方便接听的时间。", author="bot", now=NIGHT,
                payload={"buttons": buttons},
            )
            deliver_pending(session, "c", now=NIGHT)
            return [button["payload"] for button in buttons]

    return offer


def tap(turns: Turns, text: str, *, minutes: int = 1) -> Message:
    """Send a text and let its turn be taken; return what was said last."""
    turns.clock = lambda: NIGHT + timedelta(minutes=minutes)
    with turns.sessions.begin() as session:
        conversation = session.get(Conversation, "c")
        receive_message(
            session, conversation, text=text, external_id=f"t{minutes}", now=turns.clock()
        )
    asyncio.run(turns.take_turn("c"))
    with turns.sessions() as session:
        return session.execute(
            select(Message).where(Message.direction == "out").order_by(Message.id.desc()).limit(1)
        ).scalar_one()


def callbacks(session: Session) -> list[str]:
    rows = session.execute(select(TicketClock).where(TicketClock.clock.like("callback:%"))).scalars()
    return [wall(row.due_at) for row in rows]


@pytest.mark.parametrize("state", ["bot", "waiting"])
def test_the_clock_of_the_call_runs_to_the_chosen_time(
    turns: Turns, offered: Callable[[str], list[str]], state: str
) -> None:
    payload = offered(state)[1]
    said = tap(turns, payload)

    assert payload == "请在3月3日（周二）14:00到18:00联系我"
    assert "3月3日（周二）14:00到18:00" in said.text
    with turns.sessions() as session:
        [ticket] = session.query(Ticket).all()
        assert ([e.step for e in ticket.entries][-1], callbacks(session)) == ("promise", ["2026-03-03 18:00"])
        assert session.get(Conversation, "c").state == state


def test_a_second_choice_is_passed_on_and_the_first_stands(
    turns: Turns, offered: Callable[[str], list[str]]
) -> None:
    first, second, _ = offered("bot")
    tap(turns, first)
    said = tap(turns, second, minutes=2)

    assert "09:00到12:00" in said.text
    with turns.sessions() as session:
        [ticket] = session.query(Ticket).all()
        assert (ticket.entries[-1].reason, callbacks(session)) == (second, ["2026-03-03 12:00"])


def test_a_time_that_is_over_is_asked_for_again(
    turns: Turns, offered: Callable[[str], list[str]]
) -> None:
    said = tap(turns, offered("bot")[0], minutes=13 * 60)

    assert "抱歉" in said.text
    assert [b["title"] for b in said.payload["buttons"]] == ["3月3日（周二）14:00到18:00", "3月3日（周二）18:00到20:00"]
    with turns.sessions() as session:
        assert callbacks(session) == []


def test_of_an_ended_ticket_no_call_is_promised(
    turns: Turns, offered: Callable[[str], list[str]], handbook: Handbook
) -> None:
    payload = offered("bot")[0]
    with turns.sessions.begin() as session:
        ticket = session.query(Ticket).one()
        take_step(session, handbook, ticket, "withdraw", who="staff", actor_id=1, now=NIGHT, reason="客户自行处理")
    tap(turns, payload)

    with turns.sessions() as session:
        assert callbacks(session) == []


def test_who_is_served_by_a_person_hears_nothing_of_the_bot(
    turns: Turns, offered: Callable[[str], list[str]]
) -> None:
    payload = offered("staff")[0]

    assert tap(turns, payload).text == "请选择方便接听的时间。"


def test_without_the_engine_a_person_wanted_at_night_gets_a_ticket_and_times(
    turns: Turns, make_conversation: Callable[..., Conversation]
) -> None:
    with turns.sessions.begin() as session:
        make_conversation(session, id="c")
    said = tap(turns, "转人工")

    with turns.sessions() as session:
        [ticket] = session.query(Ticket).all()
        assert session.get(Conversation, "c").state == "waiting"
    assert ticket.number in said.text
    assert "3月3日（周二）08:00" in said.text
    assert len(said.payload["buttons"]) == 3


def test_without_the_engine_nobody_there_by_day_is_said(
    turns: Turns, make_conversation: Callable[..., Conversation]
) -> None:
    with turns.sessions.begin() as session:
        make_conversation(session, id="c")
    said = tap(turns, "转人工", minutes=10 * 60)

    assert "暂时都不在线" in said.text
