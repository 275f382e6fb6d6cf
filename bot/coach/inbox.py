"""`intake coach inbox` 待标注: gather turns worth a label and show the groups worth most."""

from __future__ import annotations

import argparse
import json
from typing import Any

from sqlalchemy.orm import sessionmaker

from bot.coach.switch import serving_name
from bot.desk.coach_runs import AnotherRuns, only_job
from bot.desk.model_files import archive_of
from bot.desk.training_inbox import gather, inbox_page
from bot.desk.training_labels import agreement
from bot.desk.training_readings import LOW, keep_readings, shares, unread
from bot.desk.training_sources import TITLES
from bot.handbook.training_table import load_training
from bot.settings import Settings, load_settings
from bot.storage.engine import open_database, reading

AT_ONCE = 200


def read_waiting(sessions: sessionmaker, reader: Any) -> int:
    """Let the serving model read turns that came without a reading; rank them anew."""
    # Reading takes seconds: the only writer of SQLite must not be held meanwhile.
    with reading(sessions) as session:
        items = unread(session)
    found = {
        key: kept(read)
        for (key, _), read in zip(items, reader.read([text for _, text in items]), strict=True)
    }
    for start in range(0, len(items), AT_ONCE):
        part = {key: found[key] for key, _ in items[start : start + AT_ONCE]}
        with sessions.begin() as session:
            keep_readings(session, part)
    return len(items)


def kept(read: Any) -> tuple[dict[str, Any], list[str]]:
    """Return what the inbox keeps of a reading, and the reasons that it gives."""
    reasons = ["low_confidence"] if read.type_confidence < LOW else []
    chosen = max(range(3), key=lambda place: read.urgency_chances[place])
    if read.signals and ("general", "major", "urgent")[chosen] != read.urgency:
        reasons.append("signal_raised")
    return {"ranking": shares(read.types), "urgency": read.urgency}, reasons


def read_with_serving(settings: Settings, sessions: sessionmaker) -> int:
    """Open the model in service and let it read; leave it to another process that does so now."""
    from bot.nlu.reader import Reader

    name = serving_name(settings)
    if name is None:
        return 0
    try:
        with only_job(settings.home, "reading.lock"):
            return read_waiting(sessions, Reader.open(archive_of(settings.home, name)))
    except AnotherRuns:
        return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach inbox`."""
    parser.add_argument("--reason", choices=sorted(TITLES), help="only groups with this reason")
    parser.add_argument("--limit", type=int, default=20, help="groups shown")
    parser.add_argument("--read", action="store_true", help="let the serving model read them first")
    parser.add_argument("--json", action="store_true", help="print data")


def run(args: argparse.Namespace) -> int:
    """Gather and show."""
    settings = load_settings()
    sessions = open_database(settings.database_url)
    with sessions.begin() as session:
        fresh = gather(session, load_training())
    read = read_with_serving(settings, sessions) if args.read else 0
    with reading(sessions) as session:
        page = inbox_page(session, reason=args.reason, most=args.limit)
        shared = agreement(session)
    if args.json:
        result = {**page, "fresh": fresh, "read": read, "agreement": shared}
        print(json.dumps(result, ensure_ascii=False, default=str))
        return 0
    print(f"{page['waiting']} waiting, {fresh} new; two people agree on {shared['same']} of {shared['pairs']}")
    for group in page["groups"]:
        print(f"group {group['id']}: {group['count']} turns, worth {group['worth']}")
        for item in group["items"]:
            best = " ".join(f"{name}={share:.2f}" for name, share in item["ranking"][:2])
            print(f"  {item['id']:>6} {item['text']}  [{'、'.join(item['reasons'])}] {best}")
    return 0
