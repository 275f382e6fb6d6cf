"""One customer turn at a time (会话轮次): stored messages in, checked replies out.

Per conversation the turns run one after the other; bubbles that arrive meanwhile are joined
into the next turn. Replies and the mark "handled" are one transaction; what leaves the house
(`bot.channels.delivery`) leaves after its commit.
When the engine is down or slow the turn is served without it (see `degraded`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

import structlog
from sqlalchemy.orm import Session, sessionmaker

from bot.desk import conversations as desk
from bot.desk.callbacks import Choice, promise_callback
from bot.desk.messages import (
    Gate,
    deliver_pending,
    find_message,
    note_for_review,
    say,
    settle,
)
from bot.dialogue.degraded import serve_without_engine
from bot.dialogue.english_note import add_english_line
from bot.dialogue.queueing import leave_queue, serve_waiting
from bot.dialogue.rasa_client import Answer, EngineDown, RasaClient, Reply
from bot.dialogue.texts import Texts
from bot.dialogue.work import MODEL_READS, Work, for_model, waiting_work
from bot.dialogue.writers import Writers
from bot.handbook.bare_request import words_left
from bot.handbook.distress import in_distress
from bot.handbook.english import wants_person
from bot.handbook.handoff import ConversationState
from bot.handbook.privacy import mask
from bot.handbook.queue_words import besides_leaving, demands_person
from bot.handbook.reception import Reception
from bot.handbook.reception_tables import load_reception
from bot.handbook.tables import Handbook
from bot.handbook.two_requests import halves
from bot.settings import Settings
from bot.storage.conversations import Message
from bot.storage.engine import reading

log = structlog.get_logger()
T = TypeVar("T")
Show = Callable[[Session, Message], Any]
# While a person serves, the bot takes no choice: the person reads it.
OF_THE_BOT = (ConversationState.BOT.value, ConversationState.WAITING.value)


class AlreadyServed(Exception):
    """Say that another turn answered a message of this one; nothing of this turn is kept."""


@dataclass
class Turns:
    """Run the turns of all conversations of this process."""

    sessions: sessionmaker
    handbook: Handbook
    gate: Gate
    texts: Texts
    rasa: RasaClient
    settings: Settings
    announce: Callable[[str, list[Message]], None]
    reception: Reception = field(default_factory=load_reception)
    clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _wanted: set[str] = field(default_factory=set)
    _asked: dict[int, Show] = field(default_factory=dict)
    _shown: dict[int, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._writers = Writers(self.sessions.kw["bind"].dialect.name)

    async def in_thread(self, work: Callable[[Session], T], *, urgent: bool = False) -> T:
        """Run database work with a committing session outside the event loop."""

        def job() -> T:
            with self.sessions.begin() as session:
                return work(session)

        return await self._writers.run(job, urgent=urgent)

    async def look(self, work: Callable[[Session], T]) -> T:
        """Run work that only reads outside the event loop; it waits for no writer."""

        def job() -> T:
            with reading(self.sessions) as session:
                return work(session)

        return await asyncio.get_running_loop().run_in_executor(None, job)

    async def write_and_deliver(self, work: Work, write: Callable[[Session], None]) -> list[Message]:
        """Write replies and pass them at the current epoch; they are seen after the commit."""

        def job() -> tuple[list[Message], dict[int, Any]]:
            with self.sessions.begin() as session:
                write(session)
                sent = deliver_pending(session, work.conversation_id, now=self.clock())
                asked = [(id, show) for id in work.ids if (show := self._asked.get(id))]
                return sent, {id: show(session, find_message(session, id)) for id, show in asked}

        sent, shown = await self._writers.run(job)
        self._shown |= {id: what for id, what in shown.items() if id in self._asked}
        return sent

    def start(
        self, conversation_id: str, *, wait: float = 0.0, work: Work | None = None
    ) -> asyncio.Task[None]:
        """Make sure that a turn takes the waiting messages of the conversation.

        `work` is what the caller has found waiting; a turn that runs already looks for itself.
        """
        # A turn that is just looking for the last time must look once more.
        self._wanted.add(conversation_id)
        task = self._running.get(conversation_id)
        if task is None or task.done():
            task = asyncio.get_running_loop().create_task(
                self._drain(conversation_id, wait, work)
            )
            self._running[conversation_id] = task
            task.add_done_callback(lambda done: self._forget(conversation_id, done))
        return task

    def _forget(self, conversation_id: str, task: asyncio.Task[None]) -> None:
        if self._running.get(conversation_id) is task:
            del self._running[conversation_id]
        if not task.cancelled() and task.exception() is not None:
            log.error("turn.failed", conversation=conversation_id, exc_info=task.exception())

    async def _drain(self, conversation_id: str, wait: float, work: Work | None) -> None:
        if wait:
            await asyncio.sleep(wait)
        while conversation_id in self._wanted:
            self._wanted.discard(conversation_id)
            # Who stores a message while this turn runs wants the next one.
            await self.take_turn(conversation_id, work)
            work = None

    async def answer_to(
        self, conversation_id: str, message_id: int, show: Show, work: Work | None
    ) -> Any:
        """Wait until the message is handled; return what is to be shown of it."""

        def look(session: Session) -> Any:
            message = find_message(session, message_id)
            return show(session, message) if message.state == "handled" else None

        self._asked[message_id] = show
        try:
            while True:
                await asyncio.shield(self.start(conversation_id, work=work))
                work = None
                # The turn that answers shows what it wrote; one of before is looked up.
                found = self._shown.get(message_id) or await self.look(look)
                if found is not None:
                    return found
        finally:
            self._asked.pop(message_id, None)
            self._shown.pop(message_id, None)

    async def resume(self) -> int:
        """Start turns for messages that a stopped process left; return how many conversations."""

        def left(session: Session) -> list[str]:
            rows = session.query(Message.conversation_id).filter(
                Message.state == "received", Message.direction == "in"
            )
            return [row[0] for row in rows.distinct()]

        waiting = await self.in_thread(left)
        await self.in_thread(self._deliver_left)
        for conversation_id in waiting:
            self.start(conversation_id)
        return len(waiting)

    def _deliver_left(self, session: Session) -> None:
        rows = session.query(Message.conversation_id).filter(
            Message.state == "pending", Message.direction == "out"
        )
        for row in rows.distinct().all():
            deliver_pending(session, row[0], now=self.clock())

    def waiting(self, session: Session, conversation_id: str) -> Work | None:
        """Return what the next turn has to serve."""
        return waiting_work(session, conversation_id, now=self.clock())

    async def take_turn(self, conversation_id: str, work: Work | None = None) -> bool:
        """Serve the waiting messages once; return whether there were any."""
        while True:
            work = work or await self.look(lambda session: self.waiting(session, conversation_id))
            if work is None:
                return False
            try:
                await self._serve(work)
                return True
            except AlreadyServed:
                log.info("turn.looked_again", conversation=conversation_id)
                work = None

    async def _serve(self, work: Work) -> None:
        if work.state is ConversationState.ENDED:
            work = await self.in_thread(lambda session: self._reopen(session, work))
        if work.callback is not None and await self._callback_turn(work, work.callback):
            return
        waits = work.state is ConversationState.WAITING and not in_distress(work.text)
        if waits and besides_leaving(work.text):
            work = await self.in_thread(lambda session: self._leave_queue(session, work))
        if work.state is ConversationState.BOT:
            await self._bot_turn(work)
        else:
            sent = await self.in_thread(lambda session: self._held_turn(session, work))
            self.announce(work.conversation_id, sent)

    async def _callback_turn(self, work: Work, choice: Choice) -> bool:
        """Take a tapped time of the call-back; the engine would read it as words like any other."""

        def take(session: Session) -> list[Message] | None:
            conversation = desk.find_conversation(session, work.conversation_id)
            taken = conversation.state in OF_THE_BOT and promise_callback(
                session, self.handbook, self.reception, self.gate, conversation, choice,
                message_id=work.ids[-1], now=self.clock(),
            )
            if not taken:
                return None
            self._settle(session, work)
            return deliver_pending(session, work.conversation_id, now=self.clock())

        sent = await self.in_thread(take)
        if sent is not None:
            self.announce(work.conversation_id, sent)
        return sent is not None

    def _reopen(self, session: Session, work: Work) -> Work:
        conversation = desk.find_conversation(session, work.conversation_id)
        desk.reopen_by_customer(session, conversation, now=self.clock())
        return replace(work, epoch=conversation.epoch, state=ConversationState(conversation.state))

    def _leave_queue(self, session: Session, work: Work) -> Work:
        """Give back to the bot who will not wait, with what is wanted instead: 不找人了 报宽带."""
        conversation = desk.find_conversation(session, work.conversation_id)
        leave_queue(session, conversation, now=self.clock())
        rest = besides_leaving(work.text) or work.text
        return replace(work, text=rest, epoch=conversation.epoch, state=ConversationState.BOT)

    def _held_turn(self, session: Session, work: Work) -> list[Message]:
        """Serve a conversation in the queue or with a person: the bot stays out of it."""
        conversation = desk.find_conversation(session, work.conversation_id)
        if conversation.state == ConversationState.WAITING.value:
            serve_waiting(
                session, self.handbook, self.reception, self.gate, self.texts, conversation,
                text=work.text,
                message_id=work.ids[-1], secret=self.settings.secret, now=self.clock(),
            )
        self._settle(session, work)
        return deliver_pending(session, work.conversation_id, now=self.clock())

    async def _bot_turn(self, work: Work) -> None:
        metadata = {
            "text": work.text, "message_id": str(work.ids[-1]), "epoch": work.epoch,
            "asking": work.asking,
        }
        text = f"/{work.choice}" if work.choice else for_model(work.text)
        if in_distress(work.text) or wants_person(work.text) or demands_person(work.text):
            text = "/request_human"
        try:
            metadata["halves"] = await self._halves(work)
            metadata["left"] = await self._among_facts(work)
            metadata["with_earlier"] = await self._with_earlier(work, text)
            answer = await self.rasa.ask(work.conversation_id, text, metadata)
        except EngineDown as error:
            why = str(error.data["why"])
            log.warning("turn.degraded", conversation=work.conversation_id, why=why)
            sent = await self.write_and_deliver(
                work, lambda session: self._degrade(session, work, why)
            )
        else:
            sent = await self.write_and_deliver(
                work, lambda session: self._write(session, work, answer)
            )
        self.announce(work.conversation_id, sent)

    async def _halves(self, work: Work) -> list[dict[str, Any]]:
        """Have both halves read of a message that seems to hold two requests."""
        parts = halves(work.text) if not work.choice and len(work.text) <= MODEL_READS else None
        return [
            {"text": part, "parse": await self.rasa.read(work.conversation_id, for_model(part))}
            for part in parts or ()
        ]

    async def _among_facts(self, work: Work) -> dict[str, Any] | None:
        """Have the words read that stand among numbers and places, unless these were asked for."""
        unasked = work.asking is None and not work.choice and len(work.text) <= MODEL_READS
        left = words_left(work.text) if unasked else None
        if left is None:
            return None
        return {"text": left, "parse": await self.rasa.read(work.conversation_id, for_model(left))}

    async def _with_earlier(self, work: Work, text: str) -> dict[str, Any] | None:
        """Have the words read together with those before an open question, if that can be done."""
        together = f"{work.earlier} {work.text}"
        if work.earlier is None or text.startswith("/") or len(together) > MODEL_READS:
            return None
        try:
            parse = await self.rasa.read(work.conversation_id, for_model(together))
        except EngineDown:
            return None
        return {"text": together, "parse": parse}

    def _write(self, session: Session, work: Work, answer: Answer) -> None:
        conversation = desk.find_conversation(session, work.conversation_id)
        replies = merged(answer.replies)
        add_english_line(session, self.texts, conversation, work.text, replies)
        for number, reply in enumerate(replies):
            say(
                session, self.gate, conversation, text=reply.text, author="bot",
                now=self.clock(), epoch=work.epoch if answer.epoch is None else answer.epoch,
                reply_to=work.ids[-1], payload=_payload(reply),
                turn="first" if work.first and number == 0 else "mid", context=reply.context,
                facts=reply.facts,
            )
        self._settle(session, work)

    def _degrade(self, session: Session, work: Work, why: str) -> None:
        conversation = desk.find_conversation(session, work.conversation_id)
        serve_without_engine(
            session, self.handbook, self.reception, self.gate, self.texts, conversation,
            text=work.text, message_id=work.ids[-1], epoch=conversation.epoch, secret=self.settings.secret,
            now=self.clock(),
        )
        note_for_review(
            session, conversation_id=work.conversation_id, message_id=work.ids[-1],
            reason="engine_down", text=mask(work.text), reading={"why": why},
            now=self.clock(),
        )
        self._settle(session, work)

    def _settle(self, session: Session, work: Work) -> None:
        for message_id in work.ids[:-1]:
            message = session.get(Message, message_id)
            message.payload = {**(message.payload or {}), "joined_to": work.ids[-1]}
        if settle(session, work.ids) < len(work.ids):
            raise AlreadyServed


def merged(replies: list[Reply]) -> list[Reply]:
    """Join neighbouring texts without data of their own into one message."""
    result: list[Reply] = []
    for reply in replies:
        before = result[-1] if result else None
        if before is None or before.buttons or before.ticket or len(before.text) + len(reply.text) > 400:
            result.append(reply)
            continue
        before.text = f"{before.text}{reply.text}"
        before.buttons, before.ticket = reply.buttons, reply.ticket
        before.facts = reply.facts or before.facts
        before.context = before.context or reply.context
    return result


def _payload(reply: Reply) -> dict[str, Any] | None:
    payload: dict[str, Any] = {}
    if reply.buttons:
        payload["buttons"] = reply.buttons
    if reply.ticket:
        payload["ticket"] = reply.ticket
    return payload or None

