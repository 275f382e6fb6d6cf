"""Chapters 2.4 and 5.1: the command line of the clock (时限命令): replay, clock, figures."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bot.console.clock_loop import run_clock, run_nightly
from bot.desk.clock import sweep
from bot.desk.figure_days import close_days
from bot.desk.figures import (
    day_bounds,
    day_of,
    export_csv,
    export_xlsx,
    outcomes_between,
    table_of,
    with_titles,
)
from bot.desk.kept_calendars import keep_calendars, with_kept
from bot.desk.replays import replay_all
from bot.handbook.deadlines import SHANGHAI
from bot.handbook.errors import DeskError
from bot.handbook.figures import figures
from bot.handbook.tables import load_handbook
from bot.settings import load_settings
from bot.storage.engine import migrate, open_engine, session_factory


class Replay:
    """`intake replay`: recompute every clock and figure from the event log."""

    help = "recompute every clock and figure from the event log; exit 1 on any difference"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--most", type=int, default=50, help="differences to print")
        parser.add_argument(
            "--workers", type=int, default=os.cpu_count() or 1, help="processes that share the work"
        )

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Print what was replayed and each difference."""
        engine = open_engine(load_settings().database_url)
        migrate(engine)
        started = time.perf_counter()
        with session_factory(engine)() as session:
            handbook = with_kept(session, load_handbook())
        done = replay_all(engine, handbook, now=_now(), workers=args.workers)
        seconds = time.perf_counter() - started
        for ticket, what, stored, replayed in done.differences[: args.most]:
            print(f"{ticket}: {what}: stored {stored}, replayed {replayed}")
        print(
            f"{done.tickets} tickets, {done.events} events, {done.figures} stored figures replayed"
            f" in {seconds:.1f} s: {len(done.differences)} differences"
        )
        return 1 if done.differences else 0


class Clock:
    """`intake clock`: run the sweep in a process of its own."""

    help = "fire due steps of clocks, surveys and incidents; several at once do no harm"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--once", action="store_true", help="sweep once and end")
        parser.add_argument("--seconds", type=float, help="seconds between two sweeps")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Sweep until interrupted."""
        settings = load_settings()
        if args.seconds is not None and not 0 < args.seconds < 86_400:
            raise DeskError("bad_request", f"--seconds: expected more than 0 and less than a day, got {args.seconds:g}")
        engine = open_engine(settings.database_url)
        migrate(engine)
        sessions = session_factory(engine)
        with sessions.begin() as session:
            handbook = keep_calendars(session, load_handbook(), now=_now())
        if args.once:
            swept = sweep(sessions, handbook, now=_now())
            with sessions.begin() as session:
                close_days(session, handbook, now=_now())
            print(
                f"fired {swept.fired}, resumed {swept.resumed}, surveys {swept.surveys},"
                f" members {swept.members}, improvements {swept.improvements}, failed {swept.failed}"
            )
            return 1 if swept.failed else 0

        async def both() -> None:
            seconds = args.seconds or settings.clock_seconds
            await asyncio.gather(
                run_clock(sessions, handbook, seconds=seconds), run_nightly(sessions, handbook)
            )

        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(both())
        return 0


class Figures:
    """`intake figures`: the quality figures of some days, as a table, CSV or XLSX."""

    help = "print or export the quality figures of some days"

    @staticmethod
    def add_arguments(parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--from", dest="start", type=day_of, help="first day")
        parser.add_argument("--to", dest="end", type=day_of, help="last day")
        parser.add_argument("--output", type=Path, help="a .csv or .xlsx file")

    @staticmethod
    def run(args: argparse.Namespace) -> int:
        """Compute the figures and print or write them."""
        engine = open_engine(load_settings().database_url)
        migrate(engine)
        handbook = load_handbook()
        today = _now().astimezone(SHANGHAI).date()
        last = args.end or today
        first = args.start or last - timedelta(days=6)
        if first > last:
            raise DeskError("bad_day", f"--from {first} is later than --to {last}")
        with session_factory(engine)() as session:
            facts = outcomes_between(session, day_bounds(first)[0], day_bounds(last)[1])
            found = with_titles(
                session, handbook,
                figures(facts, durable_days=handbook.clock.closure.durable_days),
            )
        if args.output is None:
            _print_table(table_of(found))
            return 0
        writers: dict[str, Callable[..., bytes]] = {".csv": export_csv, ".xlsx": export_xlsx}
        writer = writers.get(args.output.suffix)
        if writer is None:
            print(f"{args.output}: expected a name that ends in .csv or .xlsx", file=sys.stderr)
            return 2
        args.output.write_bytes(writer(found))
        return 0


def _print_table(lines: list[tuple]) -> None:
    table = Table("指标", "分组", "组", "分子", "分母", "值", "95%区间")
    for title, _, by, group, top, bottom, value, low, high in lines:
        interval = "" if low is None else f"{low:.1%}-{high:.1%}"
        shown = "" if value is None else f"{value:.1%}" if low is not None else f"{value:g}"
        table.add_row(title, by, group, str(top), str(bottom), shown, interval)
    Console().print(table)


def _now() -> datetime:
    return datetime.now(timezone.utc)
