"""A due step among 100,000 open tickets: `python -m tests.load.sweep_day [--on postgresql]`.

All tickets are opened over one simulated day, so that the warning steps of the next day fall due
in the rhythm of real work. The clock runs in real time for a while at a chosen moment of that
day, one sweep a second; how late each step fires is measured.
"""

from __future__ import annotations

import argparse
import time
from datetime import timedelta

from sqlalchemy import func, select

from bot.desk.clock import sweep
from bot.handbook.tables import load_handbook
from bot.storage.clock import TicketClock
from bot.storage.engine import open_engine, session_factory
from tests.load.bulk import fill
from tests.load.databases import database
from tests.moments import at


def percentile(values: list[float], share: float) -> float:
    """Return a percentile of sorted values."""
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0.0


def run(kind: str, *, tickets: int, seconds: float) -> tuple[list[float], list[float]]:
    """Return how late each step fired, and how long each sweep took."""
    handbook = load_handbook()
    late: list[float] = []
    took: list[float] = []
    with database(kind) as url:
        engine = open_engine(url)
        start = at("2026-03-01 00:00")
        fill(engine, handbook, tickets=tickets, events=2, start=start, spread=timedelta(days=1), seed=1, opened_only=True)
        sessions = session_factory(engine)
        # Everything opened before noon is past its first steps: fire those before we measure.
        begin = start + timedelta(hours=12)
        sweep(sessions, handbook, now=begin, most=tickets)
        with sessions() as session:
            due = session.execute(
                select(func.count()).select_from(TicketClock).where(
                    TicketClock.next_fire_at <= begin + timedelta(seconds=seconds)
                )
            ).scalar_one()
        print(f"{kind}: {tickets} open tickets, {due} clocks fall due in {seconds:g} s")
        origin = time.monotonic()
        while (passed := time.monotonic() - origin) < seconds:
            swept = sweep(sessions, handbook, now=begin + timedelta(seconds=passed))
            ended = time.monotonic() - origin
            took.append(ended - passed)
            # A step counts as fired when its sweep has ended.
            late += [each + took[-1] for each in swept.late]
            time.sleep(max(1.0 - took[-1], 0.0))
        engine.dispose()
    return sorted(late), sorted(took)


def main() -> int:
    """Measure and print; fail above two seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default="sqlite")
    args = parser.parse_args()
    late, took = run(args.on, tickets=args.tickets, seconds=args.seconds)
    print(
        f"{args.on}: {len(late)} steps fired, late p50 {percentile(late, 0.5):.2f} s,"
        f" p99 {percentile(late, 0.99):.2f} s, worst {late[-1] if late else 0:.2f} s;"
        f" a sweep takes p50 {percentile(took, 0.5) * 1000:.0f} ms, p99 {percentile(took, 0.99) * 1000:.0f} ms"
    )
    return 0 if percentile(late, 0.99) <= 2 else 1


if __name__ == "__main__":
    raise SystemExit(main())
