"""What every action shares: one database session, the conversation, the reading of the turn."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import structlog
from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session, sessionmaker

from bot.desk.conversations import known_conversation, open_conversation
from bot.desk.readings import reading_of_parse
from bot.desk.training_readings import note_doubt
from bot.handbook.intake import IntakeTables, Reading, Say, put_by
from bot.handbook.reception import Reception
from bot.handbook.reception_tables import load_reception
from bot.handbook.signal_table import load_signals
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.urgency import SignalRule
from bot.settings import Settings, load_settings
from bot.storage.conversations import Conversation
from bot.storage.engine import open_engine, session_factory

log = structlog.get_logger()


@dataclass(frozen=True)
class Office:
    """Hold what the action server opens once: settings, tables, database."""

    settings: Settings
    handbook: Handbook
    sessions: sessionmaker

    @property
    def reception(self) -> Reception:
        """Return the table of the staff desk."""
        return _reception()

    @property
    def tables(self) -> IntakeTables:
        """Return the tables an intake needs."""
        return IntakeTables(
            self.handbook.types, self.handbook.facts, self.handbook.knowledge, _signals()
        )


@lru_cache(maxsize=1)
def _signals() -> tuple[SignalRule, ...]:
    return load_signals()


@lru_cache(maxsize=1)
def _reception() -> Reception:
    return load_reception()


@lru_cache(maxsize=1)
def office() -> Office:
    """Open settings, tables and database at the first call, not at import."""
    settings = load_settings()
    engine = open_engine(settings.database_url)
    return Office(settings, load_handbook(), session_factory(engine))


@dataclass
class Turn:
    """Hold one customer turn as an action sees it, and collect its events."""

    office: Office
    session: Session
    conversation: Conversation
    reading: Reading
    dispatcher: CollectingDispatcher
    tracker: Tracker
    now: datetime
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def handbook(self) -> Handbook:
        """Return the tables."""
        return self.office.handbook

    @property
    def message_id(self) -> int | None:
        """Return the id under which the desk keeps the message; none in `rasa shell`."""
        given = self.reading.message_id
        return int(given) if given.isascii() and given.isdigit() else None

    @property
    def is_choice(self) -> bool:
        """Tell whether the message is a tapped choice, which Rasa reads as a command."""
        return str(self.tracker.latest_message.get("text") or "").startswith("/")

    def say(self, response: str, **values: Any) -> None:
        """Utter a text of `domain.yml`."""
        self.dispatcher.utter_message(response=response, **values)

    def say_all(self, says: tuple[Say, ...]) -> None:
        """Utter several texts in order."""
        for say in says:
            self.say(say.response, **say.values)

    def begin_intake(self, reading: Reading, **others: Any) -> None:
        """Let the form begin with a request; `others` stand beside it in the dialogue."""
        self.conversation.dialogue = {"start": put_by(reading), **others}
        self.events.append(ActiveLoop("intake_form"))

    def note_doubt(self) -> None:
        """Keep the turn for trainers when its reading was in doubt."""
        note_doubt(
            self.session, self.reading, self.tracker.latest_message.get("urgency") or {},
            conversation_id=self.conversation.id, message_id=self.message_id, now=self.now,
        )

    def show(self, **payload: Any) -> None:
        """Attach data (a ticket card, context for the language check) to the last text."""
        self.dispatcher.utter_message(json_message=payload)


class DeskAction(Action, ABC):
    """Run `answer` with a session that commits when it returns."""

    @abstractmethod
    def answer(self, turn: Turn) -> None:
        """Do the work of the action."""

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer one call of Rasa; an error is logged and left to Rasa's caller to notice."""
        return await asyncio.get_running_loop().run_in_executor(
            None, self._run, dispatcher, tracker
        )

    def _run(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[dict[str, Any]]:
        here = office()
        now = datetime.now(timezone.utc)
        # Before the transaction: others wait for who writes.
        reading = reading_of_parse(tracker.latest_message, here.handbook)
        with here.sessions.begin() as session:
            who = tracker.sender_id
            conversation = known_conversation(session, who) or open_conversation(
                session, channel="rasa", external_id=who, now=now, id=who
            )
            turn = Turn(here, session, conversation, reading, dispatcher, tracker, now)
            self.answer(turn)
        log.info("action.done", action=self.name(), conversation=tracker.sender_id)
        return turn.events
