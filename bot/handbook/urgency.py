"""Chapter 2.4: urgency (紧急程度) and the signals (征象) in a customer's words that raise it.

The table `data/handbook/signals.yml` lists circumstances, not strong words: a signal may raise
what the classifier said, never lower it, and names the clause it rests on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bot.handbook.facts import Fact, find_facts, number
from bot.handbook.requests import RequestKind, Urgency


@dataclass(frozen=True)
class SignalRule:
    """Hold one row of the table: what must be found, what forbids it, and to what it raises.

    `pattern` must match; each of `all_of` must match somewhere too; the least numbers are met by
    a sum, a stretch of time or a count of times said in the text.
    """

    id: str
    title: str
    raises_to: Urgency
    pattern: re.Pattern[str]
    all_of: tuple[re.Pattern[str], ...] = ()
    unless: re.Pattern[str] | None = None
    kinds: frozenset[RequestKind] | None = None
    least_amount: float | None = None
    least_days: float | None = None
    least_times: float | None = None
    basis: str = ""


@dataclass(frozen=True)
class Signal:
    """Hold one reason found in a text: `text[start:end]` is what was said."""

    id: str
    title: str
    raises_to: Urgency
    start: int
    end: int
    basis: str


def signals(
    text: str, table: Sequence[SignalRule], *, kind: RequestKind | None = None
) -> list[Signal]:
    """Find every signal of the table in the text; without a kind, all rows are tried."""
    facts: list[Fact] | None = None
    found = []
    for rule in table:
        if kind is not None and rule.kinds is not None and kind not in rule.kinds:
            continue
        match = rule.pattern.search(text)
        if match is None or not all(more.search(text) for more in rule.all_of):
            continue
        if rule.unless is not None and rule.unless.search(text):
            continue
        if _asks_numbers(rule):
            facts = find_facts(text) if facts is None else facts
            if not _numbers_hold(rule, text, facts):
                continue
        found.append(
            Signal(rule.id, rule.title, rule.raises_to, match.start(), match.end(), rule.basis)
        )
    return found


def raise_urgency(urgency: Urgency, found: Iterable[Signal]) -> Urgency:
    """Return the higher of what was said before and what the signals demand."""
    return max([urgency, *(signal.raises_to for signal in found)], key=lambda level: level.rank)


def _asks_numbers(rule: SignalRule) -> bool:
    return any(v is not None for v in (rule.least_amount, rule.least_days, rule.least_times))


def _numbers_hold(rule: SignalRule, text: str, facts: Sequence[Fact]) -> bool:
    if rule.least_amount is not None:
        sums = [Decimal(fact.value) for fact in facts if fact.name == "amount"]
        if max(sums, default=Decimal(0)) < Decimal(str(rule.least_amount)):
            return False
    if rule.least_days is not None:
        stretches = [_days(fact.value) for fact in facts if fact.name == "duration"]
        if max(stretches, default=0.0) < rule.least_days:
            return False
    return rule.least_times is None or times(text) >= rule.least_times


_DAYS = {"Y": 365.0, "M": 30.0, "W": 7.0, "D": 1.0}
_TIMES = re.compile(
    r"(?:(好几|好多|多少|无数|几百|几十|十几|几)|(\d+|[一二两三四五六七八九十百]+)(?:多|来)?)"
    r"(?:次|回|遍|趟|个电话|通电话)"
)


def _days(length: str) -> float:
    if length.startswith("PT"):
        return 0.0
    return float(length[1:-1]) * _DAYS[length[-1]]


def times(text: str) -> float:
    """Return the largest count of times said in the text; an ordinal (第三次) counts one less."""
    most = 0.0
    for match in _TIMES.finditer(text):
        if match[1]:
            value = 3.0
        else:
            value = float(number(match[2]) or 0)
            if match.start() and text[match.start() - 1] == "第":
                value -= 1
        most = max(most, value)
    return most
