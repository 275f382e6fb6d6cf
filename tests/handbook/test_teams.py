"""Chapter 4.3: duty hours of the teams."""

from __future__ import annotations

import pytest

from bot.handbook.tables import load_handbook
from bot.handbook.teams import Team, duty_hours
from tests.moments import at

CARE = Team("care", "客户关怀组", 8 * 60, 22 * 60)
ALWAYS = Team("network", "网络维护组", 0, 24 * 60)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("08:00-22:00", (480, 1320)),
        ("00:00-24:00", (0, 1440)),
        ("09:30-09:31", (570, 571)),
        ("8:00-22:00", None),
        ("08:00-08:00", None),
        ("22:00-06:00", None),
        ("08:75-22:00", None),
        ("08:00-24:30", None),
        ("08:00-29:00", None),
        ("08:00–22:00", None),
        ("０８:00-22:00", None),
        ("08:00-22:00 ", None),
        ("", None),
    ],
)
def test_hours_are_read_strictly(text: str, hours: tuple[int, int] | None) -> None:
    assert duty_hours(text) == hours


@pytest.mark.parametrize(
    ("now", "on_duty"),
    [
        ("2026-03-02 07:59", False),
        ("2026-03-02 08:00", True),
        ("2026-03-02 21:59", True),
        ("2026-03-02 22:00", False),
    ],
)
def test_duty_begins_at_the_minute_and_ends_before_it(now: str, on_duty: bool) -> None:
    assert CARE.is_on_duty(at(now)) is on_duty


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-03-02 07:00", "2026-03-02 08:00"),
        ("2026-03-02 12:34", "2026-03-02 12:34"),
        ("2026-03-02 22:00", "2026-03-03 08:00"),
        ("2026-12-31 23:00", "2027-01-01 08:00"),
    ],
)
def test_the_next_opening_is_now_today_or_tomorrow(now: str, opens: str) -> None:
    assert CARE.next_opening(at(now)) == at(opens)


def test_a_team_that_never_closes_is_always_on_duty() -> None:
    midnight = at("2026-03-02 00:00")
    assert ALWAYS.is_on_duty(midnight)
    assert ALWAYS.next_opening(midnight) == midnight


def test_the_reception_is_one_of_the_teams() -> None:
    handbook = load_handbook()
    assert handbook.reception in handbook.teams
