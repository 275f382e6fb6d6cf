"""`intake coach promote` 转为语料: settled labels become training sentences, with their lineage.

Refused, with the reason: personal data, a sentence nearly there already, one that another type
has, one that stands in an evaluation set. A share is set aside for tests, whole situations.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap
from sqlalchemy.orm import Session

from bot.coach.data_report import NEAR, leaks
from bot.coach.examples import Example, read_examples, read_training
from bot.coach.split import is_held_out
from bot.coach.workspace import Changes, dump_yaml, flow, load_yaml, quoted, save
from bot.desk.likeness import Neighbours, bare
from bot.desk.training_labels import labelled_items, mark_items
from bot.handbook.errors import NotFound
from bot.handbook.tables import Handbook, load_handbook
from bot.handbook.training import Training
from bot.handbook.training_table import load_training
from bot.handbook.training_text import personal_parts
from bot.settings import ROOT, load_settings
from bot.storage.coach import InboxItem
from bot.storage.engine import open_database, reading

SHORTEST = 2
LIVE_TESTS = "tests/nlu/live.yml"
REGISTER = "live"


@dataclass(frozen=True)
class Sentence:
    """A settled label on its way into the data."""

    id: int
    text: str
    type: str
    urgency: str | None
    situation: str
    register: str = REGISTER
    by: str = ""
    on: str = ""

    @property
    def origin(self) -> str:
        """Return the hash that names the words this came from."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    def example(self) -> Example:
        """Return the sentence as the data report sees it."""
        return Example(self.text, self.type, self.urgency, self.situation, self.register)

    def row(self) -> CommentedMap:
        """Return the entry of a training file."""
        marks: dict[str, Any] = {"urgency": self.urgency} if self.urgency else {}
        marks |= {"situation": self.situation, "register": self.register}
        if self.by:
            marks |= {"origin": self.origin, "by": quoted(self.by), "labelled": quoted(self.on)}
        return CommentedMap({"text": quoted(self.text), "metadata": flow(marks)})


@dataclass
class Promotion:
    """What would be added where, what was refused and why."""

    changes: Changes
    train: list[Sentence] = field(default_factory=list)
    tests: list[Sentence] = field(default_factory=list)
    refused: list[tuple[Sentence, str]] = field(default_factory=list)
    there: list[Sentence] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the promotion as data."""
        return {
            "train": [{"text": s.text, "type": s.type, "urgency": s.urgency} for s in self.train],
            "tests": [{"text": s.text, "type": s.type, "urgency": s.urgency} for s in self.tests],
            "refused": [
                {"id": s.id, "text": s.text, "type": s.type, "reason": why}
                for s, why in self.refused
            ],
            "diff": self.changes.diff(),
            "files": self.changes.paths(),
        }


def sentence_of(item: InboxItem, handbook: Handbook) -> Sentence:
    """Return a settled turn as a sentence; turns of one group are one situation."""
    # A label outlives the renaming or merging of its type.
    type_ = handbook.name_in_use(item.type) or item.type
    return Sentence(
        id=item.id, text=item.text, type=type_, urgency=item.urgency,
        situation=f"{type_}-live-{item.group_id}", by=item.labelled_by or "",
        on=item.labelled_at.date().isoformat() if item.labelled_at else "",
    )


def evaluation_sets(root: Path) -> list[tuple[str, list[Example]]]:
    """Return the evaluation sets of the project by name."""
    files = sorted([*root.glob("tests/nlu/*.yml"), *root.glob("tests/nlu/*.jsonl")])
    return [(file.name, read_examples(file)) for file in files]


def plan_promotion(
    sentences: Sequence[Sentence], training: Training, types: Iterable[str], root: Path
) -> Promotion:
    """Examine every sentence and plan the files."""
    promotion = Promotion(Changes(root))
    if not sentences:
        return promotion
    examples, sets = read_training(root / "data" / "nlu"), evaluation_sets(root)
    known, allowed = Known(examples), set(types)
    # What an earlier run wrote, before it could say so in the inbox, is ours and only marked.
    ours = {
        (row.origin, row.type, row.urgency)
        for rows in (examples, *(rows for _, rows in sets)) for row in rows if row.origin
    }
    for sentence in sentences:
        if (sentence.origin, sentence.type, sentence.urgency) in ours:
            promotion.there.append(sentence)
            continue
        why = refusal(sentence, known, sets, allowed)
        if why:
            promotion.refused.append((sentence, why))
            continue
        known.add(sentence.example())
        aside = is_held_out(sentence.situation, training.test_share)
        (promotion.tests if aside else promotion.train).append(sentence)
    add_sentences(promotion.changes, promotion.train)
    add_tests(promotion.changes, promotion.tests)
    return promotion


def refusal(
    sentence: Sentence, known: Known, sets: Sequence[tuple[str, Sequence[Example]]],
    types: set[str],
) -> str:
    """Return why a sentence may not enter the data, or an empty text."""
    if sentence.type not in types:
        return f"没有“{sentence.type}”这个类型"
    if len(bare(sentence.text)) < SHORTEST:
        return "太短"
    if parts := personal_parts(sentence.text):
        return f"含个人信息：{'、'.join(parts)}"
    if twin := known.twin(sentence.text):
        where = "同类型" if twin.type == sentence.type else f"类型{twin.type}"
        return f"与{where}已有语料几乎相同：{twin.text}"
    example = sentence.example()
    for name, rows in sets:
        if leaks([example], [(name, rows)]) or any(bare(row.text) == bare(sentence.text) for row in rows):
            return f"在评测集{name}里"
    return ""


class Known:
    """Sentences that are in the data already, searched for one that is nearly the same."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._examples: list[Example] = []
        self._same: dict[str, Example] = {}
        self._near = Neighbours()
        for example in examples:
            self.add(example)

    def add(self, example: Example) -> None:
        """Remember a sentence."""
        self._near.add(len(self._examples), example.text)
        self._examples.append(example)
        self._same.setdefault(bare(example.text), example)

    def twin(self, text: str, *, least: float = NEAR) -> Example | None:
        """Return a known sentence that is the same, or nearly: as the data report has it."""
        if (same := self._same.get(bare(text))) is not None:
            return same
        key, alike = self._near.nearest(text)
        if key is None or alike < least or min(len(bare(text)), len(bare(self._examples[key].text))) < 4:
            return None
        return self._examples[key]


def add_sentences(changes: Changes, sentences: Iterable[Sentence]) -> None:
    """Append sentences to the training files of their types."""
    by_type: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        by_type.setdefault(sentence.type, []).append(sentence)
    for name, rows in by_type.items():
        path = f"data/nlu/{name}.yml"
        _append(changes, path, name, rows)


def add_tests(changes: Changes, sentences: Iterable[Sentence]) -> None:
    """Append sentences to the evaluation set of live turns."""
    for sentence in sentences:
        _append(changes, LIVE_TESTS, sentence.type, [sentence])


def _append(changes: Changes, path: str, name: str, rows: Sequence[Sentence]) -> None:
    text = changes.text(path)
    document = load_yaml(text) if text else CommentedMap({"version": quoted("3.1"), "nlu": []})
    block = next((b for b in document["nlu"] if b["intent"] == name), None)
    if block is None:
        block = CommentedMap({"intent": name, "examples": []})
        document["nlu"].append(block)
    for sentence in rows:
        block["examples"].append(sentence.row())
    changes.put(path, dump_yaml(document))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach promote`."""
    parser.add_argument("--write", action="store_true", help="change the files; else only show")
    parser.add_argument("--commit", action="store_true", help="also commit on a branch")
    parser.add_argument("--branch", default="", help="name of the branch, new or to be continued; else a new one of the day and hour")
    parser.add_argument("--by", default="trainer", help="who promotes")
    parser.add_argument("--json", action="store_true", help="print data instead of the diff")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Show what settled labels would change, and change it when asked."""
    now = datetime.now(timezone.utc)
    sessions = open_database(load_settings().database_url)
    handbook = load_handbook()
    # Examining takes seconds: the only writer of SQLite must not be held meanwhile.
    with reading(sessions) as session:
        sentences = [sentence_of(item, handbook) for item in labelled_items(session)]
    promotion = plan_promotion(
        sentences, load_training(), handbook.types_in_use(), args.root
    )
    if not sentences and not args.json:
        raise NotFound("没有标好的话可以转为语料，请先标注（intake coach inbox、intake coach label）")
    result = promotion.as_json()
    if args.write:
        count = len(promotion.train) + len(promotion.tests)
        result |= save(
            promotion.changes, branch=f"training/{now:%Y%m%d-%H%M}", named=args.branch,
            message=f"data: {count} sentences from live turns", author=args.by, commit=args.commit,
        )
        with sessions.begin() as session:
            mark_promotion(session, promotion)
    show(result, as_json=args.json)
    return 0


def mark_promotion(session: Session, promotion: Promotion) -> None:
    """Note in the inbox what entered the data and what did not, with the reason."""
    mark_items(session, [s.id for s in promotion.train + promotion.tests + promotion.there], "promoted")
    for sentence, why in promotion.refused:
        mark_items(session, [sentence.id], "refused", note=why)


def show(result: dict[str, Any], *, as_json: bool) -> None:
    """Print the result for a program or for a person."""
    if as_json:
        json.dump(result, sys.stdout, ensure_ascii=False)
        return
    print(result["diff"], end="")
    print(f"train {len(result['train'])}, tests {len(result['tests'])}, refused {len(result['refused'])}")
    for row in result["refused"]:
        print(f"  {row['text']} ({row['type']}): {row['reason']}")
    if "branch" in result:
        print(f"committed on {result['branch']}: {result['commit'][:12]}")
