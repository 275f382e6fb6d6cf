"""Chapter 4.3: teams and their duty hours (团队、值班时间)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from bot.handbook.deadlines import SHANGHAI


@dataclass(frozen=True)
class Team:
    """Hold a team and the daily hours in which its people take conversations."""

    id: str
    title: str
    opens: int
    closes: int

    def is_on_duty(self, now: datetime) -> bool:
        """Tell whether the team takes conversations at `now`."""
        local = now.astimezone(SHANGHAI)
        return self.opens <= local.hour * 60 + local.minute < self.closes

    def next_opening(self, now: datetime) -> datetime:
        """Return `now` when on duty, else the next time the duty begins."""
        if self.is_on_duty(now):
            return now
        local = now.astimezone(SHANGHAI)
        opens = time(self.opens // 60, self.opens % 60)
        day = local.date()
        if local.hour * 60 + local.minute >= self.closes:
            day += timedelta(days=1)
        return datetime.combine(day, opens, SHANGHAI)


def duty_hours(text: str) -> tuple[int, int] | None:
    """Read `08:00-22:00` into minutes of the day; None when it is not of that form."""
    match = re.fullmatch(r"([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)", text, re.ASCII)
    if not match:
        return None
    a, b, c, d = map(int, match.groups())
    opens, closes = a * 60 + b, c * 60 + d
    return (opens, closes) if 0 <= opens < closes <= 24 * 60 else None
