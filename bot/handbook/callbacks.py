"""Chapter 3.4: when a customer can be called back (回电时间): dated times out of the table's hours.

Figures: `callback_times` in `data/handbook/reception.yml`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from bot.handbook.deadlines import SHANGHAI, shown_time
from bot.handbook.hours import DAY, Period

MOST = 3


@dataclass(frozen=True)
class CallbackTime:
    """Hold one stretch of a day in which a customer may be called, and how it is shown."""

    start: datetime
    end: datetime
    title: str


def callback_times(
    periods: Iterable[Period], *, now: datetime, until: datetime, most: int = MOST
) -> list[CallbackTime]:
    """Return the next times that lie ahead and end by `until`, when the answer is due anyway."""
    day = now.astimezone(SHANGHAI).date()
    found: list[CallbackTime] = []
    in_order = sorted(periods)
    while in_order and len(found) < most and _at(day, 0) < until:
        for opens, closes in in_order:
            start, end = _at(day, opens), _at(day, closes)
            if now <= start and end <= until:
                title = f"{shown_time(start, now=now)}到{end.astimezone(SHANGHAI):%H:%M}"
                found.append(CallbackTime(start, end, title))
        day += DAY
    return found[:most]


def _at(day: date, minutes: int) -> datetime:
    opens = datetime.combine(day, time.min, SHANGHAI) + timedelta(minutes=minutes)
    return opens.astimezone(timezone.utc)
