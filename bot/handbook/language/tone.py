"""Tone, 语气: whether a reply sounds as if it did anything wrong, by the weight of its words.

A pattern about tone cannot know every fine sentence that looks alike. `tone.tsv` holds how much
more often each run of one to three characters stands in bad sentences than in fine ones; where
clause, sentence and reply sound fine together, what such a pattern found is taken back. It adds
nothing, and costs nothing where no pattern finds anything. `intake language tone` makes the table.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.handbook.errors import TableError
from bot.handbook.language.text import Reply

FILE = "tone.tsv"
# Higher, politeness around an insult begins to hide it. Chosen on `evaluation_dev13.jsonl`, which
# neither the rules nor this table were made from.
FINE_BELOW = 0.3
RUDE_FROM = 0.8
_LONGEST = 3
_MARKS = " 。!?;\n"
_BLANK = re.compile(r"\s")


def grams(text: str) -> set[str]:
    """Return the runs of characters of a normalised text, with its beginning and end marked."""
    marked = f"^{text.strip(_MARKS)}$"
    runs = {
        marked[at : at + size]
        for size in range(1, _LONGEST + 1)
        for at in range(len(marked) - size + 1)
    }
    return {run for run in runs if not _BLANK.search(run)}


def rarity(seen: int, texts: int) -> float:
    """Return how much a run tells that stood in so many of all texts."""
    return 1 + math.log((1 + texts) / (1 + seen))


@dataclass(frozen=True)
class Tone:
    """The weights of `tone.tsv`: of each run how rare it is, and how much it speaks for bad."""

    runs: Mapping[str, tuple[float, float]]
    bias: float
    made_of: str

    def bad(self, text: str) -> float:
        """Return the chance that a normalised text is a bad one, from 0 to 1."""
        known = [self.runs[run] for run in grams(text) if run in self.runs]
        length = math.sqrt(sum(rare * rare for rare, _ in known)) or 1.0
        score = self.bias + sum(rare * weight for rare, weight in known) / length
        return 1 / (1 + math.exp(-score))

    def is_fine(self, reply: Reply, start: int, end: int) -> bool:
        """Tell whether the clause and sentence around a span and the whole reply sound fine."""
        # Politeness around a clause makes nothing polite that sounds rude by itself.
        if self._heard(reply, *reply.clause(start, end)) >= RUDE_FROM:
            return False
        stretches = (reply.clause(start, end), reply.sentence(start, end), (0, len(reply.text)))
        return sum(self._heard(reply, *each) for each in stretches) / len(stretches) < FINE_BELOW

    def _heard(self, reply: Reply, left: int, right: int) -> float:
        if (left, right) not in reply.heard:
            reply.heard[left, right] = self.bad(reply.text[left:right])
        return reply.heard[left, right]


def read_tone(path: Path) -> Tone | None:
    """Read a table; None where there is none. Raise `TableError` at the first wrong line."""
    if not path.exists():
        return None
    number = 0
    runs: dict[str, tuple[float, float]] = {}
    bias, texts, made_of = 0.0, 0, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        number += 1
        try:
            if number == 1:
                _, told_bias, told_texts, made_of = line.split("\t")
                bias, texts = float(told_bias), int(told_texts)
                continue
            run, seen, weight = line.split("\t")
            runs[run] = (rarity(int(seen), texts), float(weight))
        except ValueError as error:
            raise TableError(
                file=path, line=number, key=FILE,
                expected=f"the form that `intake language tone` writes ({error})",
            ) from error  # fmt: skip
    return Tone(runs, bias, made_of)


def write_tone(
    path: Path, runs: Iterable[tuple[str, int, float]], *, bias: float, texts: int, made_of: str
) -> None:
    """Write a table: head, then run, in how many texts it stood, weight."""
    lines = [f"#\t{bias:.3f}\t{texts}\t{made_of}"]
    lines += [f"{run}\t{seen}\t{weight:.2f}" for run, seen, weight in sorted(runs)]
    half = path.with_suffix(".half")
    half.write_text("\n".join(lines) + "\n", encoding="utf-8")
    half.replace(path)
