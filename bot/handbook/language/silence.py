"""Silencing, 豁免判定: what takes a hit back before it counts, be it a guard, an exception or a longer word."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Any

from bot.handbook.language.amounts import amounts, read_amounts, same
from bot.handbook.language.case import Case
from bot.handbook.language.finding import Finding, Suppressed
from bot.handbook.language.guards import GUARDS
from bot.handbook.language.kinds import Hit, LanguageRule, search_all
from bot.handbook.language.text import Reply

_OVERLAPS = 100  # longer than any antipattern reaches, in places where one may begin


class Pardons:
    """Where the antipatterns of a rule stand in a reply; looked for once, for all its hits."""

    def __init__(self, rule: LanguageRule, reply: Reply) -> None:
        self._antipatterns = rule.antipatterns
        self._text = reply.text
        self._spans: list[list[tuple[int, int]]] | None = None

    def of(self, hit: Hit) -> str:
        """Give the first antipattern that a hit overlaps."""
        if not self._antipatterns:
            return ""
        if self._spans is None:
            self._spans = [
                [(each.start, each.end) for each in search_all(pattern, self._text)]
                for _, pattern in self._antipatterns
            ]
        for (source, _), spans in zip(self._antipatterns, self._spans, strict=True):
            last = bisect_left(spans, (hit.end, 0))
            if any(end > hit.start for _, end in spans[max(0, last - _OVERLAPS) : last]):
                return source
        return ""


def silenced_by(
    rule: LanguageRule, reply: Reply, case: Case, hit: Hit, pardons: Pardons | None = None
) -> str:
    """Name the guard, exception or antipattern that takes a hit back, or answer nothing."""
    for guard in rule.guards:
        if GUARDS[guard](reply, hit.start, hit.end):
            return guard
    if rule.unless:
        left, right = reply.stretch(rule.unless.within, hit.start, hit.end)
        if reply.holds(rule.unless.pattern, left, right):
            return "unless"
    if rule.spared_by and reply.holds(rule.spared_by, 0, len(reply.text)):
        return "spared_by"
    for name in rule.unless_facts:
        if is_granted(case.facts.get(name), reply, hit, only_sums=rule.grave):
            return name
    return (pardons or Pardons(rule, reply)).of(hit)


def is_granted(fact: Any, reply: Reply, hit: Hit, *, only_sums: bool = False) -> bool:
    """Tell whether a fact covers what is said: as a whole, or exactly the sums of the sentence.

    Of a rule without a subject (`only_sums`) it covers nothing else.
    """
    if not fact:
        return False
    granted = read_amounts(fact)
    said = [each.value for each in amounts(reply.text, *reply.sentence(hit.start, hit.end))]
    if only_sums and not (granted and said):
        return False
    return not granted or all(any(same(sum_, each) for each in granted) for sum_ in said)


def giving_way(
    reply: Reply, findings: list[Finding], rule_of: Callable[[str], LanguageRule]
) -> tuple[list[Finding], list[Suppressed]]:
    """Take back what a weak rule found in a clause where one that knows better found something."""
    kept: list[Finding] = []
    taken: list[Suppressed] = []
    for each in findings:
        weak = rule_of(each.rule)
        better = [other for other in findings if weak.yields(rule_of(other.rule))]
        by = _better(reply, each, better)
        if by:
            taken.append(Suppressed(each.rule, each.start, each.end, each.matched, by))
        else:
            kept.append(each)
    return kept, taken


def _better(reply: Reply, weak: Finding, others: list[Finding]) -> str:
    left, right = reply.clause(*reply.normalised(weak.start, weak.end)) if others else (0, 0)
    for other in others:
        start, end = reply.normalised(other.start, other.end)
        if start < right and left < end:
            return other.rule
    return ""
