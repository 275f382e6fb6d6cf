"""Chapter 2.4: kept calendars (日历留存): a ticket is reckoned by the hours it was opened under.

The database keeps each version of a calendar that a class has run by. The table may then go on to
a higher version; one that changes under its old version is refused, since it would move the due
times of open tickets, which customers were told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import inspect, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from bot.handbook.errors import DeskError
from bot.handbook.hours import Calendar, calendar_of, read_content
from bot.handbook.tables import Handbook
from bot.storage.clock import KeptCalendar
from bot.storage.locks import lock_name

FILE = "data/handbook/hours.yml"
MOST_NAMED = 5


class ChangedCalendar(DeskError):
    """Say that a calendar differs from what tickets were opened under, and what to do."""

    def __init__(self, message: str, **data: object) -> None:
        super().__init__("changed_calendar", message, **data)


def keep_calendars(session: Session, handbook: Handbook, *, now: datetime) -> Handbook:
    """Keep the calendars in use; return the handbook with all that tickets were opened under.

    Raise `ChangedCalendar` when the table gives a kept version other hours.
    """
    lock_name(session, "kept_calendars")
    known = with_kept(session, handbook)
    stored = set(session.execute(select(KeptCalendar.key)).scalars())
    for each in handbook.classes.values():
        calendar = calendar_of(handbook.clock.calendars, each.hours)
        if calendar.key not in stored:
            stored.add(calendar.key)
            session.add(
                KeptCalendar(
                    key=calendar.key, title=calendar.title, content=calendar.content(), since=now
                )
            )
    session.flush()
    return known


def with_kept(session: Session, handbook: Handbook) -> Handbook:
    """Return the handbook with the kept calendars beside its own, which new tickets get."""
    calendars = dict(handbook.clock.calendars)
    for row in session.execute(select(KeptCalendar).order_by(KeptCalendar.key)).scalars():
        id_, version = row.key.rsplit("@", 1)
        kept = replace(read_content(id_, int(version), row.content), title=row.title, kept=True)
        if row.key not in calendars:
            calendars[row.key] = kept
        elif calendars[row.key].content() != row.content:
            raise _changed(handbook, calendars[row.key], kept)
    return replace(handbook, clock=replace(handbook.clock, calendars=calendars))


def check_kept(engine: Engine, handbook: Handbook) -> int:
    """Compare the table with a database, which need not be there yet; return how many it keeps."""
    if not inspect(engine).has_table(KeptCalendar.__tablename__):
        return 0
    with Session(engine.execution_options(intake_read_only=True), future=True) as session:
        with_kept(session, handbook)
        return len(session.execute(select(KeptCalendar.key)).all())


def _changed(handbook: Handbook, calendar: Calendar, kept: Calendar) -> ChangedCalendar:
    newest = max(each.version for each in handbook.clock.calendars.values() if each.id == calendar.id)
    days = _days_that_differ(calendar.days, kept.days)
    more = " and others" if len(days) > MOST_NAMED else ""
    where = f" on {', '.join(map(str, days[:MOST_NAMED]))}{more}" if days else ""
    return ChangedCalendar(
        f"{FILE}: calendar {calendar.id} changed{where} under version {calendar.version}, which"
        f" tickets were opened under; set `version: {newest + 1}` on this calendar for new tickets"
        f" (open ones keep version {calendar.version}), or take the change back",
        file=FILE, calendar=calendar.id, version=calendar.version,
    )


def _days_that_differ(one: Mapping[date, object], two: Mapping[date, object]) -> list[date]:
    return sorted(day for day in one.keys() | two.keys() if one.get(day) != two.get(day))
