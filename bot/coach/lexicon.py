"""`intake coach words` 词表与征象: words and raising signals, saved after a look at what would change.

The preview reads last week's turns: which would be cut into other words, which would be raised.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.coach.line_files import BadFile, text_of
from bot.coach.type_files import LEXICON, add_words, edit
from bot.coach.workspace import Changes, load_yaml, save
from bot.handbook.errors import DeskError
from bot.handbook.signal_table import load_signals
from bot.handbook.training_text import for_training
from bot.handbook.urgency import signals
from bot.settings import ROOT, load_settings
from bot.storage.conversations import Message
from bot.storage.engine import open_database, reading

SIGNALS = "data/handbook/signals.yml"
OPTIONAL = frozenset({"all_of", "unless", "kinds"})
MOST = 5_000
SHOWN = 50
WEEK = timedelta(days=7)


def week_of_turns(session: Session, *, now: datetime) -> list[str]:
    """Return what customers said in the last week, masked."""
    rows = session.execute(
        select(Message.text)
        .where(
            Message.direction == "in", Message.author == "customer",
            Message.created_at >= now - WEEK,
        )
        .order_by(Message.id.desc())
        .limit(MOST)
    ).scalars()
    return [for_training(text) for text in rows]


def plan_words(root: Path, add: Iterable[str], drop: Iterable[str]) -> Changes:
    """Plan words to be added to the lexicon and taken out of it."""
    changes, wrong = Changes(root), [w for w in add if not 1 < len(w) <= 12 or " " in w]
    if wrong:
        raise DeskError("bad_request", f"“{wrong[0]}”不能作为词：2到12个字，没有空格")
    add_words(changes, add)
    gone = set(drop)
    if gone:
        text = changes.text(LEXICON) or ""
        kept = [line for line in text.splitlines() if not line.split() or line.split()[0] not in gone]
        changes.put(LEXICON, "\n".join(kept) + "\n")
    return changes


def cut_differently(root: Path, changes: Changes, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the turns that the new lexicon cuts into other words."""
    old, new = _segmenter(root, None), _segmenter(root, changes)
    found = []
    for text in texts:
        before, after = list(old.cut(text)), list(new.cut(text))
        if before != after:
            found.append({"text": text, "before": "/".join(before), "after": "/".join(after)})
    return found


def _segmenter(root: Path, changes: Changes | None) -> Any:
    import jieba

    tokenizer = jieba.Tokenizer()
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        text = changes.text(LEXICON) if changes else (root / LEXICON).read_text("utf-8")
        file.write(text or "")
        file.flush()
        tokenizer.load_userdict(file.name)
    return tokenizer


def plan_signal(root: Path, entry: dict[str, Any]) -> Changes:
    """Plan one signal of the table, new or changed; raise `TableError` when it cannot be used."""
    changes = Changes(root)

    def change(table: Any) -> None:
        for row in table["signals"]:
            if row["id"] == entry.get("id"):
                for key, value in entry.items():
                    row[key] = value
                # What a person cleared is not sent; left behind it would go on ruling the signal.
                for key in OPTIONAL - set(entry):
                    row.pop(key, None)
                break
        else:
            table["signals"].append(entry)
        table["version"] = int(table["version"]) + 1

    edit(changes, SIGNALS, change)
    _load(changes)
    return changes


def read_signal(name: str) -> dict[str, Any]:
    """Read the JSON of one signal; raise `BadFile` when it is none."""
    try:
        entry = json.loads(text_of(name))
    except (ValueError, RecursionError) as error:
        raise BadFile(name, f"no JSON: {error}") from error
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise BadFile(name, "expected an object of one signal, with its `id`")
    return entry


def _load(changes: Changes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "signals.yml"
        copy.write_text(str(changes.text(SIGNALS)), encoding="utf-8")
        return load_signals(copy)


def raised_differently(root: Path, changes: Changes, texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the turns on which the new table finds other signals than the present one."""
    old, new = load_signals(root / SIGNALS), _load(changes)
    found = []
    for text in texts:
        before = [signal.title for signal in signals(text, old)]
        after = [signal.title for signal in signals(text, new)]
        if before != after:
            found.append({"text": text, "before": "、".join(before), "after": "、".join(after)})
    return found


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach words`."""
    parser.add_argument("--add", nargs="*", default=[], metavar="WORD", help="words to add")
    parser.add_argument("--drop", nargs="*", default=[], metavar="WORD", help="words to take out")
    parser.add_argument("--signal", metavar="FILE", help="JSON of one signal, new or changed; - is stdin")
    parser.add_argument("--show", action="store_true", help="show the words and signals there are")
    parser.add_argument("--write", action="store_true", help="save; else only preview")
    parser.add_argument("--commit", action="store_true", help="also commit on a branch")
    parser.add_argument("--by", default="trainer", help="who changes it")
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def show(root: Path, *, as_json: bool) -> int:
    """Print the words of the lexicon and the entries of the table of signals."""
    lexicon = (root / LEXICON).read_text("utf-8").splitlines()
    table = load_yaml((root / SIGNALS).read_text("utf-8"))
    words, entries = [line.split()[0] for line in lexicon if line.strip()], list(table["signals"])
    if as_json:
        print(json.dumps({"words": words, "signals": entries}, ensure_ascii=False))
        return 0
    print(" ".join(words))
    for entry in entries:
        print(f"{entry['id']} {entry['title']} → {entry['raises_to']}: {entry['pattern']}")
    return 0


def run(args: argparse.Namespace) -> int:
    """Preview a change of words or of a signal on last week's turns; save it when asked."""
    if args.show:
        return show(args.root, as_json=args.json)
    now = datetime.now(timezone.utc)
    with reading(open_database(load_settings().database_url)) as session:
        texts = week_of_turns(session, now=now)
    if args.signal:
        changes = plan_signal(args.root, read_signal(args.signal))
        differ = raised_differently(args.root, changes, texts)
    else:
        changes = plan_words(args.root, args.add, args.drop)
        differ = cut_differently(args.root, changes, texts)
    result: dict[str, Any] = {
        "turns": len(texts), "changed": len(differ), "examples": differ[:SHOWN], "diff": changes.diff(),
    }
    if args.write:
        result |= save(
            changes, branch=f"training/words-{now:%Y%m%d-%H%M}", message="data: words and signals",
            author=args.by, commit=args.commit,
        )
    if args.json:
        print(json.dumps(result, ensure_ascii=False))
        return 0
    print(result["diff"], end="")
    print(f"{result['changed']} of {result['turns']} turns of the last week would change")
    for row in result["examples"]:
        print(f"  {row['text']}: {row['before'] or '-'} → {row['after'] or '-'}")
    return 0
