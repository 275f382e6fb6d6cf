"""Chapter 2.5: instants as customers read them, on Shanghai's clock."""

from __future__ import annotations

import pytest

from bot.handbook.deadlines import shown_time
from tests.moments import at


@pytest.mark.parametrize(
    ("moment", "now", "shown"),
    [
        ("2026-11-26 14:30", "2026-11-26 09:00", "11月26日（周四）14:30"),
        ("2026-11-26 00:00", "2026-11-25 23:59", "11月26日（周四）00:00"),
        ("2026-11-24 08:05", "2026-11-25 09:00", "11月24日（周二）08:05"),
        ("2027-01-01 07:00", "2026-12-31 07:00", "2027年1月1日（周五）07:00"),
    ],
)
def test_a_time_names_day_weekday_and_clock(moment: str, now: str, shown: str) -> None:
    assert shown_time(at(moment), now=at(now)) == shown
