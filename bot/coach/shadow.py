"""`intake coach shadow` 影子运行: a candidate reads a share of live turns without answering.

Where it reads a turn otherwise than the model in service, the turn comes into the inbox.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.coach.switch import serving_name
from bot.desk.coach_runs import note_state, noted_job
from bot.desk.engine_routes import in_share
from bot.desk.model_files import archive_of
from bot.desk.training_inbox import keep_turns, placed
from bot.desk.training_sources import Find
from bot.handbook.errors import NotFound
from bot.handbook.training import Training
from bot.handbook.training_table import load_training
from bot.settings import load_settings
from bot.storage.conversations import Message
from bot.storage.engine import open_engine, reading, session_factory

AT_ONCE = 500


def new_turns(session: Session, *, after: int, share: float) -> tuple[int, list[Any]]:
    """Return the last id looked at, and the customers' turns beyond `after` within the share."""
    rows = session.execute(
        select(Message.id, Message.conversation_id, Message.text, Message.created_at)
        .where(
            Message.id > after, Message.direction == "in", Message.author == "customer",
            Message.kind == "text",
        )
        .order_by(Message.id)
        .limit(AT_ONCE)
    ).all()
    last = rows[-1].id if rows else after
    return last, [row for row in rows if in_share(row.conversation_id, share)]


def differences(turns: Sequence[Any], serving: Any, candidate: Any, *, name: str) -> list[Find]:
    """Return the turns that the two models read differently, in type or urgency."""
    texts = [turn.text for turn in turns]
    found = []
    for turn, old, new in zip(turns, serving.read(texts), candidate.read(texts), strict=True):
        if (old.type, old.urgency) == (new.type, new.urgency):
            continue
        reading = {
            "ranking": [[name_, round(share, 4)] for name_, share in new.types[:4]],
            "urgency": new.urgency, "model": name,
            "serving": {"type": old.type, "urgency": old.urgency, "sure": round(old.type_confidence, 4)},
        }
        found.append(
            Find(
                f"message:{turn.id}", turn.text, "models_disagree", turn.created_at,
                turn.conversation_id, reading,
            )
        )
    return found


def look(
    sessions: sessionmaker, training: Training, serving: Any, candidate: Any, *, name: str,
    after: int, share: float,
) -> tuple[int, int, int]:
    """Read what is new once; return the last id, turns read and differences."""
    # Two models read for seconds: the only writer of SQLite must not be held meanwhile.
    with reading(sessions) as session:
        last, turns = new_turns(session, after=after, share=share)
    found = differences(turns, serving, candidate, name=name) if turns else []
    if found:
        with reading(sessions) as session:
            turns_kept = placed(session, training, found)
        with sessions.begin() as session:
            keep_turns(session, training, turns_kept)
    return last, len(turns), len(found)


def first_id(session: Session, since: datetime) -> int:
    """Return the id just before the first message since an instant."""
    first = session.execute(select(func.min(Message.id)).where(Message.created_at >= since)).scalar()
    if first is not None:
        return int(first) - 1
    return int(session.execute(select(func.max(Message.id))).scalar() or 0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach shadow`."""
    parser.add_argument("model", help="name of the candidate")
    parser.add_argument("--share", type=float, default=1.0, help="share of conversations")
    parser.add_argument("--since", type=float, default=0.0, metavar="HOURS", help="begin so far back")
    parser.add_argument("--minutes", type=float, default=0.0, help="go on so long; 0: one pass")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two looks")
    parser.add_argument("--by", default="trainer", help="who asks for it")


def run(args: argparse.Namespace) -> int:
    """Read live turns with both models."""
    from bot.nlu.reader import Reader

    settings, training = load_settings(), load_training()
    name = serving_name(settings)
    if name is None:
        raise NotFound("还没有在用的模型")
    sessions = session_factory(open_engine(settings.database_url))
    with noted_job(settings.home, "shadow", model=args.model, by=args.by):
        serving = Reader.open(archive_of(settings.home, name))
        candidate = Reader.open(archive_of(settings.home, args.model))
        began, read, differ = time.monotonic(), 0, 0
        with reading(sessions) as session:
            after = first_id(session, datetime.now(timezone.utc) - timedelta(hours=args.since))
        while True:
            last, turns, found = look(
                sessions, training, serving, candidate, name=args.model, after=after, share=args.share
            )
            more, after, read, differ = last > after, last, read + turns, differ + found
            spent = time.monotonic() - began
            note_state(
                settings.home, stage="shadow", turns=read, differences=differ, seconds=round(spent, 1),
                share=min(spent / (args.minutes * 60), 1.0) if args.minutes else 0.0,
            )
            if not more and spent >= args.minutes * 60:
                break
            if not more:
                time.sleep(args.every)
    print(f"{read} turns read, {differ} differ")
    return 0
