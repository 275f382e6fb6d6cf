"""Chapter 2.4: deadline classes (时限等级) and the due times they give.

Figures: `data/handbook/deadlines.yml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.handbook.requests import RequestKind, Urgency

SHANGHAI = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True)
class DeadlineClass:
    """Hold the response and resolution targets of one class, in hours of its calendar."""

    id: str
    title: str
    response_h: float
    resolution_h: float
    hours: str
    basis: str

    @property
    def response_for(self) -> timedelta:
        """Return the time allowed for the first response."""
        return timedelta(hours=self.response_h)

    @property
    def resolution_for(self) -> timedelta:
        """Return the time allowed for the resolution."""
        return timedelta(hours=self.resolution_h)


@dataclass(frozen=True)
class ClassChoice:
    """Map an urgency and some kinds to a class; `kinds` None means every kind."""

    urgency: Urgency
    kinds: frozenset[RequestKind] | None
    deadline_class: str

    def fits(self, *, kind: RequestKind, urgency: Urgency) -> bool:
        """Tell whether this line of the table covers the request."""
        return urgency is self.urgency and (self.kinds is None or kind in self.kinds)


def shown_time(moment: datetime, *, now: datetime) -> str:
    """Write an instant as customers read it in Shanghai: 11月26日（周四）14:30.

    The year is named only when it is not the present one.
    """
    local = moment.astimezone(SHANGHAI)
    weekday = "一二三四五六日"[local.weekday()]
    year = f"{local.year}年" if local.year != now.astimezone(SHANGHAI).year else ""
    return f"{year}{local.month}月{local.day}日（周{weekday}）{local:%H:%M}"
