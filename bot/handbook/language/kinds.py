"""Kinds of rules, 规则种类: few, in code; the rules themselves are tables.

phrase, pattern and cooccur look for words; tone looks for a subject in sentences that sound bad;
absence, consistency, fact and checksum name a function of their own module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bot.handbook.language.case import Case
from bot.handbook.language.finding import Level
from bot.handbook.language.text import Reply

KINDS = ("phrase", "pattern", "cooccur", "tone", "absence", "consistency", "fact", "checksum")


@dataclass(frozen=True)
class Hit:
    """A place of the normalised text that a rule objects to; `detail` completes its message."""

    start: int
    end: int
    detail: str = ""


@dataclass(frozen=True)
class Search:
    """One thing that a rule does when one of its anchors stands in a reply.

    A pattern that stays in its clause or sentence is tried only on those with an anchor, and with
    one of the further literals if there are any; without a pattern, the rule's own function looks
    at the whole reply.
    """

    anchors: frozenset[str]
    pattern: re.Pattern[str] | None = None
    reach: str = "reply"
    further: frozenset[str] = frozenset()


Match = Callable[[Reply, Case], Iterator[Hit]]


@dataclass(frozen=True)
class Brand:
    """What one operator (or everybody, for the entry `common`) may print: numbers and domains."""

    name: str
    titles: tuple[str, ...] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Materials:
    """What a structural rule is built from, besides its own parameters."""

    compile: Callable[[str], re.Pattern[str]]
    brands: Mapping[str, Brand]


@dataclass(frozen=True)
class Structural:
    """A function that a table may name, and the parameters it takes."""

    build: Callable[[Mapping[str, Any], Materials], Match]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Example:
    """A sentence that a rule must catch, or leave alone, in its own circumstances."""

    text: str
    line: int
    span: str = ""
    fixed: str | None = None
    speaker: str | None = None
    turn: str | None = None
    context: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fix:
    """A change that cannot alter the meaning: replace, delete, squeeze or mask."""

    op: str
    text: str = ""
    pairs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unless:
    """A pattern that silences a hit when it stands in the same clause, sentence or reply."""

    pattern: re.Pattern[str]
    within: str


@dataclass(frozen=True, eq=False)
class LanguageRule:
    """One rule of one table, compiled."""

    id: str
    title: str
    group: str
    kind: str
    report: str
    levels: Mapping[str, Level]
    applies: frozenset[str]
    turns: frozenset[str]
    contexts: frozenset[str]
    guards: tuple[str, ...]
    searches: tuple[Search, ...]
    match: Match | None
    compact: bool
    patterns: tuple[re.Pattern[str], ...]
    unless: Unless | None
    unless_facts: tuple[str, ...]
    antipatterns: tuple[tuple[str, re.Pattern[str]], ...]
    spared_by: re.Pattern[str] | None
    yields_to: frozenset[str]
    tone: bool
    grave: bool
    message: str
    suggestion: str
    fix: Fix | None
    overridable: bool
    basis: str
    owner: str
    since: date
    bad: tuple[Example, ...]
    good: tuple[Example, ...]
    file: str
    line: int

    def level(self, context: str | None) -> Level:
        """Give the level in a context, or the default one."""
        return self.levels.get(context or "default") or self.levels["default"]

    def yields(self, other: LanguageRule) -> bool:
        """Tell whether it gives way to another rule, named by its id or by its group.

        Nothing gives way to a rule that cannot say what is wrong.
        """
        if other.grave:
            return False
        return other.id in self.yields_to or other.group in self.yields_to

    def covers(self, speaker: str, turn: str | None, context: str | None) -> bool:
        """Tell whether the rule looks at such replies; what is not known is not covered."""
        if speaker not in self.applies:
            return False
        if self.turns and turn not in self.turns:
            return False
        return not self.contexts or context in self.contexts


def match_raw(patterns: tuple[re.Pattern[str], ...]) -> Match:
    """Match the text as given: for case, script and symbols that normalisation evens out."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        for pattern in patterns:
            for hit in search_all(pattern, reply.raw):
                yield Hit(*reply.normalised(hit.start, hit.end))

    return match


def match_compact(patterns: tuple[re.Pattern[str], ...]) -> Match:
    """Match across separators that were put between characters to dodge a rule."""

    def match(reply: Reply, case: Case) -> Iterator[Hit]:
        if reply.compact is None:
            return
        text, kept = reply.compact
        for pattern in patterns:
            for hit in search_all(pattern, text):
                yield Hit(kept[hit.start], kept[hit.end - 1] + 1)

    return match


def search_all(
    pattern: re.Pattern[str], text: str, start: int = 0, end: int | None = None
) -> Iterator[Hit]:
    """Search on from the next character, so that a silenced hit cannot hide one inside it."""
    stop = len(text) if end is None else end
    found = pattern.search(text, start, stop)
    while found:
        if found.end() > found.start():
            yield Hit(*found.span())
        found = pattern.search(text, found.start() + 1, stop)
