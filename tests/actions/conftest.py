"""A customer who talks to single actions: hand-made trackers, a collecting dispatcher, SQLite."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.base import DeskAction, Office, Turn
from actions.context import ActionFollowContext
from actions.handoff import ActionHandOff
from actions.intake import ActionConcludeIntake, ValidateIntakeForm
from actions.talk import ActionClarify, ActionOutOfScope, ActionThankForPraise
from actions.tickets import ActionAnswerTicket
from bot.desk.readings import reading_of_parse
from bot.desk.staff import add_staff
from bot.desk.tickets import find_ticket, take_step
from bot.handbook.reception_tables import load_access
from bot.handbook.tables import Handbook
from bot.settings import load_settings
from bot.storage.conversations import Conversation
from bot.storage.engine import open_engine, session_factory
from bot.storage.staff import StaffEvent
from bot.storage.tickets import Ticket

ACTIONS = {
    action.name(): action
    for action in (
        ActionHandOff(), ActionConcludeIntake(), ValidateIntakeForm(), ActionClarify(),
        ActionOutOfScope(), ActionThankForPraise(), ActionAnswerTicket(), ActionFollowContext(),
    )
}


def parse(text: str, type: str, *, number: int = 1, **more: Any) -> dict[str, Any]:
    """Return what Rasa hands an action of one message."""
    return {
        "text": text, "intent": {"name": type, "confidence": more.pop("confidence", 0.9)},
        "intent_ranking": more.pop("ranking", []),
        "urgency": {"name": more.pop("urgency", "general"), "signals": more.pop("signals", [])},
        "metadata": {"text": text, "message_id": str(number)}, **more,
    }  # fmt: skip


def tracker_of(sender_id: str, message: dict[str, Any]) -> Tracker:
    """Return a tracker whose latest message this is."""
    return Tracker(sender_id, {}, message, [], False, None, {}, None)


@dataclass
class Heard:
    """What one action said and which events it returned."""

    messages: list[dict[str, Any]]
    events: list[dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        """Return the names of the texts uttered, without `utter_`."""
        return [m["response"].removeprefix("utter_") for m in self.messages if m["response"]]

    @property
    def card(self) -> dict[str, Any] | None:
        """Return the ticket card shown last."""
        cards = [m["custom"]["ticket"] for m in self.messages if "ticket" in m["custom"]]
        return cards[-1] if cards else None

    @property
    def words(self) -> str:
        """Return what was said that is no text of `domain.yml`."""
        return "".join(m["text"] or "" for m in self.messages)

    def value(self, name: str) -> Any:
        """Return the value of a text's placeholder, or of a slot."""
        for event in self.events:
            if event["event"] == "slot" and event["name"] == name:
                return event["value"]
        return [m[name] for m in self.messages if name in m][-1]


@dataclass
class Customer:
    """One conversation at one moment."""

    office: Office
    now: datetime
    id: str = "visitor-1"
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def says(self, text: str, type: str, action: str, **more: Any) -> Heard:
        """Let one action answer one message, as the action server does."""
        number = more.pop("number", None) or next(self.numbers)
        return self.run(ACTIONS[action], parse(text, type, number=number, **more))

    def run(self, action: DeskAction, message: dict[str, Any]) -> Heard:
        """Run an action over a message in one committed session."""
        dispatcher = CollectingDispatcher()
        with self.office.sessions.begin() as session:
            conversation = session.get(Conversation, self.id)
            reading = reading_of_parse(message, self.office.handbook)
            turn = Turn(self.office, session, conversation, reading, dispatcher,
                        tracker_of(self.id, message), self.now)  # fmt: skip
            action.answer(turn)
        return Heard(dispatcher.messages, turn.events)

    def intake(self, text: str, type: str = "inform", **more: Any) -> Heard:
        """Say something to the form; conclude it when nothing more is asked."""
        heard = self.says(text, type, "validate_intake_form", **more)
        if heard.value("requested_slot") is not None:
            return heard
        return self.says(text, type, "action_conclude_intake", **more)

    def opens_ticket(self, text: str = "家里宽带断了，城关区幸福小区3号楼，138****0099", **more: Any) -> str:
        """Take out a ticket; return its number."""
        self.intake(text, "fault_broadband", **more)
        return self.intake("对", "affirm").card["number"]

    def staffed(self, *, waits: int = 3) -> None:
        """Put a person on duty who lately took as many customers after two minutes each."""
        with self.office.sessions.begin() as session:
            person = add_staff(
                session, load_access(), name="li", password="Correct-Horse-7", role="staff",
                teams=["care"], now=self.now,
            )
            person.presence, person.seen_at = "duty", self.now
            for minute in range(waits):
                at = self.now - timedelta(minutes=10 * minute)
                session.add(StaffEvent(kind="claimed", team="care", data={"waited_s": 120}, at=at))

    @property
    def conversation(self) -> Conversation:
        """Return the conversation as it is stored."""
        with self.office.sessions() as session:
            return session.get(Conversation, self.id)

    @property
    def tickets(self) -> list[Ticket]:
        """Return all tickets, oldest first."""
        with self.office.sessions() as session:
            return list(session.execute(select(Ticket).order_by(Ticket.id)).scalars())

    def steps(self, number: str) -> list[str]:
        """Return the steps of a ticket's history."""
        with self.office.sessions() as session:
            return [entry.step for entry in find_ticket(session, number).entries]

    def staff_step(self, number: str, step: str, **values: Any) -> None:
        """Let a leader take a step with a ticket."""
        with self.office.sessions.begin() as session:
            take_step(session, self.office.handbook, find_ticket(session, number), step,
                      who="leader", actor_id=1, now=self.now, **values)  # fmt: skip


@pytest.fixture
def office(handbook: Handbook, sqlite_template: Path, tmp_path: Path) -> Iterator[Office]:
    """Open an office of its own over a fresh SQLite file."""
    path = tmp_path / "desk.db"
    shutil.copy(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    settings = load_settings({"INTAKE_HOME": str(tmp_path)})
    yield Office(settings, handbook, session_factory(engine))
    engine.dispose()


@pytest.fixture
def customer(office: Office, now: datetime) -> Customer:
    """Return a customer with a conversation, on a Monday morning."""
    with office.sessions.begin() as session:
        session.add(Conversation(id="visitor-1", channel="web", external_id="visitor-1",
                                 state="bot", epoch=0, created_at=now))  # fmt: skip
    return Customer(office, now)


@pytest.fixture
def at_night(customer: Customer, at: Callable[[str], datetime]) -> Customer:
    """Return the same customer when nobody is on duty for conversations."""
    customer.now = at("2026-03-02 23:30")
    return customer
