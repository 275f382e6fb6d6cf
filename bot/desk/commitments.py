"""Chapters 2.3 and 3.4: promises of staff (承诺): a time named in a reply gets a clock of its own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy.orm import Session

from bot.desk.tickets import record_human_response, take_step, tickets_of
from bot.handbook.tables import Handbook
from bot.storage.conversations import Conversation
from bot.storage.tickets import Ticket, TicketEntry

A_MINUTE = timedelta(minutes=1)


class Commitment(Protocol):
    """What is needed of a commitment that the language check found in a reply."""

    text: str
    due_at: datetime | None


def record_reply(
    session: Session,
    handbook: Handbook,
    conversation: Conversation,
    *,
    staff_id: int,
    now: datetime,
    message_id: int,
    commitments: Iterable[Commitment] = (),
    ticket: Ticket | None = None,
    who: str = "staff",
) -> list[TicketEntry]:
    """Record that a person wrote in a conversation: the response of its open tickets, its promises.

    The promises are those of `ticket`, where it can bear one, else of the newest that can. A
    promised time that is the due time of the ticket anyway needs no clock of its own.
    """
    tickets = tickets_of(session, conversation, open_only=True)
    entries = [
        record_human_response(
            session, handbook, each, staff_id=staff_id, now=now, who=who, message_id=message_id
        )
        for each in tickets
    ]
    bearers = [
        each
        for each in (ticket, *tickets)
        if each and "promise" in handbook.lifecycle.legal_steps(each.state, who=who)
    ]
    if bearers:
        for number, commitment in enumerate(commitments):
            entries.append(
                _promise(
                    session,
                    handbook,
                    bearers[0],
                    commitment,
                    staff_id=staff_id,
                    now=now,
                    who=who,
                    key=f"promise:{message_id}:{number}",
                )
            )
    return [entry for entry in entries if entry is not None]


def _is_due_time(ticket: Ticket, by: datetime) -> bool:
    """Tell whether a promised time is a due time of the ticket, which people name to the minute."""
    dues = (ticket.resolution_due_at, ticket.response_due_at)
    return any(due is not None and abs(due - by) < A_MINUTE for due in dues)


def _promise(
    session: Session,
    handbook: Handbook,
    ticket: Ticket,
    commitment: Any,
    *,
    staff_id: int,
    now: datetime,
    who: str,
    key: str,
) -> TicketEntry | None:
    by = commitment.due_at
    if by is None or by <= now or _is_due_time(ticket, by):
        return None
    return take_step(
        session,
        handbook,
        ticket,
        "promise",
        who=who,
        now=now,
        actor_id=staff_id,
        by=by,
        reason=commitment.text,
        key=key,
    )
