"""Held-out set 留出集: whole situations taken out of the training data, the same ones each time.

A sentence's neighbours are the other wordings of its situation; splitting by situation keeps
them on one side. Which situations go is decided by a hash of their names, so that new data
never moves an old situation across.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from bot.coach.examples import Example, read_training
from bot.coach.line_files import BadFile, written_to
from bot.handbook.errors import DeskError

SEED = "held-out-1"


def is_held_out(situation: str, share: float) -> bool:
    """Tell whether a situation belongs to the held-out set."""
    digest = hashlib.sha256(f"{SEED}:{situation}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def rasa_yaml(examples: Iterable[Example]) -> str:
    """Write examples in Rasa's format, one intent after another."""
    by_type: dict[str, list[Example]] = {}
    for example in examples:
        by_type.setdefault(example.type, []).append(example)
    lines = ['version: "3.1"', "nlu:"]
    for name, rows in by_type.items():
        lines += [f"- intent: {name}", "  examples:"]
        for row in rows:
            marks = [f"urgency: {row.urgency}"] if row.urgency else []
            marks += [f"situation: {row.situation}", f"register: {row.register}"]
            text = json.dumps(row.text, ensure_ascii=False)
            lines += [f"  - text: {text}", f"    metadata: {{{', '.join(marks)}}}"]
    return "\n".join(lines) + "\n"


def split(data: Path, held_out: Path, *, share: float) -> tuple[int, int]:
    """Move the chosen situations from the folder into the held-out file; return both counts."""
    files = sorted(data.glob("*.yml"))
    if not files:
        raise BadFile(data, "no folder of training files (*.yml)")
    if not 0 < share < 1:
        raise DeskError("bad_request", f"--share: expected a number between 0 and 1, got {share:g}")
    moved = read_training(held_out) if held_out.exists() else []
    stayed, left = 0, dict[Path, list[Example]]()
    for file in files:
        rows = read_training(file)
        out = [row for row in rows if row.situation and is_held_out(row.situation, share)]
        kept = [row for row in rows if not (row.situation and is_held_out(row.situation, share))]
        stayed += len(kept)
        if out:
            moved += out
            left[file] = kept
    moved.sort(key=lambda row: row.type)
    # The target first: who is stopped in between finds sentences twice, and none lost.
    for file, rows in {held_out: moved, **left}.items():
        with written_to(str(file)) as stream:
            stream.write(rasa_yaml(rows))
    return stayed, len(moved)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach split`."""
    parser.add_argument("--data", type=Path, default=Path("data/nlu"), help="training folder")
    parser.add_argument(
        "--held-out", type=Path, default=Path("tests/nlu/heldout.yml"), help="held-out file"
    )
    parser.add_argument("--share", type=float, default=0.12, help="share of situations taken out")


def run(args: argparse.Namespace) -> int:
    """Split and say how many sentences are on either side."""
    stayed, moved = split(args.data, args.held_out, share=args.share)
    print(f"training {stayed}, held out {moved}")
    return 0
