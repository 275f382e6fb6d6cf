"""Chapters 3.1 and 3.2: from a finished intake (接入登记) to a ticket."""

from __future__ import annotations

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.incidents import join_or_count
from bot.desk.readings import facts_in
from bot.desk.tickets import hash_phone, open_ticket, take_step, tickets_of
from bot.handbook.intake import NOT_GIVEN, Intake
from bot.handbook.intake_numbers import (
    CALLED,
    LINE,
    STRANGERS_NUMBER,
    new_number,
    numbers_told,
    of_line,
    stays_line,
    swapped,
    tail_mended,
)
from bot.handbook.intake_parts import EARLIER_PLACE
from bot.handbook.intake_story import with_needs
from bot.handbook.lifecycle import OPEN_STATES
from bot.handbook.privacy import mask
from bot.handbook.requests import Urgency, wanted_facts
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket

LONGEST_SUMMARY = 2_000
# How the key of a ticket ends that stands in for a person.
CALLBACK_KEY = ":callback"
_SPOKEN = frozenset({"address", "new_address", "name", "since", "wished_time"})
_READ_BACK = frozenset({"detail", "amount", "wished_time", LINE})  # beside what is needed
_NO_QUOTES = str.maketrans("", "", "“”\"「」『』")
_LATELY, _LONGEST_NUMBER = 30, 40  # messages, characters
# A message that is a number and nothing else.
_ONLY_NUMBER = re.compile(
    r"(?:我的?|是|用)*(?:电话|手机号?|号码|联系方式)?[是:：\s]*[\d*+\-\s零〇一二三四五六七八九幺洞拐]{7,24}(?:谢谢|吧|这个)?[。.!！\s]*"
)
# A wish for a person that names no request is answered by those who know the account.
CALLBACK_TYPE = "account_query"


def read_back(intake: Intake, handbook: Handbook) -> str:
    """Return what the customer is asked to check, numbers masked."""
    request_type = handbook.type_of(intake.type)
    wanted = wanted_facts(with_needs(request_type, intake)) | _READ_BACK
    parts = [f"诉求类型：{request_type.spoken}"]
    for name, value in intake.facts.items():
        if name in wanted - {"detail"} and name in handbook.facts:
            said = _quoted(value) if name in _SPOKEN and value != NOT_GIVEN else mask(str(value))
            said = f"{said}元" if name == "amount" else said
            parts.append(f"{handbook.facts[name]}：{said}")
    words = str(intake.facts.get("detail") or "，".join(intake.story) or "".join(intake.words[:1]))
    if words and words != NOT_GIVEN:
        parts.append(f"您的描述：{_quoted(words)}")
    return "；".join(parts)


def _quoted(words: str) -> str:
    """Put the customer's own words in quotes: the language check leaves quoted words alone."""
    return f"“{_short(mask(words.translate(_NO_QUOTES)))}”"


def _short(text: str, most: int = 60) -> str:
    """Shorten a text in its middle: what was added last is to be seen as well."""
    text = " ".join(text.split())
    half = most // 2
    return text if len(text) <= most else f"{text[: most - half]}…{text[-half + 1 :]}"


def open_ticket_of_intake(
    session: Session,
    handbook: Handbook,
    conversation: Conversation,
    intake: Intake,
    *,
    secret: str,
    now: datetime,
    degraded: bool = False,
) -> tuple[Ticket, bool]:
    """Open the ticket that a finished intake asks for, once."""
    facts = {
        name: value
        for name, value in intake.facts.items()
        if name in handbook.facts and value != NOT_GIVEN
    }
    phone = facts.get("phone_number")
    ticket, is_new = open_ticket(
        session, handbook, conversation=conversation, type=intake.type,
        urgency=Urgency(intake.urgency), facts=facts,
        summary="\n".join(intake.words)[:LONGEST_SUMMARY], signals=intake.signals,
        key=intake.key, now=now, degraded=degraded,
        phone_hash=hash_phone(phone, secret=secret) if phone else None,
    )
    # The dialogue tells of an incident in its own answer; without the dialogue the outbox does.
    join_or_count(session, handbook, ticket, now=now, tell=degraded)
    return ticket, is_new


def open_callback_ticket(
    session: Session,
    handbook: Handbook,
    conversation: Conversation,
    intake: Intake | None,
    *,
    text: str,
    key: str,
    secret: str,
    now: datetime,
    said: bool = True,
) -> tuple[Ticket, bool]:
    """Open a ticket for a customer who wants a person while nobody is on duty (4.3).

    Where such a ticket still waits for its first answer, that one is kept and told what is new;
    a `text` that the customer has not `said` is none.
    """
    if intake is None:
        waiting = callback_ticket_of(session, conversation, now=now)
        if waiting is not None:
            if said:
                add_words(session, handbook, waiting, text, key=key, secret=secret, now=now)
            return waiting, False
        facts = number_of(session, conversation) | _number_in(text if said else "")
        intake = Intake(
            type=CALLBACK_TYPE, key=key, words=[text or "客户要求人工联系"], facts=facts
        )
    return open_ticket_of_intake(
        session, handbook, conversation, intake, secret=secret, now=now
    )


def callback_ticket_of(
    session: Session, conversation: Conversation, *, now: datetime
) -> Ticket | None:
    """Return the ticket that stands in for a person and still waits for the first answer."""
    return session.execute(
        select(Ticket)
        .where(
            Ticket.conversation_id == conversation.id,
            Ticket.idempotency_key.endswith(CALLBACK_KEY),
            Ticket.state.in_(OPEN_STATES),
            Ticket.first_response_at.is_(None),
            Ticket.response_due_at > now,
        )
        .order_by(Ticket.id.desc())
        .limit(1)
    ).scalar_one_or_none()


def number_of(session: Session, conversation: Conversation) -> dict[str, str]:
    """Return the number that the customer gave for an earlier ticket, or when asked for one lately."""
    for ticket in tickets_of(session, conversation):
        if number := (ticket.facts or {}).get("phone_number"):
            return {"phone_number": str(number)}
    said = select(Message.text).where(
        Message.conversation_id == conversation.id, Message.direction == "in"
    )
    for text in session.execute(said.order_by(Message.id.desc()).limit(_LATELY)).scalars():
        found = _number_in(text)
        # A number among other words may be anybody's; by itself it answers our question.
        if found and only_number(text):
            return found
    return {}


def only_number(text: str) -> bool:
    """Tell whether a message is a number and nothing else: nobody else's, then."""
    return len(text) <= _LONGEST_NUMBER and bool(_ONLY_NUMBER.fullmatch(text.strip()))


def known_of(session: Session, conversation: Conversation) -> dict[str, str]:
    """Return what need not be asked again: the number to call, and the last place for 还是那个地址."""
    places = ((ticket.facts or {}).get("address") for ticket in tickets_of(session, conversation))
    place = next((str(each) for each in places if each), None)
    known = number_of(session, conversation)
    return known | {EARLIER_PLACE: place} if place else known


def _number_in(text: str) -> dict[str, str]:
    return {name: said for name, said in facts_in(text).items() if name == "phone_number"}


def change_numbers(handbook: Handbook, ticket: Ticket, words: str, *, bare: str = "", secret: str) -> str:
    """Write on the ticket the numbers that the words change; return the one to call, if it is a new one.

    `bare` is a number without words that say what it is for. What the matter is about stays the
    number of before, unless that was wrong.
    """
    facts = dict(ticket.facts or {})
    about_line = of_line(handbook.type_of(ticket.type))
    known = facts.get(CALLED, NOT_GIVEN) != NOT_GIVEN
    strangers = ticket.type in STRANGERS_NUMBER
    told = (numbers_told(words, known=known) if about_line else {}) or swapped(facts, words)
    told = told or ({} if strangers else tail_mended(facts, words))
    number = bare or ("" if told else new_number(words))
    told = told or ({CALLED: number} if number else {})
    before = facts.get(CALLED)
    if before not in (None, NOT_GIVEN, told.get(CALLED, before)) and about_line and stays_line(words):
        facts.setdefault(LINE, before)
    ticket.facts = {**facts, **told}
    if (called := told.get(CALLED)) is None or called == before:
        return ""
    ticket.phone_hash = hash_phone(called, secret=secret)
    return called


def add_words(
    session: Session, handbook: Handbook, ticket: Ticket, text: str, *, key: str, secret: str,
    now: datetime,
) -> None:
    """Add to the ticket what it does not say yet, once for each message, and a number to call."""
    if found := _number_in(text):
        change_numbers(handbook, ticket, text, bare=found["phone_number"], secret=secret)
    if text.strip() and text.strip() not in ticket.summary and key != ticket.idempotency_key:
        take_step(
            session, handbook, ticket, "supplement", who="customer", now=now, reason=text, key=key
        )
