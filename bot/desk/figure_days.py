"""Chapters 1.3 and 5.1: the figures of each day as they are stored (逐日指标): closed, corrected, shown.

A day is closed when it is over and everything due in it has been swept. What reaches it later
is noted as a late fact (`bot.desk.ticket_log`); the next round reckons the day anew, and the
audit log keeps what was stored before.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.desk.apart import apart
from bot.desk.audit import audit_page, record_audit
from bot.desk.figures import day_bounds, outcomes_between
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.figures import TITLES, Figure, figures
from bot.handbook.tables import Handbook
from bot.storage.clock import FigureDay, LateFact, TicketClock, TicketOutcome
from bot.storage.locks import lock_name
from bot.storage.tickets import Ticket

log = structlog.get_logger()
CORRECTED = "figures_corrected"


def daily_shares(
    session: Session, *, name: str, first: date, last: date, teams: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Return a share of each stored day, of some teams only if given."""
    row = FigureDay
    top, bottom = func.sum(row.numerator), func.sum(row.denominator)
    query = (
        select(row.day, top, bottom)
        .where(row.name == name, row.day >= first.isoformat(), row.day <= last.isoformat())
        .group_by(row.day)
        .order_by(row.day)
    )
    if teams is None:
        query = query.where(row.by == "all")
    else:
        query = query.where(row.by == "team", row.group.in_(teams))
    return [
        {"day": day, "numerator": top, "denominator": bottom, "value": top / bottom if bottom else None}
        for day, top, bottom in session.execute(query)
    ]


def close_day(session: Session, handbook: Handbook, day: date, *, now: datetime) -> list[FigureDay]:
    """Store the figures of a day that is over; a second time changes nothing."""
    start, end = day_bounds(day)
    if end > now:
        return []
    name = day.isoformat()
    if session.execute(select(FigureDay.id).where(FigureDay.day == name).limit(1)).first():
        return []
    found = figures(
        outcomes_between(session, start, end), durable_days=handbook.clock.closure.durable_days
    )
    rows = [stored_figure(each, name, now) for each in found]
    session.add_all(rows)
    session.flush()
    return rows


def close_days(session: Session, handbook: Handbook, *, now: datetime) -> int:
    """Store every day that is over, has facts and is not stored yet, up to one not wholly swept.

    A deadline that passed counts only when the sweep has seen it; a day with such a step is not
    over, nor is any day after it. Days that are stored are reckoned anew where facts came late.
    """
    lock_name(session, "figures_closed")
    correct_days(session, handbook, now=now)
    count, after = 0, None
    while (day := _next_day(session, after, now=now)) is not None:
        after = day_bounds(day)[1]
        if unswept := _unswept(session, after):
            log.warning("figures.day_left_open", day=day.isoformat(), unswept=unswept)
            break
        count += bool(close_day(session, handbook, day, now=now))
    return count


def _next_day(session: Session, after: datetime | None, *, now: datetime) -> date | None:
    """Return the first day with facts that is over, from `after` or the last stored day on."""
    last = session.execute(select(func.max(FigureDay.day))).scalar_one()
    if after is None and last is not None:
        after = day_bounds(date.fromisoformat(last))[1]
    query = select(TicketOutcome.at).order_by(TicketOutcome.at).limit(1)
    if after is not None:
        query = query.where(TicketOutcome.at >= after)
    first = session.execute(query).scalar_one_or_none()
    day = first.astimezone(SHANGHAI).date() if first is not None else None
    return day if day is not None and day_bounds(day)[1] <= now else None


def day_left_open(session: Session, *, now: datetime) -> dict[str, Any] | None:
    """Return the first day that is over and cannot be stored, and how many clocks are not swept."""
    day = _next_day(session, None, now=now)
    unswept = _unswept(session, day_bounds(day)[1]) if day is not None else 0
    return {"day": day, "unswept": unswept} if day is not None and unswept else None


def _unswept(session: Session, end: datetime) -> int:
    """Return how many clocks have a step that fell due before `end` and has not fired."""
    query = select(func.count()).where(TicketClock.next_fire_at < end)
    return int(session.execute(query).scalar_one())


def correct_days(session: Session, handbook: Handbook, *, now: datetime) -> list[str]:
    """Reckon the closed days anew that late facts have reached; return those that changed (1.3).

    The last closed day is looked at anyway: while it was closed, a fact of it may have been on
    its way that could not know. What was and what is goes into the audit log.
    """
    late: dict[str, list[LateFact]] = {}
    last = session.execute(select(func.max(FigureDay.day))).scalar_one()
    if last is not None:
        late[last] = []
    for fact in session.execute(select(LateFact)).scalars().all():
        late.setdefault(fact.day, []).append(fact)
    changed = []
    for day, facts in sorted(late.items()):
        with apart(session, "correct_days", day=day):
            if _correct_day(session, handbook, day, facts, now=now):
                changed.append(day)
    return changed


def _correct_day(
    session: Session, handbook: Handbook, day: str, facts: list[LateFact], *, now: datetime
) -> bool:
    ids = {fact.ticket_id for fact in facts if fact.ticket_id is not None}
    for fact in facts:
        session.delete(fact)
    changes = _reckon_anew(session, handbook, day, now=now)
    if not changes:
        return False
    numbers = select(Ticket.number).where(Ticket.id.in_(ids)).order_by(Ticket.id)
    tickets = session.execute(numbers).scalars().all()
    record_audit(
        session, action=CORRECTED, subject=f"day:{day}", now=now, staff_name="system",
        data={"day": day, "tickets": tickets, "changes": changes},
    )
    log.warning("figures.day_corrected", day=day, changes=len(changes))
    return True


def _reckon_anew(
    session: Session, handbook: Handbook, day: str, *, now: datetime
) -> list[dict[str, Any]]:
    start, end = day_bounds(date.fromisoformat(day))
    durable = handbook.clock.closure.durable_days
    stored = {
        (row.name, row.by, row.group): row
        for row in session.execute(select(FigureDay).where(FigureDay.day == day)).scalars()
    }
    found = {
        (each.name, each.by, each.group): stored_figure(each, day, now)
        for each in figures(outcomes_between(session, start, end), durable_days=durable)
    }
    changes = []
    for key in sorted(stored.keys() | found.keys()):
        was, new = stored.get(key), found.get(key)
        if _values(was) == _values(new):
            continue
        name, by, group = key
        changes.append(
            {"name": name, "by": by, "group": group, "was": _values(was), "now": _values(new)}
        )
        if was is not None:
            session.delete(was)
            session.flush()
        if new is not None:
            session.add(new)
    session.flush()
    return changes


def _values(row: FigureDay | None) -> list[Any] | None:
    return None if row is None else [row.numerator, row.denominator, row.value]


def corrections(
    session: Session, *, teams: Collection[str] | None = None, most: int = 20
) -> list[dict[str, Any]]:
    """Return the closed days that late facts changed, newest first: for all, or for some teams."""
    found = []
    for entry in audit_page(session, action=CORRECTED, most=most):
        changes = [
            {**each, "title": TITLES[each["name"]][0]}
            for each in entry.data["changes"]
            if (each["by"] == "all" if teams is None else each["by"] == "team" and each["group"] in teams)
        ]
        if changes:
            found.append({"at": entry.at, "day": entry.data["day"], "changes": changes})
    return found


def stored_figure(figure: Figure, day: str, now: datetime) -> FigureDay:
    """Make the row of one figure."""
    return FigureDay(
        day=day, name=figure.name, by=figure.by, group=figure.group, numerator=figure.numerator,
        denominator=figure.denominator, value=figure.value, computed_at=now,
    )
