"""Service calendars: holidays, moved working days, several periods a day, quiet hours."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.handbook.hours import calendar_of, end_of, is_within, read_period
from bot.handbook.tables import TABLES, Handbook, load_handbook
from tests.moments import at, wall

QUIET = (22 * 60, 7 * 60 + 30)


@pytest.mark.parametrize(
    ("what", "opened", "due"),
    [
        ("the Spring Festival is skipped", "2026-02-13 17:00", "2026-02-14 11:00"),
        ("a Saturday worked instead is worked", "2026-02-14 17:30", "2026-02-24 11:30"),
        ("National Day is skipped to the eighth", "2026-09-30 17:00", "2026-10-08 11:00"),
        ("a Sunday worked instead is worked", "2026-01-04 09:00", "2026-01-04 14:30"),
    ],
)
def test_three_office_hours(handbook: Handbook, what: str, opened: str, due: str) -> None:
    office = calendar_of(handbook.clock.calendars, "office")

    reached = office.add(at(opened), timedelta(hours=3.5))

    assert wall(reached) == due, what


def test_the_shipped_holidays_are_those_of_the_official_notices(handbook: Handbook) -> None:
    office = calendar_of(handbook.clock.calendars, "office")
    days = [date(2025, 1, 1) + timedelta(days=number) for number in range(730)]

    worked = [day for day in days if office.periods_on(day)]

    assert worked == [day for day in days if chinese_calendar.is_workday(day)]


def test_who_works_at_weekends_has_the_weekends_of_a_holiday_off(tmp_path: Path) -> None:
    shutil.copytree(TABLES, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "hours.yml"
    text = path.read_text("utf-8").replace("sat: []", 'sat: ["09:00-17:00"]').replace("sun: []", 'sun: ["09:00-17:00"]')
    path.write_text(text, "utf-8")
    office = calendar_of(load_handbook(tmp_path).clock.calendars, "office")

    worked = [day for day in range(1, 15) if office.periods_on(date(2026, 10, day))]

    # National Day is the first to the seventh; the tenth is a Saturday that is worked like a weekday.
    assert worked == [8, 9, 10, 11, 12, 13, 14]
    assert office.periods_on(date(2026, 10, 10)) == office.periods_on(date(2026, 10, 9))


@given(st.integers(0, 60 * 24 * 300), st.integers(0, 60 * 200), st.integers(0, 60 * 200))
def test_adding_in_two_parts_is_adding_at_once(handbook: Handbook, start: int, one: int, two: int) -> None:
    office = calendar_of(handbook.clock.calendars, "office")
    moment = at("2026-01-01 00:00") + timedelta(minutes=start)
    first, second = timedelta(minutes=one), timedelta(minutes=two)

    assert office.between(moment, office.add(moment, first)) == first
    assert office.add(office.add(moment, first), second) >= office.add(moment, first)
    assert office.between(moment, office.add(office.add(moment, first), second)) == first + second


@pytest.mark.parametrize(
    ("moment", "inside", "end"),
    [
        ("2026-03-02 21:59", False, None),
        ("2026-03-02 22:00", True, "2026-03-03 07:30"),
        ("2026-03-03 03:00", True, "2026-03-03 07:30"),
        ("2026-03-03 07:30", False, None),
    ],
)
def test_quiet_hours_pass_midnight(moment: str, inside: bool, end: str | None) -> None:
    assert is_within(QUIET, at(moment)) is inside
    assert end is None or wall(end_of(QUIET, at(moment))) == end


@pytest.mark.parametrize("text", ["8:00-9:00", "09:00-08:00", "08:00", "08:00-24:01", "08:61-09:00"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    assert read_period(text) is None
