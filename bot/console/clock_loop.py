"""Chapters 2.4 and 3.4: the clock and the outbox inside the desk (时限与发件循环)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

import structlog
from sqlalchemy.orm import sessionmaker

from bot.desk.clock import sweep
from bot.desk.figures import close_days
from bot.desk.nightly import compare_nightly
from bot.desk.outbox import Sender, deliver_due
from bot.handbook.tables import Handbook

log = structlog.get_logger()
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
        with sessions.begin() as session:
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
        try:
            await loop.run_in_executor(None, work)
        except Exception:
            # A clock that stops at one error forgets every promise; the next round tries again.
            log.exception(f"{name}.failed")
        await asyncio.sleep(max(seconds - (loop.time() - started), 0.05))
