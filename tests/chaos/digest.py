"""What is compared after a kill: every record by its business keys, without database ids."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.desk.replays import replay_all
from bot.handbook.tables import Handbook
from bot.storage import clock, notices
from bot.storage.conversations import Message
from bot.storage.tickets import Ticket, TicketEntry
from tests.chaos.scenario import minutes

# Ids differ after a rolled-back insert, and with them the keys that carry one.
_IDS = re.compile(r"(incident|message|promise):\d+")


def plain(value: Any) -> Any:
    """Take database ids out of keys and data."""
    if isinstance(value, str):
        return _IDS.sub(r"\1:#", value)
    if isinstance(value, dict):
        return {
            key: plain(each) for key, each in value.items() if key not in {"message", "incident"}
        }
    return value


def _lines(session: Session, row: type, columns: str, *, by: str = "ticket_id") -> list[tuple]:
    numbers = dict(session.execute(select(Ticket.id, Ticket.number)).all())
    names = columns.split()
    found = []
    for each in session.execute(select(row)).scalars():
        owner = getattr(each, by)
        shown = [plain(getattr(each, name)) for name in names]
        found.append((str(numbers.get(owner, owner)), *map(str, shown)))
    return sorted(found)


def digest(engine: Engine, handbook: Handbook, received: Path) -> dict[str, Any]:
    """Return all that must be the same as without a kill."""
    with Session(engine, future=True) as session:
        sent = set(
            session.execute(
                select(notices.Delivery.delivery_id).where(
                    notices.Delivery.state == "sent", notices.Delivery.sender != "customer"
                )
            ).scalars()
        )
        result = {
            "tickets": _lines(
                session, Ticket,
                "idempotency_key type deadline_class state team holder_id rung response_due_at "
                "resolution_due_at first_response_at resolved_at closed_at satisfaction",
                by="number",
            ),
            "entries": _lines(
                session, TicketEntry, "seq step from_state to_state actor_kind actor_id reason key data at"
            ),
            "clocks": _lines(session, clock.TicketClock, "clock started_at due_at ended_at outcome next_fire_at"),
            "firings": _lines(session, clock.LadderFiring, "clock step told planned_at"),
            "outcomes": _lines(session, clock.TicketOutcome, "place name at ok value cause team holder_id reopened_after"),
            "late facts": _lines(session, clock.LateFact, "day"),
            "surveys": _lines(session, clock.Survey, "cycle state asks most solved score words"),
            "improvements": _lines(session, clock.Improvement, "cycle team reason due_at"),
            "incidents": _lines(session, clock.Incident, "symptom level areas state"),
            "reports": _lines(session, clock.FaultReport, "symptom community customer at"),
            "figures": _lines(session, clock.FigureDay, "name by group numerator denominator value", by="day"),
            "notices": _lines(session, notices.Notice, "key role staff_id text"),
            "deliveries": _lines(session, notices.Delivery, "key sender state"),
            "messages": _lines(
                session, Message, "direction author text state", by="conversation_id"
            ),
        }
    got = received.read_text().split() if received.exists() else []
    result["never received"] = sorted(sent - set(got))
    result["received without a record"] = sorted(set(got) - sent)
    result["replay"] = replay_all(engine, handbook, now=minutes(12400)).differences
    return result
