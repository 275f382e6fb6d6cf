"""Chapter 4.5: degraded mode (应急受理): the promise is kept when the engine is not there.

Type and urgency come from plain words and the table of raising signals; the request becomes a
ticket of the class that they suggest, and the customer is told honestly.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.orm import Session

from bot.desk import conversations as queue
from bot.desk.callbacks import callback_ask, callback_buttons
from bot.desk.intakes import CALLBACK_KEY, open_callback_ticket, open_ticket_of_intake
from bot.desk.messages import Gate, say
from bot.desk.readings import facts_in
from bot.desk.tickets import take_step, ticket_card, ticket_facts, tickets_of
from bot.desk.waits import expected_wait
from bot.dialogue.texts import Texts
from bot.handbook.deadlines import shown_time
from bot.handbook.english import wants_person
from bot.handbook.intake import Intake
from bot.handbook.reception import Reception
from bot.handbook.requests import Urgency
from bot.handbook.signal_table import load_signals
from bot.handbook.tables import Handbook
from bot.handbook.urgency import SignalRule, raise_urgency, signals
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket

# Plain words, most telling first; read only when the model cannot be asked.
WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fraud_report", ("诈骗", "骗子", "盗刷", "被骗", "骚扰电话")),
    ("report_hazard", ("线杆", "电线", "井盖", "光缆", "断线", "冒烟", "着火")),
    ("fault_enterprise", ("专线", "企业", "公司网")),
    ("fault_tv", ("电视", "机顶盒", "iptv")),
    ("fault_landline", ("座机", "固话", "固定电话")),
    ("fault_broadband", ("宽带", "光猫", "wifi", "路由", "断网", "上不了网", "网断")),
    ("fault_mobile", ("信号", "打不了电话", "打不出", "没网", "流量用不了")),
    ("port_out", ("携号", "转网")),
    ("bill_dispute", ("乱扣", "多扣", "退费", "退钱", "没同意")),
    ("complaint_service", ("投诉", "态度", "没人来", "推来推去")),
    ("suspend_resume", ("停机", "复机")),
    ("payment", ("充值", "缴费", "交费")),
    ("bill_query", ("话费", "账单", "扣费")),
    ("usage_query", ("流量",)),
    ("new_install", ("新装", "装宽带", "办宽带")),
)
_PERSON = re.compile(r"转?人工|找(?:个)?(?:人|客服)|真人|接线员")
# What follows a degraded ticket within this time belongs to it unless it names a request.
SAME_MATTER = timedelta(minutes=30)
DEFAULT_TYPE = "account_query"
SHORTEST_REQUEST = 4


@lru_cache(maxsize=1)
def _signal_table() -> tuple[SignalRule, ...]:
    return load_signals()


def plain_reading(text: str) -> tuple[str, Urgency, list[str]]:
    """Return type, urgency and signal titles from plain words alone."""
    lowered = text.lower()
    name = next((t for t, words in WORDS if any(w in lowered for w in words)), DEFAULT_TYPE)
    found = signals(text, _signal_table())
    return name, raise_urgency(Urgency.GENERAL, found), [signal.title for signal in found]


def serve_without_engine(
    session: Session,
    handbook: Handbook,
    reception: Reception,
    gate: Gate,
    texts: Texts,
    conversation: Conversation,
    *,
    text: str,
    message_id: int,
    epoch: int,
    secret: str,
    now: datetime,
) -> None:
    """Open a ticket for what the customer said, or for the intake in progress, and say so."""
    if _PERSON.search(text) or wants_person(text):
        _hand_off(
            session, handbook, reception, gate, texts, conversation, text, message_id, secret, now
        )
        return
    state = (conversation.dialogue or {}).get("intake")
    if state and not state.get("outcome"):
        intake = Intake.from_json(state)
        intake.words.append(text)
        intake.facts = {**intake.facts, **facts_in(text)}
    elif (earlier := _recent_ticket(session, conversation, text, now)) is not None:
        _supplement(session, handbook, gate, texts, conversation, earlier, text, message_id, epoch, now)
        return
    elif len(text.strip()) < SHORTEST_REQUEST:
        say(
            session, gate, conversation, text=texts.render("utter_engine_down_ask"), author="bot",
            now=now, epoch=epoch, reply_to=message_id,
        )
        return
    else:
        name, urgency, titles = plain_reading(text)
        intake = Intake(
            type=name, key=f"{conversation.id}:{message_id}:{name}", urgency=urgency.value,
            signals=titles, facts=facts_in(text), words=[text],
        )
    ticket, _ = open_ticket_of_intake(
        session, handbook, conversation, intake, secret=secret, now=now, degraded=True
    )
    conversation.dialogue = None
    say(
        session, gate, conversation, author="bot", now=now, epoch=epoch, reply_to=message_id,
        text=texts.render(
            "utter_ticket_opened_degraded", number=ticket.number,
            class_title=handbook.classes[ticket.deadline_class].title,
            respond_by=shown_time(ticket.response_due_at, now=now),
            resolve_by=shown_time(ticket.resolution_due_at, now=now),
        ),
        payload={"ticket": ticket_card(ticket, handbook)}, context=ticket.type,
        facts=ticket_facts(ticket, now=now),
    )


def _recent_ticket(
    session: Session, conversation: Conversation, text: str, now: datetime
) -> Ticket | None:
    if plain_reading(text)[0] != DEFAULT_TYPE:
        return None
    for ticket in tickets_of(session, conversation, open_only=True, most=1):
        if now - ticket.accepted_at <= SAME_MATTER:
            return ticket
    return None


def _supplement(
    session: Session, handbook: Handbook, gate: Gate, texts: Texts, conversation: Conversation,
    ticket: Ticket, text: str, message_id: int, epoch: int, now: datetime,
) -> None:
    ticket.facts = {**ticket.facts, **facts_in(text)}
    take_step(session, handbook, ticket, "supplement", who="customer", now=now, reason=text)
    say(
        session, gate, conversation, author="bot", now=now, epoch=epoch, reply_to=message_id,
        text=texts.render(
            "utter_ticket_supplemented", number=ticket.number,
            due_words=f"{shown_time(ticket.resolution_due_at, now=now)}前处理完成",
        ),
        payload={"ticket": ticket_card(ticket, handbook)}, context=ticket.type,
        facts=ticket_facts(ticket, now=now),
    )


def _hand_off(
    session: Session, handbook: Handbook, reception: Reception, gate: Gate, texts: Texts,
    conversation: Conversation, text: str, message_id: int, secret: str, now: datetime,
) -> None:
    _, urgency, _ = plain_reading(text)
    place = queue.hand_off(
        session, handbook, conversation, reason=text, urgency=urgency, now=now
    )
    if not place.on_duty:
        _off_duty(
            session, handbook, reception, gate, texts, conversation, text, message_id, secret,
            place.opens_at, now,
        )
        return
    wait = expected_wait(session, reception, conversation.team, place.position, now=now)
    words = wait.words(reception) or texts.render(
        "utter_waiting", position=place.position, minutes=wait.minutes
    )
    say(
        session, gate, conversation, author="bot", now=now, reply_to=message_id, text=words,
    )


def _off_duty(
    session: Session, handbook: Handbook, reception: Reception, gate: Gate, texts: Texts,
    conversation: Conversation, text: str, message_id: int, secret: str, opens_at: datetime,
    now: datetime,
) -> None:
    """Open a ticket that stands in for the person, and offer times for the call."""
    state = (conversation.dialogue or {}).get("intake")
    ticket, _ = open_callback_ticket(
        session, handbook, conversation, Intake.from_json(state) if state else None, text=text,
        key=f"{conversation.id}:{message_id}{CALLBACK_KEY}", secret=secret, now=now,
    )
    times = callback_buttons(reception, ticket, now=now)
    words = texts.render(
        "utter_waiting_off_duty", number=ticket.number, opens_at=shown_time(opens_at, now=now),
        respond_by=shown_time(ticket.response_due_at, now=now),
    )
    say(
        session, gate, conversation, author="bot", now=now, reply_to=message_id,
        text=words + callback_ask(reception, ticket, times),
        payload={"ticket": ticket_card(ticket, handbook), "buttons": times}, context=ticket.type,
        facts=ticket_facts(ticket, now=now),
    )
