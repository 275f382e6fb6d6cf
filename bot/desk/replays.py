"""Chapters 1.3 and 5.1: the whole database replayed (重算核对): what is stored against the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from multiprocessing import get_context
from operator import itemgetter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection, Engine

from bot.desk.ticket_log import (
    EVENT_COLUMNS,
    INSTANT,
    TICKET_COLUMNS,
    ClockIndex,
    clock_values,
    day_of,
    event_of,
    ticket_values,
)
from bot.handbook.figures import Tally
from bot.handbook.outcomes import Outcome, replay_outcomes
from bot.handbook.tables import Handbook
from bot.storage.clock import FigureDay, LadderFiring, LateFact, TicketClock, TicketOutcome
from bot.storage.engine import open_engine
from bot.storage.tickets import Ticket, TicketEntry

CHUNK = 10_000
# Starting a process costs as much as replaying some thousand tickets.
SMALLEST_PART = 5_000
_CLOCK_COLUMNS = tuple(ClockIndex.__dataclass_fields__)
_OUTCOME_COLUMNS = Outcome._fields
MOST_SHOWN = 1_000
# A day that late facts have reached is reckoned anew by the next round, and is no difference before.
_RECKONED = FigureDay.day.not_in(select(LateFact.day))


@dataclass
class Replayed:
    """Count what was replayed and hold each difference: ticket, what, stored, replayed."""

    tickets: int = 0
    events: int = 0
    figures: int = 0
    differences: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    def differ(self, ticket: str, what: str, stored: Any, replayed: Any) -> None:
        """Note a difference."""
        if len(self.differences) < MOST_SHOWN:
            self.differences.append((ticket, what, stored, replayed))


class _Groups:
    """Hand out the rows of one table that belong to a ticket, in step with rising ticket ids."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._next: tuple[int, list[Any]] | None = self._read()

    def _read(self) -> tuple[int, list[Any]] | None:
        for key, rows in self._groups:
            return key, list(rows)
        return None

    def of(self, ticket_id: int) -> list[Any]:
        """Return the rows of the ticket."""
        while self._next is not None and self._next[0] < ticket_id:
            self._next = self._read()
        if self._next is None or self._next[0] != ticket_id:
            return []
        rows = self._next[1]
        self._next = self._read()
        return rows


def replay_all(
    engine: Engine, handbook: Handbook, *, now: datetime, workers: int = 1
) -> Replayed:
    """Replay every ticket and every stored day; compare with what is stored.

    Several workers take a part of the tickets each, in processes of their own.
    """
    with engine.execution_options(intake_read_only=True).connect() as connection:
        days = frozenset(connection.execute(select(FigureDay.day).where(_RECKONED).distinct()).scalars())
        most = connection.execute(select(func.max(Ticket.id))).scalar_one() or 0
    parts = _parts(most, workers)
    if len(parts) == 1:
        results = [replay_part(engine, handbook, parts[0], days, now)]
    else:
        url = engine.url.render_as_string(hide_password=False)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            jobs = [pool.submit(_replay_url, url, handbook, part, days, now) for part in parts]
            results = [job.result() for job in jobs]
    done = Replayed()
    tallies: dict[str, Tally] = {}
    for part, by_day in results:
        done.tickets += part.tickets
        done.events += part.events
        done.differences += part.differences
        for day, tally in by_day.items():
            tallies.setdefault(day, Tally(durable_days=tally.durable_days)).merge(tally)
    with engine.execution_options(intake_read_only=True).connect() as connection:
        _check_days(connection, days, tallies, done)
    return done


def _parts(most: int, workers: int) -> list[tuple[int, int]]:
    """Cut the ticket ids into spans, one for each worker; few tickets are one span."""
    count = max(min(workers, most // SMALLEST_PART), 1)
    size = -(-most // count)
    return [(n * size, min((n + 1) * size, most)) for n in range(count)]


def _replay_url(
    url: str, handbook: Handbook, part: tuple[int, int], days: frozenset[str], now: datetime
) -> tuple[Replayed, dict[str, Tally]]:
    engine = open_engine(url)
    try:
        return replay_part(engine, handbook, part, days, now)
    finally:
        engine.dispose()


def replay_part(
    engine: Engine, handbook: Handbook, part: tuple[int, int], days: frozenset[str], now: datetime
) -> tuple[Replayed, dict[str, Tally]]:
    """Replay the tickets of a span of ids (the first excluded, the last included)."""
    done = Replayed()
    by_day: dict[str, Tally] = {}
    durable = handbook.clock.closure.durable_days
    names = ("id", "number", *TICKET_COLUMNS)
    query = select(*(getattr(Ticket, name) for name in names)).order_by(Ticket.id)
    with engine.execution_options(intake_read_only=True).connect() as connection:
        streams = _streams(connection, part)
        for row in _stream(connection, query.where(*_within(Ticket.id, part))):
            stored = dict(zip(names, row, strict=True))
            outcomes = _check_ticket(handbook, stored, streams, now, done)
            for outcome in outcomes if days else ():
                day = day_of(outcome.at)
                if day in days:
                    by_day.setdefault(day, Tally(durable_days=durable)).add(outcome)
    return done, by_day


def _within(column: Any, part: tuple[int, int]) -> tuple[Any, Any]:
    return column > part[0], column <= part[1]


def _stream(connection: Connection, query: Any) -> Iterator[Any]:
    return iter(
        connection.execution_options(stream_results=True, max_row_buffer=CHUNK).execute(query)
    )


def _streams(connection: Connection, part: tuple[int, int]) -> dict[str, _Groups]:
    entry, clock, fired, outcome = TicketEntry, TicketClock, LadderFiring, TicketOutcome
    queries = {
        "entries": select(entry.ticket_id, *EVENT_COLUMNS).order_by(entry.ticket_id, entry.seq),
        "clocks": select(
            clock.ticket_id, clock.clock, *(getattr(clock, name) for name in _CLOCK_COLUMNS)
        ).order_by(clock.ticket_id),
        "fired": select(fired.ticket_id, fired.clock, fired.step).order_by(fired.ticket_id),
        "outcomes": select(
            outcome.ticket_id, *(getattr(outcome, name) for name in _OUTCOME_COLUMNS)
        ).order_by(outcome.ticket_id, outcome.place),
    }
    owners = {
        "entries": entry.ticket_id, "clocks": clock.ticket_id, "fired": fired.ticket_id,
        "outcomes": outcome.ticket_id,
    }
    return {
        name: _Groups(_stream(connection, query.where(*_within(owners[name], part))))
        for name, query in queries.items()
    }


def _check_ticket(
    handbook: Handbook, stored: dict[str, Any], streams: dict[str, _Groups], now: datetime,
    done: Replayed,
) -> Sequence[Outcome]:
    ticket_id, number = stored["id"], stored["number"]
    events = [event_of(*row[1:]) for row in streams["entries"].of(ticket_id)]
    clocks = {row[1]: ClockIndex(*row[2:]) for row in streams["clocks"].of(ticket_id)}
    fired: dict[str, set[str]] = {}
    for _, clock, step in streams["fired"].of(ticket_id):
        fired.setdefault(clock, set()).add(step)
    facts = [Outcome(*row[1:]) for row in streams["outcomes"].of(ticket_id)]
    # What the sweep has still to fire is not stored yet, and is no difference.
    moment = min([now + INSTANT, *(each.next_fire_at for each in clocks.values() if each.next_fire_at)])
    last = max((event.at for event in events), default=moment)
    standing, outcomes = replay_outcomes(events, handbook.clock.calendars, max(moment, last))
    done.tickets += 1
    done.events += len(events)
    if not standing.clocks:
        done.differ(number, "log", stored["state"], "no acceptance")
        return outcomes
    for column, value in ticket_values(standing).items():
        if stored[column] != value:
            done.differ(number, column, stored[column], value)
    expected = clock_values(standing, handbook, fired)
    for name in sorted(expected.keys() | clocks.keys()):
        if clocks.get(name) != expected.get(name):
            done.differ(number, f"clock {name}", clocks.get(name), expected.get(name))
    if facts != outcomes:
        done.differ(number, "outcomes", facts, outcomes)
    return outcomes


def _check_days(
    connection: Connection, days: frozenset[str], tallies: Mapping[str, Tally], done: Replayed
) -> None:
    row = FigureDay
    stored: dict[str, dict[tuple[str, str, str], tuple[int, int, float | None]]] = {}
    for day, name, by, group, top, bottom, value in connection.execute(
        select(
            row.day, row.name, row.by, row.group, row.numerator, row.denominator, row.value
        ).where(_RECKONED)
    ):
        stored.setdefault(day, {})[name, by, group] = (top, bottom, value)
    for day, found in stored.items():
        if day not in days:
            continue  # closed meanwhile
        expected = {
            (each.name, each.by, each.group): (each.numerator, each.denominator, each.value)
            for each in (tallies[day].figures() if day in tallies else ())
        }
        done.figures += len(found)
        for key in sorted(found.keys() | expected.keys()):
            if found.get(key) != expected.get(key):
                done.differ(day, " ".join(key), found.get(key), expected.get(key))
