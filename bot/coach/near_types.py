"""Near types 易混类型: which known types the sentences of a new one would be taken for.

`intake coach near` looks by characters alone, while one writes. What it learned of the data is kept
beside the jobs of trainers until the data change, so that a look reads neither data nor tables.
The desk has it learned anew before anybody looks (`--prepare`).
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bot.coach.examples import Example, read_training
from bot.coach.line_files import text_of
from bot.desk.coach_runs import coach_folder
from bot.desk.likeness import bare
from bot.handbook.tables import Handbook, load_handbook
from bot.settings import ROOT, load_settings

SHOWN = 5


def confusable(
    texts: Sequence[str], known: Sequence[Example], handbook: Handbook, *, reader: Any = None
) -> list[dict[str, Any]]:
    """Return the types that the texts are read as most: by the model, else by their characters."""
    if reader:
        read = [reading.type for reading in reader.read(texts)]
    else:
        read = Characters.learn(known).nearest(texts) if texts and known else []
    return shares(read, titles_of(handbook))


def titles_of(handbook: Handbook) -> dict[str, str]:
    """Return the titles of the types."""
    return {name: row.title for name, row in handbook.types.items()}


def shares(read: Sequence[str], titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the types that were read most, with their share."""
    return [
        {"type": name, "title": titles.get(name, name), "share": round(count / len(read), 3)}
        for name, count in Counter(read).most_common(SHOWN)
    ]


def grams(text: str) -> Iterator[str]:
    """Return the characters of a text and their pairs."""
    said = bare(text)
    yield from said
    yield from (said[i : i + 2] for i in range(len(said) - 1))


@dataclass(frozen=True)
class Characters:
    """What each character and pair of characters says for each type."""

    types: np.ndarray
    grams: np.ndarray
    weights: np.ndarray

    @classmethod
    def learn(cls, known: Sequence[Example]) -> Characters:
        """Weigh the characters of sentences whose types are known: seconds for all of the data."""
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.naive_bayes import ComplementNB

        counts = CountVectorizer(analyzer=grams)
        model = ComplementNB().fit(counts.fit_transform([e.text for e in known]), [e.type for e in known])
        weights = model.feature_log_prob_.T.astype(np.float32)
        return cls(np.array(model.classes_, str), np.array(counts.get_feature_names_out(), str), weights)

    def nearest(self, texts: Sequence[str]) -> list[str]:
        """Return the type whose sentences share most with each text."""
        return [str(self.types[self._scores(text).argmax()]) for text in texts]

    def _scores(self, text: str) -> np.ndarray:
        said = np.array([*grams(text)], str)
        place = np.searchsorted(self.grams, said) % len(self.grams)
        return np.asarray(self.weights[place[self.grams[place] == said]].sum(axis=0))


def learned(root: Path, home: Path) -> tuple[Characters, dict[str, str]]:
    """Return what the data teach, with the titles of the types; learn anew only when they changed."""
    path, stamp = coach_folder(home) / "near.npz", _stamp(root)
    if kept := _kept(path, stamp):
        return kept
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        # Who comes while another learns waits for that, and does not learn the same beside it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _kept(path, stamp) or _learn(path, stamp, root)


def _kept(path: Path, stamp: str) -> tuple[Characters, dict[str, str]] | None:
    try:
        with np.load(path) as kept:
            if str(kept["stamp"]) == stamp:
                return Characters(kept["types"], kept["grams"], kept["weights"]), json.loads(str(kept["titles"]))
    except (OSError, ValueError, KeyError, BadZipFile):
        pass  # none is kept yet, or one of another form
    return None


def _learn(path: Path, stamp: str, root: Path) -> tuple[Characters, dict[str, str]]:
    found = Characters.learn(read_training(root / "data" / "nlu"))
    titles = titles_of(load_handbook(root / "data" / "handbook"))
    draft = path.with_name(f".near-{os.getpid()}.npz")
    np.savez(draft, stamp=stamp, titles=json.dumps(titles), **vars(found))
    draft.replace(path)
    return found, titles


def _stamp(root: Path) -> str:
    files = [*sorted((root / "data" / "nlu").glob("*.yml")), root / "data" / "handbook" / "requests.yml"]
    seen = [(str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach near`."""
    parser.add_argument("sentences", nargs="?", default="-", help="file with one sentence a line; - is standard input")
    parser.add_argument("--prepare", action="store_true", help="learn what changed, for who looks later")
    parser.add_argument("--json", action="store_true", help="print data")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Show which types the sentences come near."""
    if args.prepare:
        # Not at a lower priority: who looks meanwhile waits for it.
        learned(args.root, load_settings().home)
        return 0
    said = [line for line in text_of(args.sentences).splitlines() if bare(line)]
    found, titles = learned(args.root, load_settings().home)
    near = shares(found.nearest(said), titles)
    if args.json:
        print(json.dumps({"confusable": near}, ensure_ascii=False))
    else:
        print("\n".join(line_of(row) for row in near))
    return 0


def line_of(row: Mapping[str, Any]) -> str:
    """Return a near type for a terminal."""
    return f"near     {row['title']} ({row['type']}) {row['share']:.0%}"
