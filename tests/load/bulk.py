"""A database filled at once with tickets, their logs and the index that the logs give."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Engine

from bot.desk.ticket_log import clock_values, ticket_values
from bot.desk.tickets import class_values
from bot.handbook.clocks import Event
from bot.handbook.outcomes import replay_outcomes
from bot.handbook.requests import Urgency
from bot.handbook.tables import Handbook
from bot.storage.clock import TicketClock, TicketOutcome
from bot.storage.tickets import Ticket, TicketEntry

CHUNK = 2_000
TYPES = ("fault_broadband", "bill_dispute", "plan_change", "bill_query", "fault_mobile")


def fill(
    engine: Engine, handbook: Handbook, *, tickets: int, events: int, start: datetime,
    spread: timedelta, seed: int, opened_only: bool = False,
) -> int:
    """Store tickets with about `events` lines each; return how many lines there are."""
    dice = random.Random(seed)
    count = 0
    rows: dict[Any, list[dict]] = {Ticket: [], TicketEntry: [], TicketClock: [], TicketOutcome: []}
    for number in range(1, tickets + 1):
        opened = start + spread * (number / tickets)
        history = list(_history(handbook, dice, opened, 2 if opened_only else events))
        count += len(history)
        _index(handbook, rows, number, opened, history, start + spread)
        if number % CHUNK == 0 or number == tickets:
            with engine.begin() as connection:
                for table, lines in rows.items():
                    if lines:
                        connection.execute(insert(table.__table__), lines)
                    lines.clear()
    return count


def _history(
    handbook: Handbook, dice: random.Random, opened: datetime, events: int
) -> Iterator[Event]:
    type_ = dice.choice(TYPES)
    kind = handbook.type_of(type_).kind
    urgency = dice.choices(list(Urgency), [90, 7, 3])[0]
    chosen = handbook.deadline_class(kind=kind, urgency=urgency)
    data = {
        "type": type_, "urgency": urgency.value, "team": handbook.type_of(type_).team,
        **class_values(handbook, chosen, kind=kind),
    }
    yield Event(opened, 1, "submit", "submitted", "customer", {})
    yield Event(opened, 2, "accept", "accepted", "bot", data)
    state, moment = "accepted", opened
    for seq in range(3, events + 1):
        moment += timedelta(minutes=dice.randint(1, 600))
        step, state, who, more = _next(dice, state, moment)
        yield Event(moment, seq, step, state, who, more)


def _next(dice: random.Random, state: str, moment: datetime) -> tuple[str, str, str, dict]:
    if state == "accepted":
        return "claim", "processing", "staff", {"person": dice.randint(1, 40)}
    if state == "on_hold":
        return "resume", "processing", "staff", {}
    if state == "resolved":
        return dice.choice(
            [("confirm", "confirmed", "customer", {}), ("reopen", "processing", "customer", {"rung": 1})]
        )
    if state == "confirmed":
        return dice.choice(
            [("rate", "confirmed", "customer", {"score": dice.randint(1, 5)}), ("close", "closed", "customer", {})]
        )
    if state == "closed":
        return "note", "closed", "staff", {}
    return dice.choice(
        [
            ("respond", state, "staff", {}), ("note", state, "staff", {}), ("urge", state, "customer", {}),
            ("hold", "on_hold", "staff", {"hold_reason": "part", "longest_h": 48, "stops_clock": True}),
            ("promise", state, "staff", {"by": (moment + timedelta(hours=4)).isoformat()}),
            ("resolve", "resolved", "staff", {}),
        ]
    )


def _index(
    handbook: Handbook, rows: dict[Any, list[dict]], number: int, opened: datetime,
    history: list[Event], now: datetime,
) -> None:
    accepted = history[1].data
    last = history[-1].at
    standing, outcomes = replay_outcomes(history, handbook.clock.calendars, last)
    request = handbook.type_of(accepted["type"])
    rows[Ticket].append(
        {
            "id": number, "number": f"T20260301-{number:06d}", "idempotency_key": f"bulk-{number}",
            "type": request.id, "kind": request.kind.value, "urgency": accepted["urgency"],
            "team": request.team, "channel": "web", "facts": {}, "summary": "批量", "signals": [],
            "table_version": 1, "response_h": "24", "resolution_h": "24", "accepted_at": opened,
            "degraded": False, "updated_at": last, **ticket_values(standing),
        }
    )
    rows[TicketEntry] += [
        {
            "ticket_id": number, "seq": event.seq, "step": event.step, "to_state": event.to_state,
            "actor_kind": event.who, "data": event.data, "at": event.at,
        }
        for event in history
    ]
    rows[TicketClock] += [
        {"ticket_id": number, "clock": name, **vars(values)}
        for name, values in clock_values(standing, handbook, {}).items()
    ]
    rows[TicketOutcome] += [
        {"ticket_id": number, "place": place, **outcome._asdict()}
        for place, outcome in enumerate(outcomes)
    ]


