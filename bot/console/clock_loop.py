"""Chapters 2.4 and 3.4: the clock and the outbox inside the desk (时限与发件循环)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from sqlalchemy.orm import sessionmaker

from bot.desk.apart import told
from bot.desk.clock import sweep
from bot.desk.figure_days import close_days
from bot.desk.nightly import compare_nightly
from bot.desk.outbox import Sender, deliver_due
from bot.handbook.tables import Handbook

NIGHTLY_S = 600.0


async def run_clock(
    sessions: sessionmaker,
    handbook: Handbook,
    *,
    seconds: float,
    swept: Callable[[Any], None] = lambda _swept: None,
) -> None:
    """Sweep every so many seconds until cancelled; `swept` is told what each round did."""

    def work() -> None:
        swept(sweep(sessions, handbook, now=datetime.now(timezone.utc)))

    await _repeat(work, seconds, "clock")


async def run_nightly(
    sessions: sessionmaker,
    handbook: Handbook,
    *,
    seconds: float = NIGHTLY_S,
    compared: Callable[[Any], None] = lambda _compared: None,
) -> None:
    """Store the figures of days that are over and compare all with the log, beside the sweep."""

    def work() -> None:
        now = datetime.now(timezone.utc)
        # What cannot be stored must not keep the comparison from telling why.
        with told("close_days"), sessions.begin() as session:
            close_days(session, handbook, now=now)
        compared(compare_nightly(sessions, handbook, now=now))

    await _repeat(work, seconds, "nightly")


async def run_outbox(
    sessions: sessionmaker,
    handbook: Handbook,
    senders: Mapping[str, Sender],
    *,
    seconds: float,
    delivered: Callable[[Any], None] = lambda _delivered: None,
) -> None:
    """Carry out what is due every so many seconds until cancelled."""

    def work() -> None:
        delivered(deliver_due(sessions, handbook, senders, now=datetime.now(timezone.utc)))

    await _repeat(work, seconds, "outbox")


async def _repeat(work: Callable[[], None], seconds: float, name: str) -> None:
    loop = asyncio.get_running_loop()
    while True:
        started = loop.time()
        # A clock that stops at one error forgets every promise; the next round tries again.
        with told(name):
            await loop.run_in_executor(None, work)
        await asyncio.sleep(max(seconds - (loop.time() - started), 0.05))
