"""The ticket table at a thousand and at a million tickets: first page, filters, search.

Run as `python -m tests.load.ticket_pages [--tickets 1000000] [--database sqlite]`; prints the
median of each reading at both sizes and their ratio, which is to stay below 1.5. Every case
fills its page at both sizes: a page that is half empty at a thousand would be cheaper there.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from sqlalchemy import insert, text
from sqlalchemy.engine import Engine

from bot.desk.ticket_search import Filters, find_tickets, search_words
from bot.desk.tickets import hash_phone
from bot.storage.engine import open_engine, reading, session_factory
from bot.storage.tickets import Ticket
from tests.load.databases import database

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SECRET = "bench"
TYPES = ("fault_broadband", "bill_dispute", "plan_change", "bill_query", "fault_mobile")
TEAMS = ("network", "billing", "business", "billing", "network")
STATES = (
    "accepted",
    "processing",
    "on_hold",
    "resolved",
    "confirmed",
    "closed",
    "closed",
    "closed",
)
CLASSES = (
    ("urgent", "urgent"),
    ("major", "major"),
    ("general", "general"),
    ("general", "consultation"),
)
PLACES = ("城关区幸福小区", "七里河区银滩花园", "安宁区桃林家园", "西固区石化新村")
# As many at every size as there are on one page and a bit.
RARE = 60
CASES: dict[str, tuple[Filters, frozenset[str] | None]] = {
    "first page": (Filters(), None),
    "first page of a team": (Filters(), frozenset({"billing"})),
    "state": (Filters(states=("processing",)), None),
    "class": (Filters(classes=("urgent",)), None),
    "type": (Filters(types=("plan_change",)), None),
    "urgency": (Filters(urgencies=("major",)), None),
    "team": (Filters(teams=("network",)), None),
    "holder": (Filters(holder=3), None),
    "due first": (Filters(sort="due"), None),
    "two states": (Filters(states=("processing", "on_hold")), None),
    "state and type": (Filters(states=("closed",), types=("bill_query",)), None),
    "number": (Filters(wanted="T20260101-000500"), None),
    "phone": (Filters(wanted="1390000" + "0500"), None),
    "words": (Filters(wanted="专线抖动"), None),
}


def rows(count: int) -> Iterator[dict]:
    """Make tickets spread evenly over all values, in the order of their opening."""
    for n in range(1, count + 1):
        at = START + timedelta(seconds=n * 30)
        urgency, deadline_class = CLASSES[n % 4]
        yield {
            "id": n,
            "number": f"T{at:%Y%m%d}-{n:06d}",
            "idempotency_key": f"k{n}",
            "type": TYPES[n % 5],
            "kind": "fault",
            "urgency": urgency,
            "deadline_class": deadline_class,
            "state": STATES[n // 5 % 8],
            "team": TEAMS[n % 5],
            "holder_id": n % 10,
            "channel": "web",
            "facts": {"address": f"{PLACES[n % 4]}{n % 90}号楼"},
            "summary": _words(n),
            "signals": [],
            "phone_hash": hash_phone(f"139{n:08d}", secret=SECRET),
            "table_version": 1,
            "response_h": "24",
            "resolution_h": "24",
            "accepted_at": at,
            "response_due_at": at + timedelta(hours=24),
            "resolution_due_at": at + timedelta(hours=24),
            "next_due_at": at + timedelta(hours=2 if n % 7 == 0 else 24),
            "rung": 0,
            "degraded": False,
            "updated_at": at,
        }


def _words(n: int) -> str:
    return "公司专线抖动丢包" if n <= RARE else f"家里宽带断了第{n % 20}次报修"


def fill(engine: Engine, count: int) -> None:
    """Store the tickets and their words."""
    postgres = engine.dialect.name == "postgresql"
    words = text(
        "INSERT INTO ticket_texts (ticket_id, words) VALUES (:id, to_tsvector('simple', :words))"
        if postgres
        else "INSERT INTO ticket_texts (rowid, words) VALUES (:id, :words)"
    )
    batch: list[dict] = []
    for row in rows(count):
        batch.append(row)
        if len(batch) == 5_000 or row["id"] == count:
            with engine.begin() as connection:
                connection.execute(insert(Ticket.__table__), batch)
                said = [f"{r['summary']} {r['facts']['address']}" for r in batch]
                connection.execute(
                    words,
                    [
                        {"id": r["id"], "words": " ".join(search_words(s))}
                        for r, s in zip(batch, said, strict=True)
                    ],
                )
            batch.clear()
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))


def measure(engines: list[Engine], repeats: int) -> dict[str, list[float]]:
    """Return the median of each case in milliseconds on each database.

    The databases are read in turns, so that whatever else the machine does slows all alike.
    """
    factories = [session_factory(engine) for engine in engines]
    medians = {}
    for name, (filters, allowed) in CASES.items():
        spent: list[list[float]] = [[] for _ in factories]
        for _ in range(repeats):
            for factory, times in zip(factories, spent, strict=True):
                with reading(factory) as session:
                    began = time.perf_counter()
                    find_tickets(session, filters, secret=SECRET, allowed=allowed, own=1)
                    times.append((time.perf_counter() - began) * 1_000)
        medians[name] = [statistics.median(times[3:]) for times in spent]
    return medians


def bench(kind: str, tickets: int, *, repeats: int = 60) -> list[tuple[str, float, float, float]]:
    """Return each case with its medians at a thousand and at `tickets`, and their ratio."""
    with database(kind) as small_url, database(kind) as large_url:
        engines = [open_engine(small_url), open_engine(large_url)]
        for engine, count in zip(engines, (1_000, tickets), strict=True):
            fill(engine, count)
        measured = measure(engines, repeats)
        for engine in engines:
            engine.dispose()
    return [(name, small, large, large / small) for name, (small, large) in measured.items()]


def main() -> None:
    """Print the table for the databases asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    arguments = parser.parse_args()
    for kind in arguments.database or ["sqlite", "postgresql"]:
        print(f"{kind}: milliseconds at 1,000 and at {arguments.tickets:,} tickets, ratio")
        for name, small, large, ratio in bench(kind, arguments.tickets):
            print(f"  {name:22} {small:8.2f} {large:8.2f} {ratio:6.2f}")


if __name__ == "__main__":
    main()
