"""Replay a million events: `python -m tests.load.replay_million [--tickets N] [--on sqlite]`."""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta

from bot.desk.replays import replay_all
from bot.handbook.tables import load_handbook
from bot.storage.engine import open_engine
from tests.load.bulk import fill
from tests.load.databases import database
from tests.moments import at


def _busy() -> float:
    """Return the processor time of this process and of its children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> int:
    """Fill, replay, print the time; fail on a difference or above a minute."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=10)
    parser.add_argument("--on", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    handbook = load_handbook()
    with database(args.on) as url:
        engine = open_engine(url)
        start = at("2026-03-01 00:00")
        started = time.perf_counter()
        count = fill(
            engine, handbook, tickets=args.tickets, events=args.events, start=start,
            spread=timedelta(days=30), seed=1,
        )
        filled = time.perf_counter() - started
        started, busy = time.perf_counter(), _busy()
        done = replay_all(engine, handbook, now=start + timedelta(days=400), workers=args.workers)
        seconds, busy = time.perf_counter() - started, _busy() - busy
        engine.dispose()
    print(f"{args.on}: filled {count} events in {filled:.1f} s")
    print(f"{args.on}: replayed {done.tickets} tickets, {done.events} events in {seconds:.1f} s ({busy:.1f} s of processor), {len(done.differences)} differences")
    for difference in done.differences[:3]:
        print(difference)
    return 1 if done.differences or seconds > 60 else 0


if __name__ == "__main__":
    raise SystemExit(main())
