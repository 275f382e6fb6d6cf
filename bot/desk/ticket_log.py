"""Chapters 1.3 and 2.4: a ticket's history (工单记录) and the index that is recomputed from it.

The history is append-only; `reindex` replays it and writes the due times, the states of the
clocks and the next step of the warning ladder. Nothing else may write those columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.orm import Session

from bot.handbook.clocks import CALLBACK, RESPONSE, ClockState, Event, Standing
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.escalation import next_fire
from bot.handbook.outcomes import Outcome, replay_outcomes
from bot.handbook.tables import Handbook
from bot.storage.clock import FigureDay, LadderFiring, LateFact, TicketClock, TicketOutcome
from bot.storage.tickets import Ticket, TicketEntry

HOLD = "hold"
# A deadline that falls on the instant of the sweep has passed for it.
INSTANT = timedelta(microseconds=1)
TICKET_COLUMNS = (
    "state", "deadline_class", "rung", "response_due_at", "resolution_due_at", "next_due_at",
    "next_clock", "first_response_at", "resolved_at", "closed_at", "held_since", "hold_reason", "satisfaction",
)
# What `event_of` makes an event of, in this order.
EVENT_COLUMNS = (
    TicketEntry.at, TicketEntry.seq, TicketEntry.step, TicketEntry.to_state, TicketEntry.actor_kind,
    TicketEntry.data, TicketEntry.actor_id,
)
# What every step asks of a ticket is put together once.
_OF = bindparam("of")
_EVENTS = select(*EVENT_COLUMNS).where(TicketEntry.ticket_id == _OF).order_by(TicketEntry.seq)
_LAST = (
    select(TicketEntry.seq, TicketEntry.at)
    .where(TicketEntry.ticket_id == _OF)
    .order_by(TicketEntry.seq.desc())
    .limit(1)
)
_FIRED = select(LadderFiring.clock, LadderFiring.step).where(LadderFiring.ticket_id == _OF)
_CLOCKS = select(TicketClock).where(TicketClock.ticket_id == _OF)
_OUTCOMES = (
    select(TicketOutcome).where(TicketOutcome.ticket_id == _OF).order_by(TicketOutcome.place)
)


@dataclass(frozen=True)
class ClockIndex:
    """Hold what is stored of one clock."""

    started_at: datetime
    due_at: datetime
    risk_at: datetime
    ended_at: datetime | None
    outcome: str | None
    next_fire_at: datetime | None


def lock_ticket(session: Session, ticket: Ticket) -> None:
    """Keep others from changing the ticket until the end of the transaction."""
    session.flush()
    session.refresh(ticket, with_for_update=True)


def event_of(
    at: datetime, seq: int, step: str, to_state: str, who: str, data: Mapping[str, Any],
    actor_id: int | None,
) -> Event:
    """Return the event of one line; the person who took the step is `actor` in its data."""
    data = data if actor_id is None else {**data, "actor": actor_id}
    return Event(at, seq, step, to_state, who, data)


def events_of(session: Session, ticket_id: int) -> list[Event]:
    """Return the events of one ticket in order."""
    return [event_of(*row) for row in session.execute(_EVENTS, {"of": ticket_id})]


def entry_of_key(session: Session, ticket: Ticket, key: str) -> TicketEntry | None:
    """Return the entry that an earlier try of the same step wrote."""
    return session.execute(
        select(TicketEntry).where(TicketEntry.ticket_id == ticket.id, TicketEntry.key == key)
    ).scalar_one_or_none()


def write_entry(
    session: Session,
    ticket: Ticket,
    step: str,
    *,
    from_state: str | None,
    to_state: str,
    who: str,
    now: datetime,
    data: Mapping[str, Any],
    actor_id: int | None = None,
    reason: str | None = None,
    key: str | None = None,
) -> TicketEntry:
    """Append one line; its time is never before that of the line above, whatever clocks say."""
    last = session.execute(_LAST, {"of": ticket.id}).first()
    entry = TicketEntry(
        ticket_id=ticket.id, seq=(last.seq if last else 0) + 1, step=step, from_state=from_state,
        to_state=to_state, actor_kind=who, actor_id=actor_id, reason=reason, key=key,
        data=dict(data), at=max(now, last.at) if last else now,
    )
    session.add(entry)
    session.flush()
    return entry


def fired_steps(session: Session, ticket_id: int) -> dict[str, set[str]]:
    """Return the ladder steps that have fired, by clock."""
    fired: dict[str, set[str]] = {}
    for clock, step in session.execute(_FIRED, {"of": ticket_id}):
        fired.setdefault(clock, set()).add(step)
    return fired


def ticket_values(standing: Standing) -> dict[str, Any]:
    """Return the columns of a ticket that its log decides."""
    next_clock, next_due = standing.owed_first
    return {
        "state": standing.state,
        "deadline_class": standing.deadline_class,
        "rung": standing.rung,
        "response_due_at": standing.clocks[RESPONSE].due,
        "resolution_due_at": standing.due,
        "next_due_at": next_due,
        "next_clock": next_clock,
        "first_response_at": standing.first_response_at,
        "resolved_at": standing.resolved_at,
        "closed_at": standing.closed_at,
        "held_since": standing.held_since,
        "hold_reason": standing.hold_reason,
        "satisfaction": standing.score,
    }


def clock_values(
    standing: Standing, handbook: Handbook, fired: Mapping[str, Collection[str]]
) -> dict[str, ClockIndex]:
    """Return what is stored of each clock, and of a running hold."""
    escalation = handbook.clock.escalation
    index = {}
    for name, clock in standing.clocks.items():
        ladder = escalation.ladder_of(deadline_class=standing.deadline_class, clock=name)
        outcome = clock.state(clock.ended).value if clock.ended is not None else None
        index[name] = ClockIndex(
            started_at=clock.started, due_at=clock.due,
            risk_at=clock.when(clock.allowance * escalation.at_risk), ended_at=clock.ended,
            outcome=outcome, next_fire_at=next_fire(clock, ladder, fired.get(name, ())),
        )
    if standing.held_since is not None and standing.held_until is not None:
        until = standing.held_until
        index[HOLD] = ClockIndex(standing.held_since, until, until, None, None, until)
    return index


def reindex(session: Session, handbook: Handbook, ticket: Ticket, *, now: datetime) -> Standing:
    """Replay the ticket's log and store what it says; `now` decides which deadlines have passed."""
    standing, outcomes = replay_outcomes(
        events_of(session, ticket.id), handbook.clock.calendars, now + INSTANT
    )
    for column, value in ticket_values(standing).items():
        setattr(ticket, column, value)
    index = clock_values(standing, handbook, fired_steps(session, ticket.id))
    clocks = session.execute(_CLOCKS, {"of": ticket.id}).scalars()
    stored = {row.clock: row for row in clocks}
    for name, values in index.items():
        row = stored.pop(name, None)
        if row is None:
            row = TicketClock(ticket_id=ticket.id, clock=name)
            session.add(row)
        for column, value in vars(values).items():
            setattr(row, column, value)
    if stored:
        session.execute(
            delete(TicketClock)
            .where(TicketClock.ticket_id == ticket.id, TicketClock.clock.in_(stored))
            .execution_options(synchronize_session="fetch")
        )
    _store_outcomes(session, ticket, outcomes)
    session.flush()
    return standing


def _store_outcomes(session: Session, ticket: Ticket, outcomes: Sequence[Outcome]) -> None:
    """Store what is new or changed; what touches a day that is closed is noted as late."""
    stored = session.execute(_OUTCOMES, {"of": ticket.id}).scalars().all()
    touched: list[datetime] = []
    for place, outcome in enumerate(outcomes):
        row = stored[place] if place < len(stored) else None
        if row is None:
            row = TicketOutcome(ticket_id=ticket.id, place=place)
            session.add(row)
        elif Outcome(*(getattr(row, name) for name in Outcome._fields)) == outcome:
            continue
        else:
            touched.append(row.at)
        touched.append(outcome.at)
        for column, value in outcome._asdict().items():
            setattr(row, column, value)
    for row in stored[len(outcomes) :]:
        touched.append(row.at)
        session.delete(row)
    _note_late(session, ticket, touched)


def day_of(moment: datetime) -> str:
    """Return the day of Shanghai that the figures count an instant to."""
    return moment.astimezone(SHANGHAI).date().isoformat()


def _note_late(session: Session, ticket: Ticket, moments: Sequence[datetime]) -> None:
    """Note the closed days among these; days are closed in order, so that the last one tells."""
    if not moments:
        return
    closed = session.execute(select(func.max(FigureDay.day))).scalar_one()
    for day in sorted({day_of(moment) for moment in moments}):
        if closed is not None and day <= closed:
            session.add(LateFact(day=day, ticket_id=ticket.id))


def called_by(session: Session, ticket: Ticket, *, now: datetime) -> datetime | None:
    """Return until when the customer of a late ticket was promised a call; None when it is in time."""
    if ticket.resolution_due_at > now:
        return None
    found: datetime | None = session.execute(
        select(func.max(TicketClock.due_at)).where(
            TicketClock.ticket_id == ticket.id, TicketClock.clock.startswith(CALLBACK),
            TicketClock.ended_at.is_(None), TicketClock.due_at > now,
        )
    ).scalar_one()
    return found


def is_breached(index: ClockIndex, now: datetime) -> bool:
    """Tell whether a clock was or is late at `now`."""
    if index.outcome is not None:
        return index.outcome == ClockState.BREACHED.value
    return now > index.due_at
