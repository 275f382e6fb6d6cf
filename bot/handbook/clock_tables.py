"""Chapter 8.3: the tables of the clock (时限相关手册表): hours, escalation, closure, emergency."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

from bot.handbook.closure import Closure, Reminder, SurveyRule
from bot.handbook.emergency import AREA_LEVELS, Emergency, Threshold
from bot.handbook.escalation import (
    ROLES,
    SENDERS,
    DeadLetters,
    Escalation,
    Ladder,
    LadderStep,
    Retry,
)
from bot.handbook.hours import Calendar, Period, calendar_of, read_period
from bot.handbook.table_rows import Row, read_table

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TWO_PERIODS = 'a list of periods in order such as ["08:30-12:00", "14:00-18:00"]'


@dataclass(frozen=True)
class ClockTables:
    """Hold calendars, warning ladders, the closed loop and the outage mode."""

    calendars: Mapping[str, Calendar]
    escalation: Escalation
    closure: Closure
    emergency: Emergency
    versions: Mapping[str, int]


def load_clock_tables(
    directory: Path, *, classes: Collection[str], types: Collection[str], kinds: Collection[str]
) -> ClockTables:
    """Read the four tables; raise `TableError` on the first wrong entry."""
    calendars, hours_version = _hours(directory / "hours.yml")
    escalation, escalation_version = _escalation(directory / "escalation.yml", classes)
    closure, closure_version = _closure(directory / "closure.yml", classes, kinds)
    emergency, emergency_version = _emergency(directory / "emergency.yml", types)
    versions = {
        "hours": hours_version, "escalation": escalation_version, "closure": closure_version,
        "emergency": emergency_version,
    }
    return ClockTables(calendars, escalation, closure, emergency, versions)


def knows_calendar(calendars: Mapping[str, Calendar], name: str) -> bool:
    """Tell whether a class may name this calendar."""
    try:
        calendar_of(calendars, name)
    except KeyError:
        return False
    return True


def _sub(row: Row, key: str) -> Row:
    return Row(row.file, row.take(key, dict, "a mapping of keys to values"), row.line_of(key))


def _period(row: Row, key: str) -> Period:
    period = read_period(row.text(key))
    if period is None:
        raise row.fail(key, "a period such as 08:30-21:00")
    return period


def _hours(path: Path) -> tuple[dict[str, Calendar], int]:
    table, head = read_table(path)
    holidays = _holidays(table)
    calendars: dict[str, Calendar] = {}
    for row in table.rows("calendars"):
        calendar = _calendar(row, holidays)
        if calendar.key in calendars:
            raise row.fail("version", f"a new version, but {calendar.key} stands above")
        calendars[calendar.key] = calendar
        row.end()
    table.end()
    return calendars, head.version


def _holidays(table: Row) -> dict[date, bool]:
    """Return for each day of the notices whether it is worked."""
    days: dict[date, bool] = {}
    for row in table.rows("holidays"):
        year = row.whole("year", least=2000)
        for key, worked in (("off", False), ("working", True)):
            for day in row.take(key, list, "a list of dates"):
                if not isinstance(day, date) or day.year != year:
                    raise row.fail(key, f"dates of {year}, got {day!r}")
                if worked and day.weekday() < 5:
                    raise row.fail(key, f"weekend days, got {day}")
                if day in days:
                    raise row.fail(key, f"each day once, got {day} twice")
                days[day] = worked
        row.end()
    return days


def _calendar(row: Row, holidays: Mapping[date, bool]) -> Calendar:
    id, title, version = row.text("id"), row.text("title"), row.whole("version", least=1)
    if row.take("always", bool, "true or false", False):
        return Calendar(id, title, version, always=True)
    week_row = _sub(row, "week")
    week = {number: _periods(week_row, name) for number, name in enumerate(WEEKDAYS)}
    week_row.end()
    if not any(week.values()):
        raise row.fail("week", "at least one working period")
    days: dict[date, tuple[Period, ...]] = {}
    if row.take("holidays", bool, "true or false", False):
        ordinary = next(periods for periods in week.values() if periods)
        days = {day: ordinary if worked else () for day, worked in holidays.items()}
    return Calendar(id, title, version, week=week, days=days)


def _periods(row: Row, key: str) -> tuple[Period, ...]:
    periods = [read_period(text) for text in row.texts(key)]
    if any(each is None for each in periods):
        raise row.fail(key, _TWO_PERIODS)
    found = [each for each in periods if each is not None]
    if any(after[0] < before[1] for before, after in pairwise(found)):
        raise row.fail(key, _TWO_PERIODS)
    return tuple(found)


def _escalation(path: Path, classes: Collection[str]) -> tuple[Escalation, int]:
    table, head = read_table(path)
    quiet, retry, dead = (_sub(table, name) for name in ("quiet", "retry", "dead_letters"))
    period = tuple(_minute(quiet, key) for key in ("from", "to"))
    escalation = Escalation(
        at_risk=table.number("at_risk_percent", least=1) / 100,
        rungs=tuple(table.texts("rungs", least=2)),
        quiet=(period[0], period[1]),
        digest=timedelta(minutes=table.number("digest_minutes", least=1)),
        retry=Retry(
            first=timedelta(seconds=retry.number("first_s", least=0.1)),
            factor=retry.number("factor", least=1),
            ceiling=timedelta(seconds=retry.number("ceiling_s", least=1)),
            most=retry.whole("most", least=1),
            lease=timedelta(seconds=retry.number("lease_s", least=1)),
        ),
        dead_letters=DeadLetters(
            # Only these see the outbox, in which a letter is sent again.
            tell=dead.one_of("tell", ["leader", "duty_manager"]),
            every=timedelta(minutes=dead.number("every_minutes", least=1)),
        ),
        ladders=tuple(_ladder(row, classes) for row in table.rows("ladders")),
    )
    for each in (quiet, retry, dead):
        each.end()
    covered = {ladder.deadline_class for ladder in escalation.ladders if ladder.clock is None}
    if missing := sorted(set(classes) - covered):
        raise table.fail("ladders", f"a ladder for the class {missing[0]}")
    table.end()
    return escalation, head.version


def _minute(row: Row, key: str) -> int:
    period = read_period(f"00:00-{row.text(key)}") if row.text(key) != "00:00" else (0, 0)
    if period is None:
        raise row.fail(key, "a time such as 22:00")
    return period[1]


def _ladder(row: Row, classes: Collection[str]) -> Ladder:
    steps = tuple(_ladder_step(each) for each in row.rows("steps"))
    shares = [step.at for step in steps]
    if shares != sorted(set(shares)) or 100 not in shares:
        raise row.fail("steps", "rising shares in percent that include 100")
    overdue, breach = _sub(row, "overdue"), _sub(row, "breach")
    delay = _sub(row, "delay") if "delay" in row.data else None
    response_h = delay.number("response_h", None, least=0.1) if delay else None
    if delay is not None and delay.whole("at", least=1) not in shares:
        raise delay.fail("at", "one of the steps of the ladder, before 100")
    ladder = Ladder(
        deadline_class=row.one_of("class", [*classes, "any"]),
        clock=row.one_of("clock", ["response", "resolution", "callback", "complaint"], None),
        steps=steps,
        overdue_every=timedelta(hours=overdue.number("every_h", least=0.1)),
        overdue=_told(overdue, at=100),
        climb=breach.take("climb", bool, "true or false"),
        release_holder=breach.take("release_holder", bool, "true or false"),
        quiet=row.take("quiet", bool, "true or false"),
        digest=row.take("digest", bool, "true or false"),
        delay_at=delay.whole("at", least=1) if delay else None,
        delay=timedelta(hours=delay.number("delay_h", least=0.1)) if delay else timedelta(0),
        response_delay=timedelta(hours=response_h) if response_h else None,
    )
    for each in (overdue, breach, delay, row):
        if each is not None:
            each.end()
    return ladder


def _ladder_step(row: Row) -> LadderStep:
    step = _told(row, at=row.whole("at", least=1))
    row.end()
    return step


def _told(row: Row, *, at: int) -> LadderStep:
    return LadderStep(
        at, tuple(row.texts("tell", allowed=ROLES, least=1)),
        tuple(row.texts("by", allowed=SENDERS, least=1)),
    )


def _closure(
    path: Path, classes: Collection[str], kinds: Collection[str]
) -> tuple[Closure, int]:
    table, head = read_table(path)
    rules = {}
    for row in table.rows("classes"):
        rules[row.one_of("class", classes)] = SurveyRule(
            deadline_class=row.text("class"),
            asks=row.whole("asks", least=1),
            every=timedelta(hours=row.number("every_h", least=0.1)),
            person=row.take("person", bool, "true or false"),
            person_within=timedelta(hours=row.number("person_h", least=0.1)),
            give_up=timedelta(hours=row.number("give_up_h", least=0.1)),
        )
        row.end()
    if missing := sorted(set(classes) - set(rules)):
        raise table.fail("classes", f"a line for the class {missing[0]}")
    late = _sub(table, "improvement_late")
    closure = Closure(
        survey_hours=_period(table, "survey_hours"),
        score_wait=timedelta(hours=table.number("score_wait_h", least=0.1)),
        low_score=table.whole("low_score", least=1),
        solved_score=table.whole("solved_score", least=1),
        improvement=timedelta(hours=table.number("improvement_h", least=0.1)),
        improvement_late=Reminder(
            every=timedelta(hours=late.number("every_h", least=1)),
            tell=tuple(late.texts("tell", allowed=("holder", "leader", "duty_manager"), least=1)),
            by=tuple(late.texts("by", allowed=SENDERS, least=1)),
        ),
        complaint_answer_h=table.number("complaint_answer_h", least=1),
        durable_days=table.whole("durable_days", least=1),
        sample_percent=table.number("sample_percent"),
        sample_least=table.whole("sample_least"),
        rules=rules,
        person_kinds=frozenset(table.texts("person_kinds", allowed=kinds)),
    )
    late.end()
    table.end()
    return closure, head.version


def _emergency(path: Path, types: Collection[str]) -> tuple[Emergency, int]:
    table, head = read_table(path)
    thresholds = []
    for row in table.rows("thresholds"):
        thresholds.append(
            Threshold(
                types=tuple(row.texts("types", allowed=types, least=1)),
                symptom=row.text("symptom"),
                least=row.whole("least", least=2),
                window=timedelta(minutes=row.number("minutes", least=1)),
                level=row.one_of("area", AREA_LEVELS),
            )
        )
        row.end()
    emergency = Emergency(tuple(thresholds))
    table.end()
    return emergency, head.version
