"""Chapter 4.3: what a customer hears while waiting for a person (排队中)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.orm import Session

from bot.desk import conversations as desk
from bot.desk.callbacks import callback_ask
from bot.desk.intakes import (
    CALLBACK_KEY,
    add_words,
    number_of,
    open_callback_ticket,
    open_ticket_of_intake,
)
from bot.desk.messages import Gate, last_said, say
from bot.desk.readings import facts_in
from bot.desk.tickets import ticket_card, ticket_facts, tickets_of
from bot.desk.waits import expected_wait
from bot.dialogue.degraded import plain_reading
from bot.dialogue.texts import Texts
from bot.handbook.deadlines import shown_time
from bot.handbook.distress import in_distress
from bot.handbook.handoff import ConversationState
from bot.handbook.intake import Intake
from bot.handbook.intake_parts import CONFIRM, QUESTION
from bot.handbook.queue_words import besides_leaving
from bot.handbook.reception import Reception
from bot.handbook.requests import RequestKind, Urgency
from bot.handbook.signal_table import load_signals
from bot.handbook.tables import Handbook
from bot.handbook.urgency import SignalRule, signals
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket

_MESSAGE = re.compile(r"^(?:那|就)*(?:我)?(?:要|想)?(?:给你们)?留(?:个|下|一下)?言(?!.*怎么)")
_WISHES = re.compile(r"查|进度|单号|撤|取消|退|报修|登记|投诉|没到|断|坏|扣|喂|有人")
_ASKED = frozenset({"phone_number", "line_number", "address", "new_address", "broadband_account", "detail", CONFIRM})
# What the customer must be told at once, wait or no wait, by the signal in the words.
_FIRST_AID = {
    "money_going_now": "fraud_report", "money_just_sent": "fraud_report",
    "scammer_on_the_line": "fraud_report", "code_told": "fraud_report", "number_taken_over": "fraud_report",
    "fire_or_smoke": "report_hazard", "line_across_the_way": "report_hazard",
}  # fmt: skip
# Bubbles in a row get one word about the queue, not one each.
REPEAT_AFTER = timedelta(seconds=20)


def serve_waiting(
    session: Session,
    handbook: Handbook,
    reception: Reception,
    gate: Gate,
    texts: Texts,
    conversation: Conversation,
    *,
    text: str,
    message_id: int,
    secret: str,
    now: datetime,
) -> None:
    """Let the customer leave the queue or leave a message; else tell the place, not too often."""
    if besides_leaving(text) is not None and not in_distress(text):
        leave_queue(session, conversation, now=now)
        _tell(session, gate, conversation, texts.render("utter_left_queue"), message_id, now)
    elif _MESSAGE.search(text.strip()):
        _leave_message(
            session, handbook, reception, gate, texts, conversation, text, message_id, secret, now
        )
    else:
        place = desk.queue_place(session, handbook, conversation, now=now)
        ticket = None if place.on_duty else _keep_words(
            session, handbook, conversation, text, message_id, secret, now
        )
        if ticket is not None and (urgent := _urgent_matter(
            session, handbook, conversation, ticket, text, message_id, secret, now
        )):
            _say_urgent(session, handbook, gate, texts, conversation, urgent, text, message_id, now)
            return
        said = last_said(session, conversation.id)
        told = said is not None and (said.payload or {}).get("queue")
        aid = first_aid(text, texts)
        # A number or a question wants a word by itself.
        heard = aid or "phone_number" in facts_in(text) or QUESTION.search(text) or _WISHES.search(text)
        if told and not heard and now - said.created_at < REPEAT_AFTER:
            return
        if place.on_duty:
            wait = expected_wait(
                session, reception, conversation.team, place.position, now=now
            )
            words = wait.words(reception, still=True) or texts.render(
                "utter_still_waiting", position=place.position, minutes=wait.minutes
            )
        else:
            opens_at = shown_time(place.opens_at, now=now)
            words = texts.render("utter_still_waiting_off_duty", opens_at=opens_at)
            if ticket is not None and not (ticket.facts or {}).get("phone_number"):
                words += reception.words["callback_number"]
        say(
            session, gate, conversation, text=f"{aid}{words}", author="bot", now=now,
            reply_to=message_id, payload={"queue": place.position},
        )


def leave_queue(session: Session, conversation: Conversation, *, now: datetime) -> None:
    """Let the bot serve again; a registration that was on its way goes on where it was."""
    desk.change_holder(
        session, conversation, to=ConversationState.BOT, epoch=conversation.epoch, now=now
    )
    state = (conversation.dialogue or {}).get("intake")
    conversation.dialogue = None
    # A question that was answered is no registration.
    begun = state is not None and bool(_ASKED & set(state["asked"]))
    if state and begun and state["type"] != "unclear" and not _is_ticket(session, state["key"]):
        conversation.dialogue = {"intake": {**state, "outcome": None, "asking": None}}


def _is_ticket(session: Session, key: str) -> bool:
    """Tell whether a registration has become a ticket already, as all do at night."""
    return session.query(Ticket.id).filter(Ticket.idempotency_key == key).first() is not None


def _keep_words(
    session: Session, handbook: Handbook, conversation: Conversation, text: str, message_id: int,
    secret: str, now: datetime,
) -> Ticket | None:
    """Write what is said at night on the ticket that waits for the morning."""
    for ticket in tickets_of(session, conversation, open_only=True, most=1):
        add_words(
            session, handbook, ticket, text, key=f"message:{message_id}:waiting", secret=secret,
            now=now,
        )
        return ticket
    return None


def _urgent_matter(
    session: Session, handbook: Handbook, conversation: Conversation, waiting: Ticket, text: str,
    message_id: int, secret: str, now: datetime,
) -> Ticket | None:
    """Open a ticket for harm that grows by the hour: it cannot wait until people are on duty."""
    name, urgency, titles = plain_reading(text)
    if urgency is not Urgency.URGENT or waiting.urgency == Urgency.URGENT.value:
        return None
    intake = Intake(
        type=name, key=f"{conversation.id}:{message_id}:{name}", urgency=urgency.value,
        signals=titles, facts=number_of(session, conversation) | facts_in(text), words=[text],
    )
    ticket, _ = open_ticket_of_intake(
        session, handbook, conversation, intake, secret=secret, now=now, degraded=True
    )
    return ticket


def _say_urgent(
    session: Session, handbook: Handbook, gate: Gate, texts: Texts, conversation: Conversation,
    ticket: Ticket, text: str, message_id: int, now: datetime,
) -> None:
    words = texts.render(
        "utter_urgent_while_waiting", number=ticket.number,
        team_title=handbook.teams[ticket.team].title,
        respond_by=shown_time(ticket.response_due_at, now=now),
    )
    say(
        session, gate, conversation, text=f"{first_aid(text, texts)}{words}", author="bot", now=now,
        reply_to=message_id, payload={"ticket": ticket_card(ticket, handbook)},
        context=ticket.type, facts=ticket_facts(ticket, now=now),
    )


def first_aid(text: str, texts: Texts) -> str:
    """Return what somebody in danger must be told; empty for everybody else."""
    if in_distress(text):
        return texts.render("utter_care")
    for found in signals(text, _table(), kind=RequestKind.SAFETY):
        if found.id in _FIRST_AID:
            return texts.render(f"utter_first_aid_{_FIRST_AID[found.id]}")
    return ""


@lru_cache(maxsize=1)
def _table() -> tuple[SignalRule, ...]:
    return load_signals()


def _leave_message(
    session: Session, handbook: Handbook, reception: Reception, gate: Gate, texts: Texts,
    conversation: Conversation, text: str, message_id: int, secret: str, now: datetime,
) -> None:
    state = (conversation.dialogue or {}).get("intake")
    intake = Intake.from_json(state) if state else None
    if intake is not None:
        intake.words.append(text)
    ticket, _ = open_callback_ticket(
        session, handbook, conversation, intake, text=text,
        key=f"{conversation.id}:{message_id}{CALLBACK_KEY}", secret=secret, now=now,
    )
    desk.change_holder(
        session, conversation, to=ConversationState.BOT, epoch=conversation.epoch, now=now
    )
    conversation.dialogue = None
    say(
        session, gate, conversation, author="bot", now=now, reply_to=message_id,
        text=texts.render(
            "utter_message_left", number=ticket.number,
            respond_by=shown_time(ticket.response_due_at, now=now),
        ) + callback_ask(reception, ticket, []),
        payload={"ticket": ticket_card(ticket, handbook)}, context=ticket.type,
        facts=ticket_facts(ticket, now=now),
    )


def _tell(
    session: Session, gate: Gate, conversation: Conversation, text: str, message_id: int, now: datetime
) -> None:
    say(session, gate, conversation, text=text, author="bot", now=now, reply_to=message_id)
