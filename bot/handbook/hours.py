"""Chapter 2.4: service hours (服务日历): in which hours a deadline runs.

The handbook gives clock time, so every class runs at all hours unless an operator sets a
calendar with working periods, public holidays and working days moved to a weekend (调休).
Figures: `data/handbook/hours.yml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from bot.handbook.deadlines import SHANGHAI

Period = tuple[int, int]
DAY = timedelta(days=1)
# No class may ever reach this far; a calendar without hours is refused when it is loaded.
LONGEST_SEARCH = 3_660


@dataclass(frozen=True)
class Calendar:
    """Hold the working periods of a week in minutes of the day, and days that differ."""

    id: str
    title: str
    version: int = 1
    always: bool = False
    week: Mapping[int, tuple[Period, ...]] = field(default_factory=dict)
    days: Mapping[date, tuple[Period, ...]] = field(default_factory=dict)
    # Of a version that has left the table: old tickets run by it, new ones never.
    kept: bool = False

    @property
    def key(self) -> str:
        """Return the name under which a ticket keeps the calendar it was opened under."""
        return f"{self.id}@{self.version}"

    def content(self) -> dict[str, Any]:
        """Return all that decides when the clock runs, as plain data in one order."""
        return {
            "always": self.always,
            "week": {str(day): [list(each) for each in self.week[day]] for day in sorted(self.week)},
            "days": {
                day.isoformat(): [list(each) for each in self.days[day]] for day in sorted(self.days)
            },
        }

    def periods_on(self, day: date) -> tuple[Period, ...]:
        """Return the working periods of one day."""
        if self.always:
            return ((0, 24 * 60),)
        return self.days.get(day, self.week.get(day.weekday(), ()))

    def is_open(self, moment: datetime) -> bool:
        """Tell whether the clock runs at that instant."""
        return self.always or any(a <= moment < b for a, b in self._spans(moment, days=1))

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Return the time that runs from `start` to `end`; zero when `end` is not later."""
        if end <= start:
            return timedelta(0)
        if self.always:
            return end - start
        total = timedelta(0)
        for opens, closes in self._spans(start):
            if opens >= end:
                break
            total += max(min(closes, end) - max(opens, start), timedelta(0))
        return total

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """Return the instant at which `amount` has run since `start`."""
        if self.always or amount <= timedelta(0):
            return start + max(amount, timedelta(0))
        left = amount
        for opens, closes in self._spans(start):
            runs = closes - max(opens, start)
            if runs <= timedelta(0):
                continue
            if runs >= left:
                return max(opens, start) + left
            left -= runs
        raise ValueError(f"calendar {self.key} has no hours in {LONGEST_SEARCH} days")

    def _spans(self, start: datetime, days: int = LONGEST_SEARCH) -> Iterator[tuple[datetime, datetime]]:
        first = start.astimezone(SHANGHAI).date()
        for number in range(days):
            day = first + number * DAY
            midnight = datetime.combine(day, time(), SHANGHAI).astimezone(timezone.utc)
            for opens, closes in self.periods_on(day):
                yield midnight + timedelta(minutes=opens), midnight + timedelta(minutes=closes)


ALWAYS = Calendar("always", "全天候", always=True)


def read_content(id_: str, version: int, content: Mapping[str, Any]) -> Calendar:
    """Return the calendar of such plain data, under its id instead of a title."""
    week, days = content["week"].items(), content["days"].items()
    return Calendar(
        id_, id_, version, always=content["always"],
        week={int(day): _read_periods(periods) for day, periods in week},
        days={date.fromisoformat(day): _read_periods(periods) for day, periods in days},
    )


def _read_periods(periods: Iterable[Sequence[int]]) -> tuple[Period, ...]:
    return tuple((opens, closes) for opens, closes in periods)


def read_period(text: str) -> Period | None:
    """Read `08:30-12:00` into minutes of the day; None when it is not of that form."""
    match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    if not match:
        return None
    a, b, c, d = map(int, match.groups())
    opens, closes = a * 60 + b, c * 60 + d
    return (opens, closes) if 0 <= opens < closes <= 24 * 60 and b < 60 and d < 60 else None


def is_within(period: Period, moment: datetime) -> bool:
    """Tell whether an instant lies in a daily period, which may pass midnight (22:00-07:30)."""
    local = moment.astimezone(SHANGHAI)
    minute = local.hour * 60 + local.minute
    opens, closes = period
    return opens <= minute < closes if opens <= closes else minute >= opens or minute < closes


def end_of(period: Period, moment: datetime) -> datetime:
    """Return when the daily period that holds `moment` ends."""
    local = moment.astimezone(SHANGHAI)
    hour, minute = divmod(period[1], 60)
    end = datetime.combine(local.date(), time(hour % 24, minute), SHANGHAI)
    return (end if end > local else end + DAY).astimezone(timezone.utc)


def calendar_of(calendars: Mapping[str, Calendar], name: str) -> Calendar:
    """Return a calendar by key (`office@2`) or the newest version of a plain name in the table."""
    if name in calendars:
        return calendars[name]
    versions = [each for each in calendars.values() if each.id == name and not each.kept]
    if not versions:
        raise KeyError(name)
    return max(versions, key=lambda each: each.version)
