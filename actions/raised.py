"""A ticket whose customer says more of it (2.4 升级): the class rises with the words, or stays."""

from __future__ import annotations

from contextlib import suppress

from actions.base import Turn
from bot.desk import tickets as desk
from bot.handbook.lifecycle import IllegalStep
from bot.handbook.requests import Urgency
from bot.handbook.urgency import raise_urgency, signals
from bot.storage.tickets import Ticket


def raise_class(turn: Turn, ticket: Ticket, words: str) -> None:
    """Raise the class of a ticket when the words demand it; one with longer times is a leader's to choose."""
    kind = turn.handbook.type_of(ticket.type).kind
    found = signals(words, turn.office.tables.signals, kind=kind)
    level = raise_urgency(Urgency(ticket.urgency), found)
    if level.rank > Urgency(ticket.urgency).rank:
        with suppress(IllegalStep):
            desk.take_step(
                turn.session, turn.handbook, ticket, "reclassify", who="system", now=turn.now,
                type=ticket.type, urgency=level, reason=f"客户补充：{found[0].title}",
            )
