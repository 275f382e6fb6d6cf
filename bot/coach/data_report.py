"""Data report 语料报告: what the training data holds and what is wrong with it.

Wrong is: one sentence twice, two sentences that differ in next to nothing, a sentence that
stands in an evaluation set, a request without urgency, a family of sentences stamped from one
template.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.coach.examples import Example, read_examples, read_training
from bot.handbook.requests import Urgency
from bot.handbook.tables import load_handbook

NEAR = 0.75
FAMILY = 4
SHORTEST = 4
_NOISE = re.compile(r"[\W_]+")
_SLOT = re.compile(r"\d+|[零一二三四五六七八九十百千万两幺]+")


@dataclass(frozen=True)
class Report:
    """What was found; the lists name sentences, so that they can be mended."""

    counts: dict[str, dict[str, int]]
    registers: dict[str, dict[str, int]]
    near: list[tuple[float, Example, Example]] = field(default_factory=list)
    across: list[tuple[float, Example, Example]] = field(default_factory=list)
    leaks: list[tuple[Example, str]] = field(default_factory=list)
    unmarked: list[Example] = field(default_factory=list)
    families: list[tuple[str, list[str]]] = field(default_factory=list)

    def is_clean(self) -> bool:
        """Tell whether nothing must be mended."""
        return not (self.near or self.across or self.leaks or self.unmarked or self.families)


def bare(text: str) -> str:
    """Return the text without punctuation and spaces."""
    return _NOISE.sub("", text).lower()


def pairs(text: str) -> frozenset[str]:
    """Return the character pairs of a text."""
    bared = f"^{bare(text)}$"
    return frozenset(bared[i : i + 2] for i in range(len(bared) - 1))


def near_duplicates(
    examples: Sequence[Example], *, least: float = NEAR
) -> list[tuple[float, Example, Example]]:
    """Find sentences whose character pairs overlap by `least` or more (Jaccard).

    Sentences of fewer than `SHORTEST` characters are left out. Two sentences of such likeness share a rare pair, so each is compared only with those that
    stand under one of its rarest pairs (prefix filtering): all are found, few are compared.
    """
    examples = [example for example in examples if len(bare(example.text)) >= SHORTEST]
    sets = [pairs(example.text) for example in examples]
    seen = Counter(pair for each in sets for pair in each)
    under: dict[str, list[int]] = defaultdict(list)
    found = []
    for i, own in enumerate(sets):
        ordered = sorted(own, key=lambda pair: (seen[pair], pair))
        prefix = ordered[: len(own) - int(least * len(own) + 0.999) + 1]
        for j in {j for pair in prefix for j in under[pair]}:
            likeness = len(own & sets[j]) / len(own | sets[j])
            if likeness >= least:
                found.append((likeness, examples[j], examples[i]))
        for pair in prefix:
            under[pair].append(i)
    return sorted(found, key=lambda row: -row[0])


def families(examples: Iterable[Example], *, least: int = FAMILY) -> list[tuple[str, list[str]]]:
    """Find sentences of one type that differ in one slot only: the mark of a template.

    A slot is a number, or any one stretch of the sentence between a shared beginning and a
    shared end that together make up most of it.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for example in examples:
        text = bare(example.text)
        frame = _SLOT.sub("#", text)
        if len(frame.replace("#", "")) >= SHORTEST:
            found[example.type, f"number: {frame}"].add(text)
        for start in range(2, len(text) - 3):
            for width in (1, 2, 3, 4):
                rest = len(text) - width
                if start + width <= len(text) - 2 and rest >= 6:
                    frame = f"{text[:start]}＿{text[start + width :]}"
                    found[example.type, frame].add(text)
    large = [(f"{kind}: {frame}", sorted(texts)) for (kind, frame), texts in found.items()
             if len(texts) >= least]  # fmt: skip
    return sorted(large, key=lambda row: -len(row[1]))


def leaks(
    examples: Sequence[Example], others: Iterable[tuple[str, Sequence[Example]]], *, shortest: int = 7
) -> list[tuple[Example, str]]:
    """Find training sentences that stand, all but word for word, in an evaluation set.

    Sentences under `shortest` characters (查话费, 转人工) are common property.
    """
    found = []
    for name, rows in others:
        known = [pairs(row.text) for row in rows if len(bare(row.text)) >= shortest]
        index: dict[str, list[int]] = defaultdict(list)
        for i, each in enumerate(known):
            for pair in each:
                index[pair].append(i)
        for example in examples:
            if len(bare(example.text)) < shortest:
                continue
            own = pairs(example.text)
            shared = Counter(i for pair in own for i in index.get(pair, ()))
            if any(n / len(own | known[i]) >= 0.9 for i, n in shared.items() if n >= 0.8 * len(own)):
                found.append((example, name))
    return found


def report(
    examples: Sequence[Example],
    others: Iterable[tuple[str, Sequence[Example]]],
    requests: frozenset[str],
) -> Report:
    """Examine the training data; `requests` are the types that need an urgency."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    registers: dict[str, Counter[str]] = defaultdict(Counter)
    for example in examples:
        counts[example.type][example.urgency or "-"] += 1
        registers[example.type][example.register or "-"] += 1
    twins = near_duplicates(examples)
    levels = {level.value for level in Urgency}
    return Report(
        counts={name: dict(row) for name, row in sorted(counts.items())},
        registers={name: dict(row) for name, row in sorted(registers.items())},
        near=[row for row in twins if row[1].type == row[2].type],
        across=[row for row in twins if row[1].type != row[2].type],
        leaks=leaks(examples, others),
        unmarked=[e for e in examples if (e.type in requests) is not (e.urgency in levels)],
        families=families(examples),
    )


_EVALUATION = (Path("tests/nlu/heldout.yml"), Path("tests/nlu/fresh.jsonl"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `intake coach data`."""
    parser.add_argument("--data", type=Path, default=Path("data/nlu"), help="training folder")
    parser.add_argument(
        "--against", type=Path, nargs="*",
        help="evaluation sets that must not be in the data; those of tests/nlu if none is named",
    )  # fmt: skip
    parser.add_argument("--show", type=int, default=10, help="findings shown of each kind")


def run(args: argparse.Namespace) -> int:
    """Print the report; exit 1 when something must be mended."""
    handbook = load_handbook()
    requests = frozenset(name for name, row in handbook.types.items() if row.kind.is_request)
    examples = read_training(args.data)
    against = [path for path in _EVALUATION if path.exists()] if args.against is None else args.against
    others = [(path.name, read_examples(path)) for path in against]
    found = report(examples, others, requests)
    print(f"{'type':22}{'all':>6}{'general':>9}{'major':>7}{'urgent':>8}  registers")
    for name, row in found.counts.items():
        spread = " ".join(f"{k}:{n}" for k, n in sorted(found.registers[name].items()))
        levels = "".join(f"{row.get(k, 0):>{w}}" for k, w in
                         (("general", 9), ("major", 7), ("urgent", 8)))  # fmt: skip
        print(f"{name:22}{sum(row.values()):>6}{levels}  {spread}")
    print(f"{'together':22}{len(examples):>6}")
    for title, rows in _findings(found).items():
        print(f"{title}: {len(rows)}")
        for line in rows[: args.show]:
            print(f"  {line}")
    return 0 if found.is_clean() else 1


def _findings(found: Report) -> dict[str, list[str]]:
    twin = [f"{like:.2f} {a.type} {a.text} | {b.type} {b.text}" for like, a, b in found.near]
    cross = [f"{like:.2f} {a.type} {a.text} | {b.type} {b.text}" for like, a, b in found.across]
    return {
        "near-duplicates inside a type": twin,
        "near-duplicates between types": cross,
        # The text of an evaluation row is not printed, only that a training sentence equals it.
        "leaks into evaluation sets": [f"{e.type} {e.text} ({name})" for e, name in found.leaks],
        "urgency missing or misplaced": [f"{e.type} {e.text}" for e in found.unmarked],
        "slot-filled families": [
            f"{frame} {json.dumps(texts, ensure_ascii=False)}" for frame, texts in found.families
        ],
    }
