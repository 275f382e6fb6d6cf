"""Instants of the tests: written as Shanghai wall time, used as aware UTC."""

from __future__ import annotations

from datetime import datetime, timezone

from bot.handbook.deadlines import SHANGHAI


def at(text: str) -> datetime:
    """Return the instant of a Shanghai time such as `2026-03-02 17:50`."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(timezone.utc)


def wall(moment: datetime) -> str:
    """Write an instant as Shanghai time to the minute, the reverse of `at`."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
