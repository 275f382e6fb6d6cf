"""`intake coach situations` 情形: what a type's sentences are about, to choose from when dividing it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bot.coach.examples import read_training
from bot.handbook.errors import NotFound
from bot.settings import ROOT


def situations_of(root: Path, name: str) -> list[dict[str, object]]:
    """Return the situations of a type with their number of sentences and the shortest of them."""
    texts: dict[str, list[str]] = {}
    for example in read_training(root / "data" / "nlu"):
        if example.type == name and example.situation:
            texts.setdefault(example.situation, []).append(example.text)
    if not texts:
        raise NotFound(f"类型“{name}”没有语料", type=name)
    return [
        {"situation": situation, "count": len(rows), "text": min(rows, key=len)}
        for situation, rows in sorted(texts.items())
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach situations`."""
    parser.add_argument("type", help="name of the type")
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Print the situations of a type."""
    found = situations_of(args.root, args.type)
    if args.json:
        print(json.dumps({"situations": found}, ensure_ascii=False))
        return 0
    for row in found:
        print(f"{row['situation']}: {row['count']} sentences, such as {row['text']}")
    return 0
