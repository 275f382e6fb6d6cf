"""Lines that tone and second opinion learn from, 语气语料: each fine, or of one family of bad ones.

Three sources: single sentences (`<family>.txt`), whole replies in which the bad part is marked
(`replies/*.tsv`: family, bad part, reply), and the examples of the rules with the fine replies
beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.handbook.errors import TableError
from bot.handbook.language.checker import TABLES, load_checker
from bot.handbook.language.kinds import LanguageRule
from bot.settings import ROOT

DATA = ROOT / "data" / "language" / "opinion"
FINE = "fine"
SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_FINE_REPLIES = "fine_replies.txt"
_OF_RULES = 3.0  # an example of a rule is not to be talked out of by what resembles it
_SHORTEST = 4  # characters of a sentence that is learned by itself
# Form, facts and privacy have exact rules; tone and intent are what a model can add to.
_OF_TONE = re.compile(r"FBD|PRM|VAG|CPL|DIS|FRD|EXG|RSP|JRG|ACK-03|PRV-0[469]|GRT-0[67]")


@dataclass(frozen=True, slots=True)
class Line:
    """A text, its family, the reply it stands in (it is learned as one), and how much it counts."""

    text: str
    family: str
    reply: str
    counts: float = 1.0


def read_lines(folder: Path = DATA, tables: Path | None = TABLES) -> list[Line]:
    """Read all lines, each once; raise `TableError` at a reply that is not in the form."""
    lines = [
        Line(text, path.stem, text)
        for path in sorted(folder.glob("*.txt"))
        for text in _texts(path)
    ]
    for path in sorted(folder.glob("replies/*.tsv")):
        for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            lines += _of_reply(row, path, number)
    if tables is not None:
        for rule in load_checker(tables, verify=False).rules:
            lines += _examples(rule)
        replies = (text.rpartition("\t")[2] for text in _texts(tables / _FINE_REPLIES))
        lines += [Line(text, FINE, text) for text in replies]
    return list({(line.text, line.family): line for line in lines}.values())


def _texts(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def _of_reply(row: str, path: Path, number: int) -> Iterator[Line]:
    """Yield the whole reply and, of several sentences, those of which is known what they are."""
    family, part, text = [*row.split("\t"), "", ""][:3]
    begin = text.find(part) if family != FINE else -1
    if not text or (family == FINE) is bool(part) or (part and begin < 0):
        raise TableError(
            file=path, line=number, key=family,
            expected="family, the bad part as it stands in the reply (none if it is fine), reply",
        )  # fmt: skip
    yield Line(text, family, text)
    sentences = [each for each in SENTENCE.finditer(text) if len(each[0].strip()) >= _SHORTEST]
    for each in sentences if len(sentences) > 1 else ():
        # Beside a bad part, a sentence may be fine or not.
        if family == FINE or (each.start() < begin + len(part) and begin < each.end()):
            yield Line(each[0].strip(), family, text)


def _examples(rule: LanguageRule) -> Iterator[Line]:
    family = rule.group if rule.report == rule.id else rule.report
    counts = {level.value for level in rule.levels.values()} != {"suggest"}
    if rule.kind == "pattern" and counts and _OF_TONE.match(rule.id):
        yield from (Line(each.text, family, each.text, _OF_RULES) for each in rule.bad)
    yield from (Line(each.text, FINE, each.text, _OF_RULES) for each in rule.good)
