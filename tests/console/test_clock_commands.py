"""The command line of the clock: its days are those of Shanghai."""

from __future__ import annotations

import argparse
from datetime import date, datetime
from pathlib import Path

import pytest

from bot.console import clock_commands
from tests.moments import at


def test_today_is_that_of_shanghai_even_in_its_early_morning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    days: list[date] = []

    def bounds(day: date) -> tuple[datetime, datetime]:
        days.append(day)
        return at("2026-03-02 00:00"), at("2026-03-02 00:00")

    monkeypatch.setenv("INTAKE_DATABASE_URL", f"sqlite:///{tmp_path / 'desk.db'}")
    monkeypatch.setattr(clock_commands, "_now", lambda: at("2026-03-02 01:00"))
    monkeypatch.setattr(clock_commands, "day_bounds", bounds)

    clock_commands.Figures.run(argparse.Namespace(start=None, end=None, output=None))

    assert days == [date(2026, 2, 24), date(2026, 3, 2)]
