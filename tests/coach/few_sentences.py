"""A copy of what a type lives in, with few sentences of each, and the answers for a new type."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

from ruamel.yaml import YAML

from bot.settings import ROOT

ANSWERS = YAML(typ="safe").load(Path(__file__).with_name("port_out_progress.yml").read_text("utf-8"))
FILES = (
    "data/nlu", "data/rules", "data/handbook", "data/lexicon", "tests/nlu", "tests/conversations",
    "domain.yml",
)
NAME = "port_out_progress"
FEW = 40


def copied(folder: Path) -> Path:
    """Copy the files that a type lives in, with few sentences of each type, and those that move."""
    for name in FILES:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, place, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        else:
            shutil.copy(ROOT / name, place)
    for path in (folder / "data/nlu").glob("*.yml"):
        lines = path.read_text("utf-8").splitlines(keepends=True)
        starts = [i for i, line in enumerate(lines) if line.startswith("  - text:")]
        rows = ["".join(lines[i:j]) for i, j in pairwise([*starts, len(lines)])]
        moves = [row for row in rows if any(f'"{text}"' in row for text in ANSWERS["move"])]
        stay = [row for row in rows if row not in moves]
        path.write_text("".join([*lines[: starts[0]], *stay[:FEW], *moves]), "utf-8")
    return folder
