"""Tone, 语气: whether a reply sounds as if it did anything wrong, by the weight of its words.

A pattern about tone cannot know every fine sentence that looks alike. `tone.tsv` holds how much
more often each run of one to three characters stands in bad sentences than in fine ones; where
clause, sentence and reply sound fine together, what such a pattern found is taken back. And where
a sentence sounds bad, rules of kind `tone` ask what it is about (`sounding`). A second table,
`grave.tsv`, weighs the same for what is held back against what is only warned of. `intake language
tone` makes both.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from bot.handbook.errors import TableError
from bot.handbook.language.text import Reply

FILE = "tone.tsv"
GRAVE = "grave.tsv"
# Higher, politeness around an insult begins to hide it. Chosen on `evaluation_dev12` to `dev14`,
# which this table was not made from.
FINE_BELOW = 0.3
RUDE_FROM = 0.8
# From here the rules of kind `tone` look at a sentence. Chosen on `evaluation_dev13` to `dev16`:
# higher they find fewer bad replies, lower they object to more fine ones.
LOUD_FROM = 0.65
_LONGEST = 3
_BORDER = "。"  # stands before and after each sentence, whatever mark ends it
_MARKS = " 。!?;\n"
_AT_BORDER = re.compile(rf"(?<={_BORDER}) +| +(?={_BORDER})")
_BEFORE = "\0" * (_LONGEST - 1)
_NO_RUN = re.compile(rf"\s|.{_BORDER}.|^{_BORDER}+$")


def bordered(text: str) -> str:
    """Put the border before and after each sentence of a normalised text."""
    for mark in "!?;\n":
        text = text.replace(mark, _BORDER)
    text = f"{_BORDER}{text}{_BORDER}"
    return _AT_BORDER.sub(lambda blank: _BORDER * len(blank[0]), text) if " " in text else text


def grams(text: str) -> Counter[str]:
    """Count the runs of characters of a normalised text, none of them across two sentences."""
    marked = bordered(text.strip(_MARKS))
    runs = Counter(
        marked[at : at + size]
        for size in range(1, _LONGEST + 1)
        for at in range(len(marked) - size + 1)
    )
    return Counter({run: count for run, count in runs.items() if not _NO_RUN.search(run)})


@dataclass(frozen=True)
class Tone:
    """The weights of a table, as what the longest run at a place and the runs in it add up to.

    The real part is the squares of how much they tell, whichever way, the imaginary part how much
    they speak for bad. `gravity` is the same for grave, of what is bad.
    """

    ending: Mapping[str, complex]
    bias: float
    made_of: str
    gravity: Tone | None = None

    @classmethod
    def of(cls, runs: Mapping[str, tuple[float, float]], bias: float, made_of: str = "") -> Tone:
        """Make a table of how much each run tells, and its weight."""
        told = {run: complex(tells * tells, tells * weight) for run, (tells, weight) in runs.items()}
        ending = {
            run: sum((told[run[at:]] for at in range(len(run)) if run[at:] in told), 0j)
            for run in told
        }
        return cls(ending, bias, made_of)

    def bad(self, text: str) -> float:
        """Return the chance that a normalised text is a bad one, from 0 to 1."""
        return self._chance(sum(self._places(bordered(text.strip(_MARKS))), 0j))

    def _places(self, marked: str) -> list[complex]:
        """Give what the runs that end at each place add up to; `_LONGEST` is written out."""
        ending = self.ending.get
        text = _BEFORE + marked
        return [
            ending(text[at : at + 3]) or ending(text[at + 1 : at + 3]) or ending(text[at + 2], 0j)
            for at in range(len(marked))
        ]

    def _chance(self, total: complex) -> float:
        return 1 / (1 + math.exp(-self.bias - total.imag / (math.sqrt(total.real) or 1.0)))

    def is_fine(self, reply: Reply, start: int, end: int) -> bool:
        """Tell whether the clause and sentence around a span and the whole reply sound fine."""
        # Politeness around a clause makes nothing polite that sounds rude by itself.
        if self._heard(reply, *reply.clause(start, end)) >= RUDE_FROM:
            return False
        stretches = (reply.clause(start, end), reply.sentence(start, end), (0, len(reply.text)))
        return sum(self._heard(reply, *each) for each in stretches) / len(stretches) < FINE_BELOW

    def sentences(self, reply: Reply) -> Iterator[tuple[int, int, float]]:
        """Yield every sentence, and how bad it sounds by itself."""
        return self._judged(self._sums(reply))

    def loud(self, reply: Reply, least: float = LOUD_FROM) -> list[tuple[int, int, float]]:
        """Find the sentences that sound bad, and how bad, without what is quoted in them."""
        judged = list(self.sentences(reply))
        if any(bad >= least for _, _, bad in judged) and reply.quotations:
            judged = list(self._judged(self._add_up(reply.own_words, reply.sentence_ends)))
        return [each for each in judged if each[2] >= least]

    def _judged(
        self, sums: Iterable[tuple[int, int, complex]]
    ) -> Iterator[tuple[int, int, float]]:
        for start, stop, total in sums:
            yield start, stop, self._chance(total)

    def _heard(self, reply: Reply, left: int, right: int) -> float:
        if (left, right) not in reply.heard:
            parts = [each for each in self._sums(reply) if left <= each[0] and each[1] <= right]
            whole = left == 0 and right == len(reply.text)
            if whole or (parts and (parts[0][0], parts[-1][1]) == (left, right)):
                total = sum((each[2] for each in parts), 0j)
            else:
                total = sum(self._places(bordered(reply.text[left:right].strip(_MARKS))), 0j)
            reply.heard[left, right] = self._chance(total)
        return reply.heard[left, right]

    def _sums(self, reply: Reply) -> Sequence[tuple[int, int, complex]]:
        if reply.sums is None:
            reply.sums = self._add_up(reply.text, reply.sentence_ends)
        return reply.sums

    def _add_up(self, text: str, ends: Sequence[int]) -> list[tuple[int, int, complex]]:
        """Add up the runs of each sentence, all in one go; no run goes across two."""
        places = self._places(bordered(text))
        edges = [-1, *ends, len(text)]
        # The border in front moves every place by one; what ends a sentence is its border, too.
        return [
            (left + 1, right, sum(places[left + 2 : right + 2], places[0] if left < 0 else 0j))
            for left, right in pairwise(edges)
        ]


def read_tone(path: Path) -> Tone | None:
    """Read a table, and the one of gravity beside it; None where there is none.

    Raise `TableError` at the first wrong line.
    """
    if not path.exists():
        return None
    tone = _read(path)
    beside = path.with_name(GRAVE)
    return replace(tone, gravity=_read(beside)) if beside.exists() else tone


def _read(path: Path) -> Tone:
    number = 0
    runs: dict[str, tuple[float, float]] = {}
    bias, made_of = 0.0, ""
    for line in path.read_text(encoding="utf-8").splitlines():
        number += 1
        try:
            if number == 1:
                _, told_bias, made_of = line.split("\t")
                bias = float(told_bias)
                continue
            run, tells, weight = line.split("\t")
            if not 0 < len(run) <= _LONGEST:
                raise ValueError(f"a run of {len(run)} characters")
            runs[run] = (float(tells), float(weight))
        except ValueError as error:
            raise TableError(
                file=path, line=number, key=path.name,
                expected=f"the form that `intake language tone` writes ({error})",
            ) from error  # fmt: skip
    return Tone.of(runs, bias, made_of)


def write_tone(
    path: Path, runs: Iterable[tuple[str, float, float]], *, bias: float, made_of: str
) -> None:
    """Write a table: head, then run, how much it tells, weight."""
    lines = [f"#\t{bias:.3f}\t{made_of}"]
    lines += [f"{run}\t{tells:.2f}\t{weight:.2f}" for run, tells, weight in sorted(runs)]
    half = path.with_suffix(".half")
    half.write_text("\n".join(lines) + "\n", encoding="utf-8")
    half.replace(path)
