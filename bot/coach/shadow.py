"""`intake coach shadow` 影子运行: a candidate reads a share of live turns without answering.

Where it reads a turn otherwise than the model in service, the turn comes into the inbox. It reads
in a process of its own, behind everything else on the machine: no answer waits for it.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bot.coach.switch import serving_name
from bot.desk.coach_runs import note_state, noted_job, only_job
from bot.desk.engine_routes import in_share
from bot.desk.model_files import archive_of
from bot.desk.notices import notify_staff
from bot.desk.shadowing import end_shadow, note_shadow, set_shadow, shadow
from bot.desk.training_inbox import keep_turns, placed
from bot.desk.training_sources import Find
from bot.handbook.errors import NotFound
from bot.handbook.training import Training
from bot.handbook.training_table import load_training
from bot.settings import Settings, load_settings
from bot.storage.conversations import Message
from bot.storage.engine import open_database, reading

AT_ONCE = 500
EVERY_S = 5.0
NICENESS = 10


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


def stand_by(
    settings: Settings, sessions: sessionmaker, training: Training, *,
    ended: Callable[[], bool] = lambda: False, open_model: Callable[[Path], Any] | None = None,
    every: float = EVERY_S,
) -> None:
    """Read new turns along, a look every few seconds, until the shadow is ended."""
    if open_model is None:
        from bot.nlu.reader import Reader

        open_model = Reader.open
    home, readers = settings.home, dict[str, Any]()
    while (wanted := shadow(home)) and not ended():
        name, serving = str(wanted["model"]), serving_name(settings) or ""
        if serving in {"", name}:
            note_shadow(home, wanted["at"], state="resting", message="该模型正在应答，影子暂停")
            time.sleep(every)
            continue
        readers = {
            each: readers.get(each) or _opened(settings, sessions, wanted, each, open_model)
            for each in (serving, name)
        }
        if (after := wanted.get("after")) is None:
            with reading(sessions) as session:
                after = first_id(session, datetime.fromisoformat(wanted["since"]))
        last, turns, differ = look(
            sessions, training, readers[serving], readers[name], name=name, after=after,
            share=float(wanted["share"]),
        )
        note_shadow(
            home, wanted["at"], state="reading", message="", after=last, against=serving,
            turns=wanted["turns"] + turns, differences=wanted["differences"] + differ,
            looked=datetime.now(timezone.utc).isoformat(),
        )
        if last == after:
            time.sleep(every)


def _opened(
    settings: Settings, sessions: sessionmaker, wanted: dict[str, Any], name: str,
    open_model: Callable[[Path], Any],
) -> Any:
    try:
        return open_model(archive_of(settings.home, name))
    except Exception as error:
        why = f"模型{name}未能打开：{error or type(error).__name__}"
        note_shadow(settings.home, wanted["at"], state="failed", message=why)
        with sessions.begin() as session:
            notify_staff(
                session, key=f"shadow:{wanted['at']}", kind="model", level="general", role="trainer",
                now=datetime.now(timezone.utc), text=f"影子未能旁读。{why}",
            )
        raise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach shadow`."""
    parser.add_argument("model", nargs="?", help="name of the candidate; none: show the standing shadow")
    parser.add_argument("--share", type=float, default=1.0, help="share of conversations")
    parser.add_argument("--since", type=float, default=0.0, metavar="HOURS", help="begin so far back")
    parser.add_argument("--stay", action="store_true", help="go on with every new turn until --end; else one pass")
    parser.add_argument("--end", action="store_true", help="end the standing shadow")
    parser.add_argument("--by", default="trainer", help="who asks for it")
    # What the supervisor starts.
    parser.add_argument("--run", action="store_true", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Read live turns with both models: once, or from now on."""
    settings, now = load_settings(), datetime.now(timezone.utc)
    sessions = open_database(settings.database_url)
    if args.run:
        os.nice(NICENESS)
        parent = os.getppid()
        with only_job(settings.home, "shadow.lock"):
            # Whose supervisor is gone has nobody who would end it.
            stand_by(settings, sessions, load_training(), ended=lambda: os.getppid() != parent)
        return 0
    if args.end:
        with sessions.begin() as session:
            print(line_of(end_shadow(session, settings.home, by=args.by, now=now)))
        return 0
    if args.model and args.stay:
        with sessions.begin() as session:
            set_shadow(
                session, settings.home, args.model, share=args.share, hours=args.since, by=args.by,
                now=now, serving=serving_name(settings),
            )
    if args.model and not args.stay:
        return one_pass(settings, sessions, args, now=now)
    print(line_of(shadow(settings.home)))
    return 0


def line_of(found: dict[str, Any]) -> str:
    """Return the standing shadow in a line."""
    if not found:
        return "no standing shadow"
    line = (
        f"{found['model']} reads {found['share']:.0%} along ({found['state']}):"
        f" {found['turns']} turns read, {found['differences']} differ"
    )
    return f"{line}; {found['message']}" if found.get("message") else line


def one_pass(
    settings: Settings, sessions: sessionmaker, args: argparse.Namespace, *, now: datetime
) -> int:
    """Read the turns that there are, once."""
    from bot.nlu.reader import Reader

    training, name = load_training(), serving_name(settings)
    if name is None:
        raise NotFound("还没有在用的模型，请先训练并上线一个（intake coach train、intake coach switch）")
    with noted_job(settings.home, "shadow", model=args.model, by=args.by):
        serving = Reader.open(archive_of(settings.home, name))
        candidate = Reader.open(archive_of(settings.home, args.model))
        read, differ, more = 0, 0, True
        with reading(sessions) as session:
            after = first_id(session, now - timedelta(hours=args.since))
        while more:
            last, turns, found = look(
                sessions, training, serving, candidate, name=args.model, after=after, share=args.share
            )
            more, after, read, differ = last > after, last, read + turns, differ + found
            note_state(settings.home, stage="shadow", turns=read, differences=differ)
    print(f"{read} turns read, {differ} differ")
    return 0
