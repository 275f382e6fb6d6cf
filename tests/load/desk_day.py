"""A day at the desk: 200 customers and 20 staff for ten minutes against a running desk.

`python -m tests.load.desk_day [--minutes 10] [--customers 200] [--staff 20] [--database sqlite]`
starts a desk process without an engine behind it, so that the bot's turns are those of the
degraded mode, and says of all that was said whether it is there once and in its order, and how
long each action of staff took. Ends with 1 when something was lost, doubled or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import statistics
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

import aiohttp

from bot.desk.staff import add_staff
from bot.handbook.reception_tables import load_access
from bot.storage.engine import open_engine, session_factory
from tests.load.databases import database
from tests.load.desk_people import MARK, CustomerOfTheDay, Day, Line, StaffOfTheDay
from tests.stack import start_desk_alone

PASSWORD = "Correct-Horse-7"


def employ(url: str, number: int) -> list[str]:
    """Open the accounts of the staff; every fifth is a leader."""
    engine = open_engine(url)
    names = [f"day{n}" for n in range(number)]
    with session_factory(engine).begin() as session:
        for n, name in enumerate(names):
            add_staff(
                session, load_access(), name=name, password=PASSWORD,
                role="leader" if n % 5 == 0 else "staff", must_change=False,
                teams=["care", "billing", "network", "business"], now=datetime.now(timezone.utc),
            )  # fmt: skip
    engine.dispose()
    return names


async def live(url: str, names: list[str], customers: int, minutes: float) -> Day:
    """Let everybody live the day at once."""
    day = Day(time.monotonic() + minutes * 60)
    connector = aiohttp.TCPConnector(limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar) as http:
        people = [
            StaffOfTheDay(Line(http, f"{url}/api/v1/staff", day), n, name, PASSWORD)
            for n, name in enumerate(names)
        ]
        visitors = [
            CustomerOfTheDay(Line(http, f"{url}/api/v1", day), n) for n in range(customers)
        ]
        await asyncio.gather(*(each.live() for each in (*people, *visitors)))
    return day


def verdict(day: Day) -> dict[str, int]:
    """Count what is not there, there twice, or out of its order."""
    found: collections.Counter[str] = collections.Counter()
    disorder = 0
    for conversation, messages in day.kept.items():
        marks = [mark for each in messages for mark in MARK.findall(each["text"])]
        found.update(mark for mark in marks if day.said.get(mark) == conversation)
        disorder += unordered(marks)
    heard = {mark for marks in day.heard.values() for mark in marks}
    twice = [m for marks in day.heard.values() for m, n in collections.Counter(marks).items() if n > 1]
    listened = {m for m, conversation in day.said.items() if day.heard.get(conversation)}
    return {
        "lost": len(day.said.keys() - found.keys()),
        "doubled": sum(n > 1 for n in found.values()),
        "out of order": disorder,
        "not heard on the stream": len(listened - heard),
        "heard twice": len(twice),
        "heard out of order": sum(map(unordered, day.heard.values())),
    }


def unordered(marks: list[str]) -> int:
    """Count the marks of one speaker that come after a later one of the same speaker."""
    last: dict[str, int] = {}
    wrong = 0
    for mark in marks:
        speaker, _, number = mark.partition("-")
        wrong += int(number) < last.get(speaker, 0)
        last[speaker] = max(last.get(speaker, 0), int(number))
    return wrong


def report(day: Day, seconds: float) -> int:
    """Print what came of the day; return 1 when it was not a good one."""
    counts = verdict(day)
    own = sum(mark.startswith("c") for mark in day.said)
    print(f"  {own} messages of customers, {len(day.said) - own} replies of staff in {seconds:.0f} s")
    for name, number in counts.items():
        print(f"  {name:26} {number}")
    for name, number in sorted(day.failed.items()):
        print(f"  failed {name:19} {number}")
    print("  action                      number    median ms      p99 ms      most ms")
    for name, times in sorted(day.took.items()):
        ms = sorted(each * 1_000 for each in times)
        p99 = ms[min(len(ms) - 1, int(len(ms) * 0.99))]
        print(f"  {name:26} {len(ms):7} {statistics.median(ms):12.1f} {p99:11.1f} {ms[-1]:12.1f}")
    for name, number in sorted(day.refused.items()):
        print(f"  refused {name:40} {number}")
    return int(any(counts.values()) or bool(day.failed))


def main() -> int:
    """Live the day on each database asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--customers", type=int, default=200)
    parser.add_argument("--staff", type=int, default=20)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    arguments = parser.parse_args()
    bad = 0
    for kind in arguments.database or ["sqlite", "postgresql"]:
        print(f"{kind}: {arguments.customers} customers, {arguments.staff} staff, no engine (degraded mode)")
        with database(kind) as url, tempfile.TemporaryDirectory() as home:
            names = employ(url, arguments.staff)
            stack = start_desk_alone(
                Path(home), INTAKE_DATABASE_URL=url, INTAKE_MESSAGES_PER_MINUTE="0"
            )
            began = time.monotonic()
            try:
                day = asyncio.run(live(stack.url, names, arguments.customers, arguments.minutes))
            finally:
                stack.stop()
        bad += report(day, time.monotonic() - began)
    return bad


if __name__ == "__main__":
    sys.exit(main())
