"""`intake coach label` 标注: say what turns of the inbox are, skip them, or divide one."""

from __future__ import annotations

import argparse
from datetime import datetime, timezone

from bot.desk.training_inbox import group_ids
from bot.desk.training_labels import divide_item, label_items, skip_items, take_back
from bot.handbook.errors import DeskError
from bot.handbook.tables import load_handbook
from bot.handbook.training_table import load_training
from bot.settings import load_settings
from bot.storage.engine import open_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach label`."""
    parser.add_argument("items", type=id_of, nargs="*", help="ids of turns")
    parser.add_argument("--group", type=id_of, help="all waiting turns of a group")
    parser.add_argument("--type", help="request type, out_of_scope or unclear")
    parser.add_argument("--urgency", choices=["general", "major", "urgent"], help="how urgent it is")
    parser.add_argument("--skip", action="store_true", help="lay them aside")
    parser.add_argument("--take-back", action="store_true", help="take back what one said of them")
    parser.add_argument("--divide", nargs="+", metavar="TEXT", help="the requests that one turn holds")
    parser.add_argument("--by", default="trainer", help="who labels")


def id_of(text: str) -> int:
    """Read the id of a turn or a group."""
    if not text.isdecimal() or not 0 < int(text[:12]) < 2**31:
        raise DeskError("bad_request", f"{text[:40]}: expected an id as intake coach inbox shows them")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Carry out one decision."""
    now = datetime.now(timezone.utc)
    sessions = open_database(load_settings().database_url)
    with sessions.begin() as session:
        ids = [*args.items, *(group_ids(session, args.group) if args.group else [])]
        if not ids:
            raise DeskError("bad_request", "name turns by id, or a group with --group")
        if args.skip:
            print(f"skipped {skip_items(session, ids, labeller=args.by, now=now)}")
        elif args.take_back:
            print(f"waiting again {take_back(session, load_handbook(), ids, labeller=args.by, now=now)}")
        elif args.divide:
            made = divide_item(
                session, load_training(), ids[0], args.divide, labeller=args.by, now=now
            )
            print(f"divided into {made}")
        elif args.type:
            states = label_items(
                session, load_handbook(), ids, type_=args.type, urgency=args.urgency,
                labeller=args.by, now=now,
            )
            print(", ".join(f"{state} {count}" for state, count in sorted(states.items())))
        else:
            raise DeskError("bad_request", "say --type, --skip, --take-back or --divide")
    return 0
