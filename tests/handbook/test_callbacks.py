"""Chapter 3.4: the times at which a customer can be called have a day, lie ahead, and suffice."""

from __future__ import annotations

import pytest

from bot.handbook.callbacks import callback_times
from tests.moments import at, wall

PERIODS = [(9 * 60, 12 * 60), (14 * 60, 18 * 60), (18 * 60, 20 * 60)]
CASES = [
    ("at night the next day is offered", "2026-03-02 23:30", "2026-03-03 23:30",
     ["3月3日（周二）09:00到12:00", "3月3日（周二）14:00到18:00", "3月3日（周二）18:00到20:00"]),
    ("what has begun is over", "2026-03-02 15:00", "2026-03-03 15:00",
     ["3月2日（周一）18:00到20:00", "3月3日（周二）09:00到12:00"]),
    ("nothing is offered after the answer is due", "2026-03-02 09:00", "2026-03-02 13:00",
     ["3月2日（周一）09:00到12:00"]),
    ("an urgent matter waits for no chosen time", "2026-03-02 09:00", "2026-03-02 10:00", []),
    ("three are enough", "2026-03-02 23:30", "2026-03-09 23:30",
     ["3月3日（周二）09:00到12:00", "3月3日（周二）14:00到18:00", "3月3日（周二）18:00到20:00"]),
]  # fmt: skip


@pytest.mark.parametrize(("now", "until", "titles"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_times_offered(now: str, until: str, titles: list[str]) -> None:
    found = callback_times(PERIODS, now=at(now), until=at(until))

    assert [each.title for each in found] == titles


def test_a_promise_runs_to_the_end_of_the_time() -> None:
    [first] = callback_times([(9 * 60, 24 * 60)], now=at("2026-03-02 08:00"), until=at("2026-03-03 01:00"))

    assert (wall(first.start), wall(first.end)) == ("2026-03-02 09:00", "2026-03-03 00:00")


def test_no_hours_give_no_times() -> None:
    assert callback_times([], now=at("2026-03-02 08:00"), until=at("2026-03-09 01:00")) == []
