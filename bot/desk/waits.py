"""Chapter 4.3: the expected wait (预计等待), from how fast people were taken lately."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.desk.presence import somebody_is_there
from bot.handbook.reception import Reception
from bot.storage.staff import StaffEvent

FEWEST_MEASURED = 3


@dataclass(frozen=True)
class Wait:
    """Say what is known of a wait: the place, the minutes if measured, whether anybody is there."""

    position: int
    minutes: int | None
    there: bool

    def words(self, reception: Reception, *, still: bool = False) -> str | None:
        """Return what is said instead of minutes; None when there are minutes to tell."""
        if self.there and self.minutes is not None:
            return None
        name = f"{'still' if still else 'waiting'}_{'unmeasured' if self.there else 'nobody'}"
        minutes = f"{reception.give_up_after.total_seconds() / 60:g}"
        return reception.words[name].format(position=self.position, minutes=minutes)


def expected_wait(
    session: Session, reception: Reception, team: str | None, position: int, *, now: datetime
) -> Wait:
    """Return what can be said of the wait: minutes only where they are measured and somebody is there."""
    there = somebody_is_there(session, reception, team, now=now)
    pace = measured_pace(session, team, now=now, over=reception.measured_over) if there else None
    return Wait(position, minutes_at(position, pace), there)


def minutes_at(position: int, pace: float | None) -> int | None:
    """Return the minutes at a place when each place lasts `pace` seconds; None is unmeasured."""
    return None if pace is None else max(1, math.ceil(position * pace / 60))


def measured_pace(
    session: Session, team: str | None, *, now: datetime, over: timedelta
) -> float | None:
    """Return how many seconds one place of the team's queue lasts; None when too little is known.

    The gaps between takings while others waited say how long one place lasts; with fewer than
    three of them nothing is known.
    """
    rows = session.execute(
        select(StaffEvent.at, StaffEvent.data)
        .where(StaffEvent.kind == "claimed", StaffEvent.team == team, StaffEvent.at >= now - over)
        .order_by(StaffEvent.id.desc())
        .limit(40)
    ).all()
    taken = sorted(
        (at, float(data["waited_s"])) for at, data in rows if data.get("waited_s") is not None
    )
    if len(taken) < FEWEST_MEASURED:
        return None
    gaps = [
        (at - before).total_seconds()
        for (before, _), (at, waited) in itertools.pairwise(taken)
        if waited >= (at - before).total_seconds()
    ]
    waits = sorted(waited for _, waited in taken)
    # Nobody queued behind anybody: the wait is what it takes to notice and accept.
    return sum(gaps) / len(gaps) if gaps else waits[len(waits) // 2]
