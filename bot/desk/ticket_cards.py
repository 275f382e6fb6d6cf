"""Chapter 1.3: what customers and the language check are shown of a ticket (工单卡片)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.handbook.deadlines import SHANGHAI, shown_time
from bot.handbook.tables import Handbook
from bot.storage.tickets import Ticket


def ticket_card(ticket: Ticket, handbook: Handbook) -> dict[str, Any]:
    """Return what a customer is shown of a ticket (contract.md, with Chinese titles)."""
    chosen = handbook.classes.get(ticket.deadline_class)
    return {
        "number": ticket.number,
        "type": ticket.type,
        "type_title": handbook.type_of(ticket.type).title if ticket.type in handbook.types else ticket.type,
        "urgency": ticket.urgency,
        "deadline_class": ticket.deadline_class,
        "deadline_class_title": chosen.title if chosen else ticket.deadline_class,
        "state": ticket.state,
        "state_title": handbook.lifecycle.states.get(ticket.state, ticket.state),
        "respond_by": _iso(ticket.response_due_at),
        "resolve_by": _iso(ticket.resolution_due_at),
        "responded_at": _iso(ticket.first_response_at) if ticket.first_response_at else None,
        "basis": chosen.basis if chosen else "",
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


def due_words(ticket: Ticket, *, now: datetime, call_by: datetime | None = None) -> str:
    """Return what is said of the solution's due time; once it is over, when we call instead (3.4)."""
    if ticket.resolution_due_at > now:
        return f"{shown_time(ticket.resolution_due_at, now=now)}前处理完成"
    if call_by is None:
        return "已超过承诺时限，非常抱歉，已上报班长督办"
    return f"已超过承诺时限，非常抱歉，{shown_time(call_by, now=now)}前我们会联系您说明进展"


def ticket_facts(
    ticket: Ticket, *, now: datetime, call_by: datetime | None = None
) -> dict[str, Any]:
    """Return the ticket's facts as the language checker compares them."""
    return {
        "deadline_class": ticket.deadline_class,
        "respond_by": _iso(call_by or ticket.response_due_at),
        "resolve_by": _iso(ticket.resolution_due_at),
        "state": ticket.state,
        "ticket_number": ticket.number,
        "now": _iso(now),
    }


def text_values(
    ticket: Ticket, handbook: Handbook, *, now: datetime, call_by: datetime | None = None
) -> dict[str, Any]:
    """Return the values that the texts about a ticket are filled with."""
    return {
        "number": ticket.number,
        "title": handbook.type_of(ticket.type).spoken,
        "team_title": handbook.teams[ticket.team].title,
        "class_title": handbook.classes[ticket.deadline_class].title,
        "respond_by": shown_time(ticket.response_due_at, now=now),
        "resolve_by": shown_time(ticket.resolution_due_at, now=now),
        "due_words": due_words(ticket, now=now, call_by=call_by),
    }
