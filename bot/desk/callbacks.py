"""Chapter 3.4: the customer chooses when to be called (约定回电): a choice is a promise with a clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from bot.desk.messages import Gate, say
from bot.desk.ticket_log import entry_of_key, lock_ticket
from bot.desk.tickets import find_ticket, take_step, ticket_card, ticket_facts
from bot.handbook.callbacks import callback_times
from bot.handbook.reception import Reception
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation, Message
from bot.storage.tickets import Ticket

# How far back buttons still count: other words of the desk may have come between.
LOOK_BACK = 10


@dataclass(frozen=True)
class Choice:
    """Hold the time that a customer chose, the ticket it is for, and their words."""

    number: str
    by: datetime
    title: str
    text: str


def callback_buttons(
    reception: Reception, ticket: Ticket, *, now: datetime
) -> list[dict[str, Any]]:
    """Return the dated times at which the customer can be called, as buttons."""
    return [
        {
            "title": each.title,
            "payload": f"请在{each.title}联系我",
            "callback": {"ticket": ticket.number, "by": each.end.isoformat()},
        }
        for each in callback_times(
            reception.callback_times, now=now, until=ticket.response_due_at
        )
    ]


def callback_ask(reception: Reception, ticket: Ticket, times: list[dict[str, Any]]) -> str:
    """Return the question for one of the `times`, and for a number where none is known."""
    if (ticket.facts or {}).get("phone_number"):
        return reception.words["callback_ask"] if times else ""
    return reception.words["callback_ask_number" if times else "callback_number"]


def chosen_callback(lately: Sequence[Message], text: str) -> Choice | None:
    """Return the choice that a message is, when it is one of the buttons shown lately."""
    rows = [message.payload for message in lately]
    for button in (button for payload in rows for button in (payload or {}).get("buttons", [])):
        meant = button.get("callback")
        if meant and text.strip() in (button["payload"], button["title"]):
            by = datetime.fromisoformat(meant["by"])
            return Choice(meant["ticket"], by, button["title"], text.strip())
    return None


def promise_callback(
    session: Session,
    handbook: Handbook,
    reception: Reception,
    gate: Gate,
    conversation: Conversation,
    choice: Choice,
    *,
    message_id: int,
    now: datetime,
) -> bool:
    """Promise the call at the chosen time and say so; False when the ticket bears no promise.

    The first choice stands, since its clock runs; a later one is told to who will call.
    """
    ticket = find_ticket(session, choice.number)
    lock_ticket(session, ticket)
    if "promise" not in handbook.lifecycle.legal_steps(ticket.state, who="bot"):
        return False
    key = f"callback:{conversation.id}"
    agreed = entry_of_key(session, ticket, key)
    words, buttons = "callback_agreed", list[dict[str, Any]]()
    if agreed is not None:
        words = "callback_kept"
        if agreed.data.get("title") != choice.title:
            take_step(
                session, handbook, ticket, "supplement", who="customer", now=now,
                reason=choice.text, key=f"message:{message_id}:callback",
            )
    elif choice.by <= now:
        buttons = callback_buttons(reception, ticket, now=now)
        if not buttons:
            return False
        words = "callback_over"
    else:
        agreed = take_step(
            session, handbook, ticket, "promise", who="bot", now=now, by=choice.by,
            reason=choice.text, key=key, data={"title": choice.title},
        )
    title = (agreed.data.get("title") if agreed else None) or choice.title
    if words == "callback_agreed" and not (ticket.facts or {}).get("phone_number"):
        words = "callback_agreed_number"
    say(
        session, gate, conversation, author="bot", now=now, reply_to=message_id,
        text=reception.words[words].format(number=ticket.number, time=title),
        payload={"ticket": ticket_card(ticket, handbook), "buttons": buttons},
        context=ticket.type, facts=ticket_facts(ticket, now=now),
    )
    return True
